/** Decides, from a picture of the moment, what to unload. Pure: `tenant-pool.ts` takes the picture and acts. */

export interface QueueView {
  taskQueue: string;
  /** What the newest demand says of it. */
  demand: 'open' | 'prewarm' | 'none';
  /** When it was last in demand, ms of any monotonic clock. */
  lastDemandedAt: number;
}

export interface ProcessView {
  tenantId: string;
  rssBytes: number;
  /** Same clock as `now`. */
  startedAt: number;
  queues: QueueView[];
}

export interface MomentView {
  now: number;
  idleMs: number;
  budgetBytes: number;
  tenantBytes: number;
  /** Something is being unloaded, drained or loaded: memory is about to change, so none is reclaimed now. */
  settling: boolean;
  spareBytes: number;
  processes: ProcessView[];
}

export interface EvictionPlan {
  /** Task queues to unload. A process left with none is stopped. */
  unload: { taskQueue: string; reason: 'idle' | 'memory' }[];
  dropSpare: boolean;
  /** Tenants whose process is to be drained and replaced. */
  replace: string[];
  /** Over budget with nothing left that may go: every queue has an open run. */
  overBudget: boolean;
}

/** A process over its cap is not replaced younger than this: it would only fill up again. */
export const MIN_REPLACE_AGE_MS = 30_000;

/**
 * Idle first: whatever has been out of demand for `idleMs`. Then, over budget: the spare, whole processes without an
 * open run, single queues without one; the least recently demanded first. A queue with an open run is never evicted,
 * as it would be back at once.
 */
export function planEviction(view: MomentView): EvictionPlan {
  const plan: EvictionPlan = { unload: [], dropSpare: false, replace: [], overBudget: false };
  const gone = new Set<string>();
  const evict = (taskQueue: string, reason: 'idle' | 'memory'): void => {
    gone.add(taskQueue);
    plan.unload.push({ taskQueue, reason });
  };
  for (const queue of view.processes.flatMap((process) => process.queues))
    if (queue.demand === 'none' && view.now - queue.lastDemandedAt >= view.idleMs)
      evict(queue.taskQueue, 'idle');
  if (view.settling || gone.size > 0) return plan;

  let excess = view.spareBytes - view.budgetBytes;
  for (const process of view.processes) excess += process.rssBytes;
  if (excess > 0 && view.spareBytes > 0) {
    plan.dropSpare = true;
    excess -= view.spareBytes;
  }
  for (const candidate of candidates(view.processes)) {
    if (excess <= 0) break;
    for (const queue of candidate.queues) evict(queue.taskQueue, 'memory');
    excess -= candidate.bytes;
  }
  plan.overBudget = excess > 0;
  plan.replace = view.processes
    .filter((process) => process.rssBytes > view.tenantBytes)
    .filter((process) => view.now - process.startedAt >= MIN_REPLACE_AGE_MS)
    .filter((process) => process.queues.every((queue) => !gone.has(queue.taskQueue)))
    .map((process) => process.tenantId);
  return plan;
}

interface Candidate {
  queues: QueueView[];
  /** What their going is expected to free. */
  bytes: number;
  lastDemandedAt: number;
}

function candidates(processes: ProcessView[]): Candidate[] {
  const whole: Candidate[] = [];
  const single: Candidate[] = [];
  for (const { queues, rssBytes } of processes) {
    const closed = queues.filter((queue) => queue.demand !== 'open');
    if (closed.length === 0) continue;
    if (closed.length === queues.length) {
      const lastDemandedAt = Math.max(...closed.map((queue) => queue.lastDemandedAt));
      whole.push({ queues: closed, bytes: rssBytes, lastDemandedAt });
      continue;
    }
    // The base of the process stays, so a queue's share is counted low rather than high.
    const bytes = rssBytes / (queues.length + 1);
    for (const queue of closed) single.push({ queues: [queue], bytes, lastDemandedAt: queue.lastDemandedAt });
  }
  const byAge = (a: Candidate, b: Candidate): number => a.lastDemandedAt - b.lastDemandedAt;
  return [...whole.sort(byAge), ...single.sort(byAge)];
}
