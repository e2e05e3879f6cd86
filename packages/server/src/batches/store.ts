import {
  BATCH_STATUSES,
  LIMITS,
  PegasusError,
  type Batch,
  type BatchFilter,
  type BatchOperation,
} from '@pegasus-workflows/contracts';
import { and, asc, count, desc, eq, gte, inArray, lt, type SQL, sql } from 'drizzle-orm';
import { currentActor } from '../infra/actor.js';
import { type Database, type Tx } from '../infra/database.js';
import { enqueue } from '../infra/outbox.js';
import { executionBatches, executionBatchItems, executions, workflows } from '../infra/schema.js';

export type BatchRow = typeof executionBatches.$inferSelect;
export type BatchItem = typeof executionBatchItems.$inferSelect;

/** What became of one item; `later`: it is tried again with the next page. */
export interface Settled {
  item: BatchItem;
  state: 'DONE' | 'SKIPPED' | 'FAILED' | 'later';
  error?: string;
}

export interface NewBatch {
  tenantId: string;
  principalId: string;
  operation: BatchOperation;
  filter: BatchFilter;
  reason: string | undefined;
  idempotencyKey: string | undefined;
}

const FAILURES_SHOWN = 20;
const LISTED = 50;

/** The statements about batches. A batch, its items and the outbox's item are written as one. */
export class BatchStore {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** How many executions fit now. Throws VALIDATION_ERROR when the filter cannot fit any. */
  async count(tenantId: string, operation: BatchOperation, filter: BatchFilter): Promise<number> {
    const where = whereOf(tenantId, operation, filter);
    return this.#db.tenant(tenantId, (tx) => countOf(tx, where));
  }

  /** Begins a batch; a repeated idempotency key answers with the first one. Throws VALIDATION_ERROR, CONFLICT. */
  async begin(wanted: NewBatch): Promise<Batch> {
    const { tenantId, principalId, operation, filter, reason = null, idempotencyKey = null } = wanted;
    const where = whereOf(tenantId, operation, filter);
    return this.#db.tenant(tenantId, async (tx) => {
      const [row] = await tx
        .insert(executionBatches)
        .values({
          tenantId,
          operation,
          filter,
          reason,
          idempotencyKey,
          state: 'RUNNING',
          actor: currentActor() ?? null,
          createdByUserId: principalId,
        })
        .onConflictDoNothing()
        .returning();
      if (!row) return repeated(tx, operation, idempotencyKey ?? '');
      const fitting = await countOf(tx, where);
      if (fitting > LIMITS.batchExecutions)
        throw new PegasusError(
          'VALIDATION_ERROR',
          `filter: fits more than ${LIMITS.batchExecutions} executions; narrow it, such as with since and until.`,
        );
      await tx.execute(sql`
        insert into execution_batch_items (batch_id, tenant_id, place, execution_id, workflow_id)
        select ${row.id}, ${tenantId}, row_number() over (order by ${executions.createdAt}, ${executions.id}),
          ${executions.id}, ${executions.workflowId}
        from executions join workflows on ${workflows.id} = ${executions.workflowId} where ${where}`);
      const total = await tx.$count(executionBatchItems, eq(executionBatchItems.batchId, row.id));
      const end = total === 0 ? { state: 'DONE' as const, finishedAt: sql`now()` } : {};
      const [begun] = await tx
        .update(executionBatches)
        .set({ total, ...end })
        .where(eq(executionBatches.id, row.id))
        .returning();
      if (total > 0) await enqueue(tx, { tenantId, topic: 'BATCH', refId: row.id });
      return shown(tx, begun!);
    });
  }

  /** Throws NOT_FOUND. */
  async get(tenantId: string, id: string): Promise<Batch> {
    return this.#db.tenant(tenantId, async (tx) => shown(tx, await rowOf(tx, id)));
  }

  /** Newest first. */
  async list(tenantId: string): Promise<Batch[]> {
    return this.#db.tenant(tenantId, async (tx) => {
      const rows = await tx
        .select()
        .from(executionBatches)
        .where(eq(executionBatches.tenantId, tenantId))
        .orderBy(desc(executionBatches.createdAt))
        .limit(LISTED);
      const batches: Batch[] = [];
      for (const row of rows) batches.push(await shown(tx, row));
      return batches;
    });
  }

  /** What is under way is finished, nothing more is begun; one that is over stays as it is. Throws NOT_FOUND. */
  async stop(tenantId: string, id: string): Promise<Batch> {
    return this.#db.tenant(tenantId, async (tx) => {
      await rowOf(tx, id);
      await tx
        .update(executionBatches)
        .set({ state: 'STOPPED', finishedAt: sql`now()` })
        .where(and(eq(executionBatches.id, id), eq(executionBatches.state, 'RUNNING')));
      return shown(tx, await rowOf(tx, id));
    });
  }

  /** The next items of a batch that runs; undefined when it does not. */
  async nextPage(id: string, size: number): Promise<{ batch: BatchRow; items: BatchItem[] } | undefined> {
    return this.#db.system(async (tx) => {
      const [batch] = await tx.select().from(executionBatches).where(eq(executionBatches.id, id));
      if (batch?.state !== 'RUNNING') return undefined;
      const items = await tx
        .select()
        .from(executionBatchItems)
        .where(and(eq(executionBatchItems.batchId, id), eq(executionBatchItems.state, 'PENDING')))
        .orderBy(asc(executionBatchItems.attempts), asc(executionBatchItems.place))
        .limit(size);
      return { batch, items };
    });
  }
}

/** Writes what became of a page, in the transaction that ends it; answers how many attempts the next item has had. */
export async function settle(tx: Tx, batchId: string, page: readonly Settled[]): Promise<number | undefined> {
  for (const { item, state, error } of page)
    await tx
      .update(executionBatchItems)
      .set({
        state: state === 'later' ? 'PENDING' : state,
        error: error ?? null,
        attempts: item.attempts + 1,
      })
      .where(and(eq(executionBatchItems.batchId, batchId), eq(executionBatchItems.place, item.place)));
  // Locked, so that a stop is before this or after it.
  const [batch] = await tx
    .select({ state: executionBatches.state })
    .from(executionBatches)
    .where(eq(executionBatches.id, batchId))
    .for('update');
  if (batch?.state !== 'RUNNING') return undefined;
  const [next] = await tx
    .select({ attempts: executionBatchItems.attempts })
    .from(executionBatchItems)
    .where(and(eq(executionBatchItems.batchId, batchId), eq(executionBatchItems.state, 'PENDING')))
    .orderBy(asc(executionBatchItems.attempts))
    .limit(1);
  if (next) return next.attempts;
  await tx
    .update(executionBatches)
    .set({ state: 'DONE', finishedAt: sql`now()` })
    .where(eq(executionBatches.id, batchId));
  return undefined;
}

function whereOf(
  tenantId: string,
  operation: BatchOperation,
  { workflowId, workflowName, status, since, until }: BatchFilter,
): SQL | undefined {
  const possible = BATCH_STATUSES[operation];
  const wrong = status?.find((one) => !possible.includes(one));
  if (wrong !== undefined)
    throw new PegasusError(
      'VALIDATION_ERROR',
      `filter.status: ${operation} is not possible for ${wrong}; it is for ${possible.join(', ')}.`,
    );
  return and(
    eq(executions.tenantId, tenantId),
    inArray(executions.status, [...(status ?? possible)]),
    workflowId === undefined ? undefined : eq(executions.workflowId, workflowId),
    workflowName === undefined ? undefined : eq(workflows.name, workflowName),
    since === undefined ? undefined : gte(executions.createdAt, instant(since)),
    until === undefined ? undefined : lt(executions.createdAt, instant(until)),
  );
}

/** Nothing is older than the epoch, and the database does not know the year 0. */
function instant(text: string): Date {
  return new Date(Math.max(0, Date.parse(text)));
}

/** Exact up to the limit of a batch, and one more beyond. */
async function countOf(tx: Tx, where: SQL | undefined): Promise<number> {
  const fitting = tx
    .select({ id: executions.id })
    .from(executions)
    .innerJoin(workflows, eq(workflows.id, executions.workflowId))
    .where(where)
    .limit(LIMITS.batchExecutions + 1)
    .as('fitting');
  const [row] = await tx.select({ n: count() }).from(fitting);
  return row?.n ?? 0;
}

async function repeated(tx: Tx, operation: BatchOperation, key: string): Promise<Batch> {
  const [row] = await tx.select().from(executionBatches).where(eq(executionBatches.idempotencyKey, key));
  if (row?.operation === operation) return shown(tx, row);
  throw new PegasusError(
    'CONFLICT',
    'This Idempotency-Key was used for another batch; use a new key for a new one.',
  );
}

async function rowOf(tx: Tx, id: string): Promise<BatchRow> {
  const [row] = await tx.select().from(executionBatches).where(eq(executionBatches.id, id));
  if (row) return row;
  throw new PegasusError('NOT_FOUND', 'There is no batch with this id.');
}

async function shown(tx: Tx, row: BatchRow): Promise<Batch> {
  const ofBatch = eq(executionBatchItems.batchId, row.id);
  const counts = await tx
    .select({ state: executionBatchItems.state, n: count() })
    .from(executionBatchItems)
    .where(ofBatch)
    .groupBy(executionBatchItems.state);
  const countIn = (state: BatchItem['state']) => counts.find((one) => one.state === state)?.n ?? 0;
  const failures = await tx
    .select()
    .from(executionBatchItems)
    .where(and(ofBatch, eq(executionBatchItems.state, 'FAILED')))
    .orderBy(asc(executionBatchItems.place))
    .limit(FAILURES_SHOWN);
  const { id, operation, filter, reason, state, total, createdByUserId } = row;
  return {
    id,
    operation,
    filter: { ...filter },
    reason,
    state,
    total,
    done: countIn('DONE'),
    skipped: countIn('SKIPPED'),
    failed: countIn('FAILED'),
    failures: failures.map(({ executionId, workflowId, error }) => ({
      executionId,
      workflowId,
      error: error ?? '',
    })),
    createdByUserId,
    createdAt: row.createdAt.toISOString(),
    finishedAt: row.finishedAt?.toISOString() ?? null,
  };
}
