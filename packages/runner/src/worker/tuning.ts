import { type WorkerOptions } from '@temporalio/worker';

/** How one artifact's Temporal Worker is sized. Pollers and slots are the SDK's own defaults, written down so that an upgrade cannot move them. */
export const TUNING = {
  reuseV8Context: true,
  workflowThreadPoolSize: 1,
  maxCachedWorkflows: 300,
  maxConcurrentWorkflowTaskExecutions: 40,
  maxConcurrentActivityTaskExecutions: 100,
  maxConcurrentLocalActivityExecutions: 100,
  workflowTaskPollerBehavior: { type: 'simple-maximum', maximum: 10 },
  activityTaskPollerBehavior: { type: 'simple-maximum', maximum: 10 },
  // A killed worker's sticky queue delays its workflows by this much, so less than the SDK's 10 s.
  stickyQueueScheduleToStartTimeout: '5s',
} as const satisfies Partial<WorkerOptions>;
