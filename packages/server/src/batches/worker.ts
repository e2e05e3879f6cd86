import { ERROR_TABLE, PegasusError, type Execution } from '@pegasus-workflows/contracts';
import { failpoint, type Logger } from '@pegasus-workflows/kit';
import { type ExecutionEngine } from '../executions/engine.js';
import { type Caller } from '../executions/lookup.js';
import { actAs } from '../infra/actor.js';
import { type AuditPort } from '../infra/context.js';
import { type Database } from '../infra/database.js';
import { oneLine } from '../infra/failure-text.js';
import { enqueue, exponentialBackoff, OutboxWorker, type Finish, type OutboxItem } from '../infra/outbox.js';
import { type Stoppable } from '../infra/periodic.js';
import { forEachLimited } from '../infra/pool.js';
import { settle, type BatchItem, type BatchRow, type BatchStore, type Settled } from './store.js';

/**
 * Job: does a batch's operation to one execution after the other, a page at a time.
 *
 * Boundary: `ExecutionService` and `Controls` do it, as if whoever began the batch had asked for each. An outbox item of
 * the topic BATCH is a page: it ends, and the next one begins, in the transaction that says what became of its items.
 *
 * Invariants
 * 1. Every item is done, skipped or failed in the end, whatever is killed when, unless the batch is stopped.
 * 2. An operation that a killed server had done already is not done twice: cancelling and terminating have no second
 *    effect, and a retry's idempotency key is made of the batch and the execution.
 * 3. Each act is in the audit log before it is done, by whoever began the batch.
 * 4. What may fare better later is tried {@link ATTEMPTS} times, others first.
 */
const PAGE = 24;
const WIDTH = 8;
/** Longer than a page takes when every call of it needs all of its time. */
const LEASE_MS = 90_000;
const ATTEMPTS = 6;
/** A page whose server was killed that often is given up. */
const PAGE_ATTEMPTS = 50;

export interface BatchParts {
  db: Database;
  logger: Logger;
  clock: () => Date;
  audit: Pick<AuditPort, 'recordAct'>;
  engine: Pick<ExecutionEngine, 'service' | 'controls'>;
  store: BatchStore;
}

export class BatchWorker {
  readonly #parts: BatchParts;
  readonly #worker: OutboxWorker;

  constructor(parts: BatchParts) {
    this.#parts = parts;
    this.#worker = new OutboxWorker({
      ...parts,
      topic: 'BATCH',
      // Two pages at once, of different batches: a large one does not hold up a small one.
      width: 2,
      leaseMs: LEASE_MS,
      maximumAttempts: PAGE_ATTEMPTS,
      retryAfterMs: exponentialBackoff,
      handle: (item, finish) => this.#work(item, finish),
    });
  }

  start(): Stoppable {
    return this.#worker.start();
  }

  /** There is a new batch: call after the commit. */
  kick(): void {
    this.#worker.kick();
  }

  /** Works on what is due now, at most a page of each batch; answers how many pages that were. */
  round(): Promise<number> {
    return this.#worker.round();
  }

  async #work({ refId, tenantId }: OutboxItem, finish: Finish): Promise<void> {
    const { store, db, clock } = this.#parts;
    const page = await store.nextPage(refId, PAGE);
    const settled: Settled[] = [];
    await forEachLimited(page?.items ?? [], WIDTH, async (item) => {
      settled.push(await this.#settle(page!.batch, item));
      failpoint('batch.acted');
    });
    failpoint('batch.before-finish');
    await db.system(async (tx) => {
      await finish(tx);
      const attempts = await settle(tx, refId, settled);
      if (attempts === undefined) return;
      const wait = attempts === 0 ? 0 : exponentialBackoff(attempts);
      const availableAt = new Date(clock().getTime() + wait);
      await enqueue(tx, { tenantId, topic: 'BATCH', refId, availableAt });
    });
    failpoint('batch.finished');
  }

  async #settle(batch: BatchRow, item: BatchItem): Promise<Settled> {
    try {
      const { actor } = batch;
      await (actor ? actAs(actor, () => this.#act(batch, item)) : this.#act(batch, item));
      return { item, state: 'DONE' };
    } catch (error) {
      if (!(error instanceof PegasusError)) throw error;
      const sentence = oneLine(error.message, 500);
      if (SKIPS.has(error.code)) return { item, state: 'SKIPPED', error: sentence };
      const mayTryAgain = ERROR_TABLE[error.code].retryable && error.code !== 'TEMPORAL_START_FAILED';
      const isLast = item.attempts + 1 >= ATTEMPTS;
      return { item, state: mayTryAgain && !isLast ? 'later' : 'FAILED', error: sentence };
    }
  }

  async #act(batch: BatchRow, { executionId, workflowId }: BatchItem): Promise<void> {
    const { audit, engine } = this.#parts;
    const { id, tenantId, operation, reason, createdByUserId } = batch;
    const caller: Caller = { tenantId, principalId: createdByUserId ?? tenantId };
    await audit.recordAct({ tenantId, operation, objectKind: 'executions', objectId: executionId });
    switch (operation) {
      case 'cancel':
        await unless(engine.service.cancel(caller, workflowId, executionId), () =>
          this.#is(caller, workflowId, executionId, ({ status }) => status === 'CANCELLED'),
        );
        return;
      case 'terminate':
        await unless(engine.controls.terminate(caller, workflowId, executionId, reason ?? undefined), () =>
          this.#is(
            caller,
            workflowId,
            executionId,
            ({ errorMessage }) => errorMessage?.startsWith('Terminated:') ?? false,
          ),
        );
        return;
      case 'retry':
        await engine.service.retry(caller, workflowId, executionId, `batch-${id}-${executionId}`);
    }
  }

  async #is(
    caller: Caller,
    workflowId: string,
    executionId: string,
    fits: (execution: Execution) => boolean,
  ): Promise<boolean> {
    return fits(await this.#parts.engine.service.get(caller, workflowId, executionId));
  }
}

/** The execution was in no state for it any more, or its workflow is gone. */
const SKIPS = new Set<string>([
  'EXECUTION_NOT_CANCELLABLE',
  'EXECUTION_NOT_OPEN',
  'EXECUTION_NOT_RETRYABLE',
  'NOT_FOUND',
]);

/** A refusal of what has the wanted effect already, by this batch before a crash or by somebody else, is none. */
async function unless(act: Promise<unknown>, isDone: () => Promise<boolean>): Promise<void> {
  try {
    await act;
  } catch (error) {
    const isRefusal = error instanceof PegasusError && SKIPS.has(error.code) && error.code !== 'NOT_FOUND';
    if (!isRefusal || !(await isDone())) throw error;
  }
}
