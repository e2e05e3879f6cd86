import { DISPATCH_ENDED_SIGNAL } from '@pegasus-workflows/contracts';
import { type Logger } from '@pegasus-workflows/kit';
import { eq } from 'drizzle-orm';
import { type Database } from '../infra/database.js';
import {
  exponentialBackoff,
  NotNowError,
  OutboxWorker,
  type Finish,
  type OutboxItem,
} from '../infra/outbox.js';
import { agentDispatches, executions } from '../infra/schema.js';
import { TemporalError, type TemporalPort } from '../infra/temporal.js';

/**
 * Job: tells the execution that dispatched something that it has ended.
 *
 * Boundary: an outbox item of the topic DISPATCH_ENDED, written with the end. What the execution does with the signal is
 * its code's.
 *
 * Invariants
 * 1. Every end is signalled, at least once and under one request id, unless the execution's run is closed or unknown.
 */
export interface ParentsParts {
  db: Database;
  temporal: TemporalPort;
  logger: Logger;
  clock: () => Date;
}

const MAXIMUM_ATTEMPTS = 50;
const ASK_AGAIN_MS = 1_000;

/** Kick it after the commit in which something has ended. */
export function parentsWorker(parts: ParentsParts): OutboxWorker {
  return new OutboxWorker({
    ...parts,
    topic: 'DISPATCH_ENDED',
    maximumAttempts: MAXIMUM_ATTEMPTS,
    retryAfterMs: exponentialBackoff,
    handle: (item, finish) => tell(parts, item, finish),
  });
}

async function tell(
  { db, temporal }: ParentsParts,
  { refId: dispatchId }: OutboxItem,
  finish: Finish,
): Promise<void> {
  const [parent] = await db.system((tx) =>
    tx
      .select({ workflowId: executions.temporalWorkflowId })
      .from(agentDispatches)
      .innerJoin(executions, eq(executions.id, agentDispatches.parentExecutionId))
      .where(eq(agentDispatches.id, dispatchId)),
  );
  if (parent) {
    const requestId = `dispatch-ended-${dispatchId}`;
    const message = { name: DISPATCH_ENDED_SIGNAL, args: [{ dispatchId }], requestId };
    await temporal.signal(parent.workflowId, message).catch((error: unknown) => {
      const isAway = error instanceof TemporalError && error.certainty === 'unknown';
      throw isAway ? new NotNowError(error.message, ASK_AGAIN_MS) : error;
    });
  }
  await db.system(finish);
}
