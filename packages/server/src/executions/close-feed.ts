import { parseTemporalWorkflowId } from '@pegasus-workflows/contracts';
import { type Logger } from '@pegasus-workflows/kit';
import { type Database } from '../infra/database.js';
import { periodic, type Stoppable } from '../infra/periodic.js';
import { type TemporalPort, type VisibleRun } from '../infra/temporal.js';
import { followCloses } from './close-follow.js';
import { type OutcomeWriter } from './outcome.js';

/**
 * Job: once a second, asks Temporal's visibility which runs have closed since the last time, whoever closed them, and
 * has the rows that are still open follow.
 *
 * Boundary: an accelerator like the watchers; visibility is eventually consistent, so the reconciler has the last word.
 *
 * Invariants
 * 1. Consecutive queries overlap by {@link OVERLAP_MS} of Temporal's clock, so that a run indexed late is still seen.
 * 2. A run is looked at once, however often the overlap shows it.
 * 3. While every open row is watched, nothing is asked.
 * 4. Child runs and strangers' ids are passed over.
 * 5. A run that cannot be understood is logged, and keeps no other row from following.
 */
export const FEED_INTERVAL_MS = 1_000;
export const OVERLAP_MS = 5_000;
/** How far back the first query goes, and one after a pause: more than two clocks are likely to be apart. */
const LOOK_BACK_MS = 60_000;

export interface CloseFeedParts {
  db: Database;
  temporal: TemporalPort;
  outcome: OutcomeWriter;
  logger: Logger;
  /** Whether some open row has no watcher. */
  needed: () => boolean;
}

export function startCloseFeed(parts: CloseFeedParts, intervalMs: number = FEED_INTERVAL_MS): Stoppable {
  const round = closeFeed(parts);
  return periodic('close feed', intervalMs, round, parts.logger);
}

/** One round of the feed, with what it remembers between rounds. */
export function closeFeed({
  db,
  temporal,
  outcome,
  logger,
  needed,
}: CloseFeedParts): (signal: AbortSignal) => Promise<void> {
  let newestClose: number | undefined;
  /** Run id → its close time, as long as the overlap can show it again. */
  const seen = new Map<string, number>();

  return async (signal) => {
    if (!needed()) {
      newestClose = undefined;
      seen.clear();
      return;
    }
    const since = newestClose === undefined ? Date.now() - LOOK_BACK_MS : newestClose - OVERLAP_MS;
    const fresh = new Map<string, VisibleRun>();
    for await (const run of temporal.listClosedSince(new Date(since))) {
      const closedAt = run.closedAt?.getTime() ?? since;
      newestClose = Math.max(newestClose ?? closedAt, closedAt);
      if (seen.has(run.runId)) continue;
      seen.set(run.runId, closedAt);
      const id = run.parentWorkflowId ? undefined : parseTemporalWorkflowId(run.workflowId)?.executionId;
      if (id) fresh.set(id, run);
      signal.throwIfAborted();
    }
    for (const [runId, closedAt] of seen) if (closedAt < (newestClose ?? 0) - OVERLAP_MS) seen.delete(runId);
    try {
      await followCloses({ db, temporal, outcome, logger }, fresh, signal);
    } catch (error) {
      for (const run of fresh.values()) seen.delete(run.runId);
      throw error;
    }
  };
}
