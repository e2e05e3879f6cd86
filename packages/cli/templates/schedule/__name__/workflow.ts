import {
  continueAsNew,
  defineQuery,
  executeChild,
  log,
  matchInput,
  proxyActivities,
  setHandler,
  workflowInfo,
  WorkflowExecutionAlreadyStartedError,
  type WorkflowInput,
} from 'pegasus-workflows-sdk/workflow';
import type * as activities from './activities/index.js';

/** How far the night's work has come; ask the run of `processPages`. */
export const progressQuery = defineQuery<Progress>('progress');

export interface Progress {
  pages: number;
  processed: number;
  /** Where the next page begins; null before the first. */
  after: string | null;
}

export type Outcome = { skipped: false; pages: number; processed: number } | { skipped: true };

const PAGE_SIZE = 50;
/** A run's history is kept and replayed whole: after so many pages it goes on in a fresh one. */
const PAGES_PER_RUN = 100;

const { processPage } = proxyActivities<typeof activities>({
  startToCloseTimeout: '1 hour',
  // A worker that died is noticed after this long, not after the hour.
  heartbeatTimeout: '1 minute',
  retry: { initialInterval: '5 seconds', maximumInterval: '10 minutes' },
});

/**
 * One tick of the schedule. The work is a child whose id is the same every night: Temporal runs one of an id at a
 * time, so a night that takes longer than a day makes the next one skip, however it was started.
 */
export async function __camelName__Workflow(argument: WorkflowInput): Promise<Outcome> {
  const asOf = readTick(argument);
  try {
    const { pages, processed } = await executeChild(processPages, {
      workflowId: `${workflowInfo().workflowId.replace(/\/[^/]*$/, '')}/pages`,
      args: [asOf],
      // Who cancels the tick means the work.
      parentClosePolicy: 'REQUEST_CANCEL',
    });
    return { skipped: false, pages, processed };
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    log.warn('the night before is still at work; this one is skipped', { asOf });
    return { skipped: true };
  }
}

/** Works through all pages, in as many runs as it takes: what is carried from one to the next is `progress`. */
export async function processPages(
  asOf: string,
  progress: Progress = { pages: 0, processed: 0, after: null },
): Promise<Progress> {
  let current = progress;
  setHandler(progressQuery, () => current);
  for (let pages = 0; pages < PAGES_PER_RUN && !workflowInfo().continueAsNewSuggested; pages++) {
    const { processed, next } = await processPage({ asOf, after: current.after, size: PAGE_SIZE });
    current = { pages: current.pages + 1, processed: current.processed + processed, after: next };
    if (next === null) return current;
  }
  return continueAsNew<typeof processPages>(asOf, current);
}

/** The moment the night belongs to. A tick that comes late still works as of when it was due. */
function readTick(argument: WorkflowInput): string {
  const now = (): string => new Date().toISOString();
  return matchInput(argument, {
    schedule: ({ input }) => input.scheduledAt,
    manual: ({ input }) => (typeof input?.['asOf'] === 'string' ? input['asOf'] : now()),
    test: () => now(),
  });
}
