import {
  DISPATCH_ANSWER_SIGNAL,
  DISPATCH_PAUSE_SIGNAL,
  DISPATCH_RESUME_SIGNAL,
  DISPATCH_WORKFLOW_TYPE,
  dispatchQueue,
  dispatchRunId,
  type DispatchAnswer,
  type DispatchRun,
} from '@pegasus-workflows/contracts';
import { failpoint, type Logger } from '@pegasus-workflows/kit';
import { and, eq, ne, sql } from 'drizzle-orm';
import { type Registry } from 'prom-client';
import { type Database, type Tx } from '../infra/database.js';
import { oneLine } from '../infra/failure-text.js';
import {
  exponentialBackoff,
  NotNowError,
  OutboxWorker,
  type Finish,
  type OutboxItem,
} from '../infra/outbox.js';
import { type Stoppable } from '../infra/periodic.js';
import { agentDispatches, agentOrders } from '../infra/schema.js';
import { TEMPORAL_DEADLINES, TemporalError, type TemporalPort } from '../infra/temporal.js';
import { endDispatch, resultWithout } from './ending.js';
import { type DispatchRow } from './row.js';
import { getDispatch, lockDispatch, nextOrder, type OrderRow } from './store.js';

/**
 * Job: brings a dispatch's run in line with its row: starts it, and tells it what was ordered, in order.
 *
 * Boundary: an outbox item of the topic DISPATCH is one dispatch that has something to be done. The run itself is the
 * host's; how it ends, the host reports, or `reconciler.ts` finds out.
 *
 * Invariants
 * 1. A run is asked of Temporal only after `startAskedAt` was written under the row's lock, so that a cancellation is
 *    either before it, and nothing is started, or after it, and the run is told.
 * 2. Starting is idempotent by the run's id, and a signal by its order: a step that is repeated after a crash counts once.
 * 3. A start that Temporal has refused ends the dispatch as failed; while nobody can say, it is asked again.
 * 4. An item ends only under the row's lock and with nothing left to tell, so no order is left behind.
 * 5. A run that no host has taken is ended here when it is cancelled: nobody else would.
 */
export interface RunsParts {
  db: Database;
  temporal: TemporalPort;
  logger: Logger;
  clock: () => Date;
  onEnded: (row: DispatchRow) => void;
  metrics?: Registry;
}

/** Several calls of Temporal, each with its deadline. */
const LEASE_MS = 120_000;
const MAXIMUM_ATTEMPTS = 50;
/** While Temporal does not answer. */
const ASK_AGAIN_MS = 1_000;

export class DispatchRuns {
  readonly #parts: RunsParts;
  readonly #worker: OutboxWorker;

  constructor(parts: RunsParts) {
    this.#parts = parts;
    this.#worker = new OutboxWorker({
      ...parts,
      topic: 'DISPATCH',
      leaseMs: LEASE_MS,
      maximumAttempts: MAXIMUM_ATTEMPTS,
      retryAfterMs: exponentialBackoff,
      handle: (item, finish) => this.#work(item, finish),
      onDead: (tx, item, reason) => this.#gaveUp(tx, item, reason),
    });
  }

  start(): Stoppable {
    return this.#worker.start();
  }

  /** There is something to do: call after the commit. */
  kick(): void {
    this.#worker.kick();
  }

  /** Works on what is due now; answers how many dispatches that were. */
  round(): Promise<number> {
    return this.#worker.round();
  }

  async #work({ refId, tenantId }: OutboxItem, finish: Finish): Promise<void> {
    const { db } = this.#parts;
    const row = await this.#claim(refId);
    if (!row) return db.system(finish);
    if (row.runId === null && !(await this.#begin(row))) return db.system(finish);
    for (let isDone = false; !isDone;) {
      const order = await db.system((tx) => nextOrder(tx, refId));
      if (order) {
        await this.#tell(row, order);
        failpoint('dispatch.told');
        await this.#told(order);
      }
      isDone = await db.system(async (tx) => {
        const { state } = await lockDispatch(tx, tenantId, refId);
        if (state !== 'ENDED' && (await nextOrder(tx, refId))) return false;
        await finish(tx);
        return true;
      });
    }
  }

  /** Invariant 1. Undefined when it has ended. */
  async #claim(id: string): Promise<DispatchRow | undefined> {
    const { db, clock } = this.#parts;
    const now = clock().toISOString();
    const [row] = await db.system((tx) =>
      tx
        .update(agentDispatches)
        .set({ startAskedAt: sql`coalesce(${agentDispatches.startAskedAt}, ${now}::timestamptz)` })
        .where(and(eq(agentDispatches.id, id), ne(agentDispatches.state, 'ENDED')))
        .returning(),
    );
    return row;
  }

  /** Starts the run; answers false when there is to be none. */
  async #begin(row: DispatchRow): Promise<boolean> {
    const { db, clock, logger } = this.#parts;
    failpoint('dispatch.before-start');
    const { runId, refusal } = await this.#start(row);
    failpoint('dispatch.after-start');
    if (runId !== undefined) {
      const heardAt = clock();
      await db.system((tx) =>
        tx.update(agentDispatches).set({ runId, heardAt }).where(eq(agentDispatches.id, row.id)),
      );
      return true;
    }
    logger.warn({ dispatchId: row.id, reason: refusal }, 'the run of a dispatch was refused');
    await this.#end(row, { status: 'failed', summary: `Temporal refused the start: ${refusal}` });
    return false;
  }

  /** Invariant 3. */
  async #start(row: DispatchRow): Promise<{ runId?: string; refusal?: string }> {
    const { temporal } = this.#parts;
    const { id, tenantId, workspace, task, model, merge, isolation, parentExecutionId } = row;
    const workflowId = dispatchRunId(tenantId, id);
    const argument: DispatchRun = {
      ...{ dispatchId: id, tenantId, workspace, task, model, merge },
      ...(isolation === null ? {} : { isolation }),
      parentSessionId: parentExecutionId ?? id,
    };
    try {
      return await temporal.start({
        workflowId,
        requestId: id,
        workflowType: DISPATCH_WORKFLOW_TYPE,
        taskQueue: dispatchQueue(tenantId, workspace),
        argument,
      });
    } catch (error) {
      const reason = oneLine(error instanceof Error ? error.message : String(error), 500);
      if (error instanceof TemporalError && error.certainty === 'refused') return { refusal: reason };
      const found = await temporal
        .describe(workflowId, { deadlineMs: TEMPORAL_DEADLINES.startCheck })
        .catch(() => undefined);
      if (found) return { runId: found.runId };
      throw new NotNowError(`Temporal did not confirm the start (${reason}).`, ASK_AGAIN_MS);
    }
  }

  /** Invariant 2. A run that is closed or unknown is the reconciler's to follow: there is nobody to tell any more. */
  async #tell(row: DispatchRow, order: OrderRow): Promise<void> {
    const { temporal, logger } = this.#parts;
    const workflowId = dispatchRunId(row.tenantId, row.id);
    try {
      if (order.kind === 'CANCEL') return await this.#cancel(row, workflowId);
      const requestId = `order-${order.seq}`;
      const outcome = await temporal.signal(workflowId, { ...signalOf(order), requestId });
      if (outcome !== 'sent')
        logger.info({ dispatchId: row.id, kind: order.kind, outcome }, 'a run was not there to be told');
    } catch (error) {
      if (!(error instanceof TemporalError)) throw error;
      const reason = oneLine(error.message, 500);
      if (error.certainty === 'unknown') throw new NotNowError(reason, ASK_AGAIN_MS);
      logger.warn(
        { dispatchId: row.id, kind: order.kind, reason },
        'Temporal refused what a run was to be told',
      );
    }
  }

  async #cancel(row: DispatchRow, workflowId: string): Promise<void> {
    const { temporal, db } = this.#parts;
    const { state } = await db.system((tx) => getDispatch(tx, row.tenantId, row.id));
    if (state === 'QUEUED' && (await this.#isUntaken(workflowId))) {
      const run = await temporal.describe(workflowId);
      if (run) await temporal.terminate(workflowId, run.runId, 'cancelled before a host had taken it');
      failpoint('dispatch.terminated');
      const summary = 'It was cancelled before an agent host had taken it.';
      return this.#end(row, { status: 'cancelled', summary });
    }
    await temporal.cancel(workflowId, `cancel-${row.id}`);
  }

  /** Whether no worker has ever had a task of the run. */
  async #isUntaken(workflowId: string): Promise<boolean> {
    const history = await this.#parts.temporal.history(workflowId, { withPending: false });
    return history !== undefined && !history.events.some(({ type }) => type === 'WorkflowTaskStarted');
  }

  async #told({ seq }: OrderRow): Promise<void> {
    const { db, clock } = this.#parts;
    const sentAt = clock();
    await db.system((tx) => tx.update(agentOrders).set({ sentAt }).where(eq(agentOrders.seq, seq)));
  }

  async #end(row: DispatchRow, how: Parameters<typeof resultWithout>[2]): Promise<void> {
    const { db, clock, onEnded } = this.#parts;
    const ended = await db.system((tx) => endUnlessEnded(tx, row, how, clock()));
    if (ended) onEnded(ended);
  }

  /** A run that could not even be asked for will not come; of one that is there, the reconciler hears. */
  async #gaveUp(tx: Tx, { tenantId, refId }: OutboxItem, reason: string): Promise<void> {
    const { clock, onEnded } = this.#parts;
    const row = await lockDispatch(tx, tenantId, refId);
    if (row.runId !== null) return;
    const summary = `It could not be started: ${reason}`;
    const ended = await endUnlessEnded(tx, row, { status: 'failed', summary }, clock());
    if (ended) onEnded(ended);
  }
}

/** Ends a dispatch that gave no result; undefined when it had ended already. */
export async function endUnlessEnded(
  tx: Tx,
  { tenantId, id }: Pick<DispatchRow, 'tenantId' | 'id'>,
  how: Parameters<typeof resultWithout>[2],
  now: Date,
): Promise<DispatchRow | undefined> {
  const row = await lockDispatch(tx, tenantId, id);
  if (row.state === 'ENDED') return undefined;
  return endDispatch(tx, row, await resultWithout(tx, row, how, now), now);
}

function signalOf({ kind, questionId, answer }: OrderRow): { name: string; args: readonly unknown[] } {
  if (kind === 'PAUSE') return { name: DISPATCH_PAUSE_SIGNAL, args: [] };
  if (kind === 'RESUME') return { name: DISPATCH_RESUME_SIGNAL, args: [] };
  const value: DispatchAnswer = { questionId: questionId ?? '', answer: answer ?? 'refused' };
  return { name: DISPATCH_ANSWER_SIGNAL, args: [value] };
}
