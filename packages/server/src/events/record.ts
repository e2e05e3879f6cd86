import { and, eq } from 'drizzle-orm';
import { type Tx } from '../infra/database.js';
import { enqueue } from '../infra/outbox.js';
import { domainEvents } from '../infra/schema.js';

export type EventRow = typeof domainEvents.$inferSelect;

export interface NewEvent {
  tenantId: string;
  type: string;
  payload: Record<string, unknown>;
  source: EventRow['source'];
  occurredAt: Date;
  /** One key is one event of the tenant; null tells every event from every other. */
  dedupKey?: string | null;
  createdByUserId?: string | null;
}

/**
 * Writes an event and its outbox item in the caller's transaction: what the event tells of is committed with it, and
 * it is dispatched if and only if that commit happens. An event whose `dedupKey` is taken is the one that has it.
 * Call the dispatcher's `kick` after the commit.
 */
export async function recordEvent(tx: Tx, event: NewEvent): Promise<{ row: EventRow; isNew: boolean }> {
  const [row] = await tx.insert(domainEvents).values(event).onConflictDoNothing().returning();
  if (row) {
    await enqueue(tx, { tenantId: row.tenantId, topic: 'EVENT', refId: row.id });
    return { row, isNew: true };
  }
  const [present] = await tx
    .select()
    .from(domainEvents)
    .where(and(eq(domainEvents.tenantId, event.tenantId), eq(domainEvents.dedupKey, event.dedupKey ?? '')));
  if (!present) throw new Error('an event was neither written nor found');
  return { row: present, isNew: false };
}
