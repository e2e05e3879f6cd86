import {
  TWILIO_BASE_URL,
  type SmsMessage,
  type SmsOptOut,
  type smsMessagesQuerySchema,
  type smsOptOutsQuerySchema,
  type SmsProviderInfo,
} from '@pegasus-workflows/contracts';
import { and, asc, desc, eq, gt, inArray, lt, ne, sql } from 'drizzle-orm';
import { type z } from 'zod';
import { type Tx } from '../infra/database.js';
import { smsMessages, smsOptOuts, smsProviders } from '../infra/schema.js';

/** Rows of messages, providers and opt-outs. Every function runs inside the caller's transaction, for one tenant. */

export type SmsMessageRow = typeof smsMessages.$inferSelect;
export type SmsProviderRow = typeof smsProviders.$inferSelect;
export type SmsOptOutRow = typeof smsOptOuts.$inferSelect;

/** One after another within a tenant: what is counted and looked up before a message is written stays true. */
export async function lockSending(tx: Tx, tenantId: string): Promise<void> {
  await tx.execute(sql`select pg_advisory_xact_lock(hashtextextended(${`sms/${tenantId}`}, 0))`);
}

/** The message that has used a key; one that was refused has not. */
export async function findByDedupKey(
  tx: Tx,
  tenantId: string,
  dedupKey: string,
): Promise<SmsMessageRow | undefined> {
  const [row] = await tx
    .select()
    .from(smsMessages)
    .where(
      and(
        eq(smsMessages.tenantId, tenantId),
        eq(smsMessages.dedupKey, dedupKey),
        ne(smsMessages.status, 'FAILED'),
      ),
    );
  return row;
}

export async function findMessage(tx: Tx, tenantId: string, id: string): Promise<SmsMessageRow | undefined> {
  const [row] = await tx.select().from(smsMessages).where(ofTenant(tenantId, id));
  return row;
}

export async function insertMessage(tx: Tx, row: typeof smsMessages.$inferInsert): Promise<void> {
  await tx.insert(smsMessages).values(row);
}

/**
 * Records what became of a message. Also of one that was given up as UNKNOWN meanwhile: who has asked the provider
 * knows better.
 */
export async function settleMessage(
  tx: Tx,
  tenantId: string,
  id: string,
  columns: Partial<SmsMessageRow>,
): Promise<void> {
  await tx
    .update(smsMessages)
    .set(columns)
    .where(and(ofTenant(tenantId, id), inArray(smsMessages.status, ['SENDING', 'UNKNOWN'])));
}

/** Gives up what was being sent and was begun before `cutoff`, across tenants; answers how many. */
export async function giveUp(tx: Tx, cutoff: Date, reason: string, now: Date): Promise<number> {
  const rows = await tx
    .update(smsMessages)
    .set({ status: 'UNKNOWN', error: reason, updatedAt: now })
    .where(and(eq(smsMessages.status, 'SENDING'), lt(smsMessages.createdAt, cutoff)))
    .returning({ id: smsMessages.id });
  return rows.length;
}

/**
 * When the n-th last message since `since` was begun; undefined when there are fewer than `n`. What was refused does
 * not count. `to`: only messages to this number.
 */
export async function nthLastSince(
  tx: Tx,
  tenantId: string,
  n: number,
  since: Date,
  to?: string,
): Promise<Date | undefined> {
  const [row] = await tx
    .select({ createdAt: smsMessages.createdAt })
    .from(smsMessages)
    .where(
      and(
        eq(smsMessages.tenantId, tenantId),
        to === undefined ? undefined : eq(smsMessages.to, to),
        gt(smsMessages.createdAt, since),
        ne(smsMessages.status, 'FAILED'),
      ),
    )
    .orderBy(desc(smsMessages.createdAt))
    .offset(n - 1)
    .limit(1);
  return row?.createdAt;
}

/** Newest first; `before` is the id of the last row of the previous page. */
export function listMessages(
  tx: Tx,
  tenantId: string,
  { limit, before, status }: z.output<typeof smsMessagesQuerySchema>,
): Promise<SmsMessageRow[]> {
  const place = sql`(${smsMessages.createdAt}, ${smsMessages.id})`;
  return tx
    .select()
    .from(smsMessages)
    .where(
      and(
        eq(smsMessages.tenantId, tenantId),
        status === undefined ? undefined : eq(smsMessages.status, status),
        before === undefined
          ? undefined
          : sql`${place} < (select created_at, id from sms_messages where tenant_id = ${tenantId} and id = ${before})`,
      ),
    )
    .orderBy(desc(smsMessages.createdAt), desc(smsMessages.id))
    .limit(limit);
}

function ofTenant(tenantId: string, id: string) {
  return and(eq(smsMessages.tenantId, tenantId), eq(smsMessages.id, id));
}

export async function findProvider(tx: Tx, tenantId: string): Promise<SmsProviderRow | undefined> {
  const [row] = await tx.select().from(smsProviders).where(eq(smsProviders.tenantId, tenantId));
  return row;
}

export async function findOptOut(
  tx: Tx,
  tenantId: string,
  number: string,
): Promise<SmsOptOutRow | undefined> {
  const [row] = await tx.select().from(smsOptOuts).where(oneOptOut(tenantId, number));
  return row;
}

/** Inserts or replaces the reason; `isNew` tells which. */
export async function upsertOptOut(
  tx: Tx,
  row: { tenantId: string; number: string; reason: string | null; createdAt: Date },
): Promise<{ row: SmsOptOutRow; isNew: boolean }> {
  const [inserted] = await tx.insert(smsOptOuts).values(row).onConflictDoNothing().returning();
  if (inserted) return { row: inserted, isNew: true };
  const [changed] = await tx
    .update(smsOptOuts)
    .set({ reason: row.reason })
    .where(oneOptOut(row.tenantId, row.number))
    .returning();
  // Deleted between the two statements: then this one is new.
  return changed ? { row: changed, isNew: false } : upsertOptOut(tx, row);
}

/** Whether there was one. */
export async function deleteOptOut(tx: Tx, tenantId: string, number: string): Promise<boolean> {
  const rows = await tx
    .delete(smsOptOuts)
    .where(oneOptOut(tenantId, number))
    .returning({ number: smsOptOuts.number });
  return rows.length > 0;
}

/** By number. */
export function listOptOuts(
  tx: Tx,
  tenantId: string,
  { limit, after }: z.output<typeof smsOptOutsQuerySchema>,
): Promise<SmsOptOutRow[]> {
  return tx
    .select()
    .from(smsOptOuts)
    .where(
      and(eq(smsOptOuts.tenantId, tenantId), after === undefined ? undefined : gt(smsOptOuts.number, after)),
    )
    .orderBy(asc(smsOptOuts.number))
    .limit(limit);
}

function oneOptOut(tenantId: string, number: string) {
  return and(eq(smsOptOuts.tenantId, tenantId), eq(smsOptOuts.number, number));
}

export function toProvider(row: SmsProviderRow): SmsProviderInfo {
  const { accountSid, from, messagingServiceSid, baseUrl } = row.config;
  return {
    kind: row.kind,
    source: 'TENANT',
    enabled: row.enabled,
    accountSid: accountSid ?? null,
    from: from ?? null,
    messagingServiceSid: messagingServiceSid ?? null,
    baseUrl: row.kind === 'TWILIO' ? (baseUrl ?? TWILIO_BASE_URL) : null,
    createdByUserId: row.createdByUserId,
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
  };
}

export function toMessage(row: SmsMessageRow, body: string | null): SmsMessage {
  return {
    id: row.id,
    to: row.to,
    status: row.status,
    body,
    dedupKey: row.dedupKey,
    provider: row.provider,
    providerMessageId: row.providerMessageId,
    error: row.error,
    executionId: row.executionId,
    createdByUserId: row.createdByUserId,
    sentAt: row.sentAt?.toISOString() ?? null,
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
  };
}

export function toOptOut({ number, reason, createdAt }: SmsOptOutRow): SmsOptOut {
  return { number, reason, createdAt: createdAt.toISOString() };
}
