import { type Logger } from '@pegasus-workflows/kit';
import { and, inArray } from 'drizzle-orm';
import { type Database } from '../infra/database.js';
import { errorForLog } from '../infra/error-log.js';
import { forEachLimited } from '../infra/pool.js';
import { executions } from '../infra/schema.js';
import { type TemporalPort } from '../infra/temporal.js';
import { isOutage } from './outage.js';
import { type OutcomeWriter } from './outcome.js';

/** A run in Temporal's words. */
export interface TemporalRun {
  workflowId: string;
  runId: string;
}

export interface CloseFollowParts {
  db: Database;
  temporal: TemporalPort;
  outcome: OutcomeWriter;
  logger: Logger;
}

/**
 * Asks Temporal about runs that are said to have closed, and has those rows follow that are still open. Which row a run
 * belongs to, its row says: an execution id in the workflow id of another tenant's child leads nowhere.
 *
 * @param runs by execution id
 * @throws the error of Temporal's absence; a run that cannot be understood is logged and passed over
 */
export async function followCloses(
  { db, temporal, outcome, logger }: CloseFollowParts,
  runs: ReadonlyMap<string, TemporalRun>,
  signal: AbortSignal,
): Promise<void> {
  const ids = [...runs.keys()];
  for (let at = 0; at < ids.length; at += 1_000) {
    const open = await db.system((tx) =>
      tx
        .select({ id: executions.id, temporalWorkflowId: executions.temporalWorkflowId })
        .from(executions)
        .where(
          and(
            inArray(executions.id, ids.slice(at, at + 1_000)),
            inArray(executions.status, ['QUEUED', 'RUNNING']),
          ),
        ),
    );
    await forEachLimited(open, 8, async ({ id, temporalWorkflowId }) => {
      const run = runs.get(id)!;
      if (run.workflowId !== temporalWorkflowId) return;
      try {
        const asked = { runId: run.runId, onlyClosed: true, signal };
        const close = await temporal.waitForClose(temporalWorkflowId, asked);
        if (close) await outcome.closed(id, close);
      } catch (error) {
        if (isOutage(error)) throw error;
        logger.error({ error: errorForLog(error), executionId: id }, 'an outcome could not be understood');
      }
    });
  }
}
