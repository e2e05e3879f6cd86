import {
  PegasusError,
  type dispatchesQuerySchema,
  type DispatchEvent,
  type dispatchEventsQuerySchema,
} from '@pegasus-workflows/contracts';
import { and, asc, count, desc, eq, gt, isNull, ne, sql } from 'drizzle-orm';
import { type z } from 'zod';
import { type Tx } from '../infra/database.js';
import { enqueue } from '../infra/outbox.js';
import { agentDispatches, agentDispatchEvents, agentOrders, outbox } from '../infra/schema.js';
import { SUMMARY_COLUMNS, type DispatchRow, type SummaryRow } from './row.js';

export type OrderRow = typeof agentOrders.$inferSelect;

const dispatches = agentDispatches;

function one(tenantId: string, id: string) {
  return and(eq(dispatches.tenantId, tenantId), eq(dispatches.id, id));
}

/** Throws NOT_FOUND. */
export async function getDispatch(tx: Tx, tenantId: string, id: string): Promise<DispatchRow> {
  const [row] = await tx.select().from(dispatches).where(one(tenantId, id));
  return required(row);
}

/** The same, held until the transaction ends: whoever changes a dispatch or orders something of it comes through here. */
export async function lockDispatch(tx: Tx, tenantId: string, id: string): Promise<DispatchRow> {
  const [row] = await tx.select().from(dispatches).where(one(tenantId, id)).for('update');
  return required(row);
}

function required(row: DispatchRow | undefined): DispatchRow {
  if (row) return row;
  throw new PegasusError('NOT_FOUND', 'There is no dispatch with this id.');
}

export async function findByIdempotencyKey(
  tx: Tx,
  tenantId: string,
  key: string,
): Promise<DispatchRow | undefined> {
  const [row] = await tx
    .select()
    .from(dispatches)
    .where(and(eq(dispatches.tenantId, tenantId), eq(dispatches.idempotencyKey, key)));
  return row;
}

/** How many have not ended. */
export async function countOpen(tx: Tx, tenantId: string): Promise<number> {
  const [row] = await tx
    .select({ n: count() })
    .from(dispatches)
    .where(and(eq(dispatches.tenantId, tenantId), ne(dispatches.state, 'ENDED')));
  return row?.n ?? 0;
}

/** A page, newest first. Throws VALIDATION_ERROR when `before` is no dispatch of the tenant. */
export async function listDispatches(
  tx: Tx,
  tenantId: string,
  { limit, before, state, role, workspace }: z.output<typeof dispatchesQuerySchema>,
): Promise<SummaryRow[]> {
  if (before !== undefined) await refuseUnlessCursor(tx, tenantId, before);
  return tx
    .select(SUMMARY_COLUMNS)
    .from(dispatches)
    .where(
      and(
        eq(dispatches.tenantId, tenantId),
        before === undefined
          ? undefined
          : sql`(${dispatches.queuedAt}, ${dispatches.id}) < (select queued_at, id from agent_dispatches where id = ${before})`,
        state && eq(dispatches.state, state),
        role && eq(dispatches.role, role),
        workspace === undefined ? undefined : eq(dispatches.workspace, workspace),
      ),
    )
    .orderBy(desc(dispatches.queuedAt), desc(dispatches.id))
    .limit(limit);
}

async function refuseUnlessCursor(tx: Tx, tenantId: string, before: string): Promise<void> {
  const [cursor] = await tx.select({ id: dispatches.id }).from(dispatches).where(one(tenantId, before));
  if (cursor) return;
  throw new PegasusError(
    'VALIDATION_ERROR',
    'before: is not a dispatch of this tenant; give the id of the last row of the previous page.',
  );
}

/** Events after a place, in order. Places have gaps: the host numbers more than it tells. */
export async function listEvents(
  tx: Tx,
  dispatchId: string,
  { after, limit }: z.output<typeof dispatchEventsQuerySchema>,
): Promise<DispatchEvent[]> {
  return tx
    .select({ n: agentDispatchEvents.n, event: agentDispatchEvents.event })
    .from(agentDispatchEvents)
    .where(and(eq(agentDispatchEvents.dispatchId, dispatchId), gt(agentDispatchEvents.n, after)))
    .orderBy(asc(agentDispatchEvents.n))
    .limit(limit);
}

/** What is first to be told to the run. */
export async function nextOrder(tx: Tx, dispatchId: string): Promise<OrderRow | undefined> {
  const [order] = await tx
    .select()
    .from(agentOrders)
    .where(and(eq(agentOrders.dispatchId, dispatchId), isNull(agentOrders.sentAt)))
    .orderBy(asc(agentOrders.seq))
    .limit(1);
  return order;
}

/** The order with which a question was answered. */
export async function findAnswer(
  tx: Tx,
  dispatchId: string,
  questionId: string,
): Promise<OrderRow | undefined> {
  const [order] = await tx
    .select()
    .from(agentOrders)
    .where(
      and(
        eq(agentOrders.dispatchId, dispatchId),
        eq(agentOrders.kind, 'ANSWER'),
        eq(agentOrders.questionId, questionId),
      ),
    );
  return order;
}

/** Which of the two was ordered last. */
export async function lastPauseOrResume(tx: Tx, dispatchId: string): Promise<'PAUSE' | 'RESUME' | undefined> {
  const [order] = await tx
    .select({ kind: agentOrders.kind })
    .from(agentOrders)
    .where(and(eq(agentOrders.dispatchId, dispatchId), sql`${agentOrders.kind} in ('PAUSE', 'RESUME')`))
    .orderBy(desc(agentOrders.seq))
    .limit(1);
  return order?.kind as 'PAUSE' | 'RESUME' | undefined;
}

/** Has the run brought in line with the row once the transaction is committed; one that was given up is tried anew. */
export async function enqueueDispatch(
  tx: Tx,
  { tenantId, id }: Pick<DispatchRow, 'tenantId' | 'id'>,
): Promise<void> {
  await enqueue(tx, { tenantId, topic: 'DISPATCH', refId: id });
  await tx
    .update(outbox)
    .set({ deadAt: null, attempts: 0, lastError: null, leaseId: null, leasedUntil: null })
    .where(and(eq(outbox.topic, 'DISPATCH'), eq(outbox.refId, id), sql`${outbox.deadAt} is not null`));
}
