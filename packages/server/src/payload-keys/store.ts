import { and, desc, eq, isNull, sql } from 'drizzle-orm';
import { type Tx } from '../infra/database.js';
import { payloadKeys } from '../infra/schema.js';

/** Rows of payload keys. Every function runs inside the caller's transaction, for one tenant. */

export type PayloadKeyRow = typeof payloadKeys.$inferSelect;
type NewRow = typeof payloadKeys.$inferInsert;

/** The current one first, then the newest. */
export function listRows(tx: Tx, tenantId: string): Promise<PayloadKeyRow[]> {
  return tx
    .select()
    .from(payloadKeys)
    .where(eq(payloadKeys.tenantId, tenantId))
    .orderBy(sql`${payloadKeys.retiredAt} is not null`, desc(payloadKeys.createdAt), payloadKeys.id);
}

/** Nothing happens when there is a current key. */
export async function insertFirst(tx: Tx, row: NewRow): Promise<void> {
  await tx.insert(payloadKeys).values(row).onConflictDoNothing();
}

/** Fails when there is a current key. */
export async function insertNext(tx: Tx, row: NewRow): Promise<void> {
  await tx.insert(payloadKeys).values(row);
}

export async function retireCurrent(tx: Tx, tenantId: string, now: Date): Promise<void> {
  await tx
    .update(payloadKeys)
    .set({ retiredAt: now })
    .where(and(eq(payloadKeys.tenantId, tenantId), isNull(payloadKeys.retiredAt)));
}
