import { type WorkerOptions } from '@temporalio/worker';

/** How one artifact's Temporal Worker is sized. Slots are the operator's; pollers are the SDK's own defaults, written down so that an upgrade cannot move them. */
export const TUNING = {
  reuseV8Context: true,
  workflowThreadPoolSize: 1,
  maxCachedWorkflows: 300,
  workflowTaskPollerBehavior: { type: 'simple-maximum', maximum: 10 },
  activityTaskPollerBehavior: { type: 'simple-maximum', maximum: 10 },
  // A killed worker's sticky queue delays its workflows by this much, so less than the SDK's 10 s.
  stickyQueueScheduleToStartTimeout: '5s',
} as const satisfies Partial<WorkerOptions>;
