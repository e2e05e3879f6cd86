import {
  type deliveriesQuerySchema,
  webhookSchema,
  type Webhook,
  type WebhookDelivery,
} from '@pegasus-workflows/contracts';
import { and, desc, eq, sql } from 'drizzle-orm';
import { type z } from 'zod';
import { type Tx } from '../infra/database.js';
import { outbox, webhookDeliveries, webhooks } from '../infra/schema.js';

export type WebhookRow = typeof webhooks.$inferSelect;
export type DeliveryRow = typeof webhookDeliveries.$inferSelect;
/** A delivery with the time of its next attempt, which its outbox item knows. */
export interface ScheduledDelivery {
  row: DeliveryRow;
  nextAttemptAt: Date | null;
}

export function oneWebhook(tenantId: string, id: string) {
  return and(eq(webhooks.tenantId, tenantId), eq(webhooks.id, id));
}

export async function findWebhook(tx: Tx, tenantId: string, id: string): Promise<WebhookRow | undefined> {
  const [row] = await tx.select().from(webhooks).where(oneWebhook(tenantId, id));
  return row;
}

/** The same, held until the transaction ends. */
export async function lockWebhook(tx: Tx, tenantId: string, id: string): Promise<WebhookRow | undefined> {
  const [row] = await tx.select().from(webhooks).where(oneWebhook(tenantId, id)).for('update');
  return row;
}

export async function listWebhooks(tx: Tx, tenantId: string): Promise<WebhookRow[]> {
  return tx
    .select()
    .from(webhooks)
    .where(eq(webhooks.tenantId, tenantId))
    .orderBy(desc(webhooks.createdAt), desc(webhooks.id));
}

/** Newest first; `before` is the id of the last row of the previous page. */
export async function listDeliveries(
  tx: Tx,
  webhookId: string,
  { limit, before, status }: z.output<typeof deliveriesQuerySchema>,
): Promise<ScheduledDelivery[]> {
  const { createdAt, id } = webhookDeliveries;
  const older =
    before === undefined
      ? undefined
      : sql`(${createdAt}, ${id}) < (select created_at, id from webhook_deliveries where id = ${before} and webhook_id = ${webhookId})`;
  return scheduled(tx)
    .where(
      and(
        eq(webhookDeliveries.webhookId, webhookId),
        status === undefined ? undefined : eq(webhookDeliveries.status, status),
        older,
      ),
    )
    .orderBy(desc(createdAt), desc(id))
    .limit(limit);
}

export async function findDelivery(
  tx: Tx,
  webhookId: string,
  deliveryId: string,
): Promise<ScheduledDelivery | undefined> {
  const [found] = await scheduled(tx).where(
    and(eq(webhookDeliveries.webhookId, webhookId), eq(webhookDeliveries.id, deliveryId)),
  );
  return found;
}

function scheduled(tx: Tx) {
  const item = and(eq(outbox.topic, 'WEBHOOK'), eq(outbox.refId, webhookDeliveries.id));
  return tx
    .select({ row: webhookDeliveries, nextAttemptAt: outbox.availableAt })
    .from(webhookDeliveries)
    .leftJoin(outbox, item)
    .$dynamic();
}

/** Asks for a delivery again from the beginning: the same id, so that the receiver can tell it from a new one. */
export async function enqueueAgain(tx: Tx, row: DeliveryRow, now: Date): Promise<void> {
  await tx
    .update(webhookDeliveries)
    .set({ status: 'PENDING', attempts: 0, lastError: null, responseStatus: null, updatedAt: now })
    .where(eq(webhookDeliveries.id, row.id));
  const again = {
    availableAt: now,
    attempts: 0,
    deadAt: null,
    lastError: null,
    leaseId: null,
    leasedUntil: null,
  };
  await tx
    .insert(outbox)
    .values({ tenantId: row.tenantId, topic: 'WEBHOOK', refId: row.id, availableAt: now })
    .onConflictDoUpdate({ target: [outbox.topic, outbox.refId], set: again });
}

/** Takes back what a webhook was still to be told, and what was given up. */
export async function dropItems(tx: Tx, webhookId: string): Promise<void> {
  const deliveries = sql`select id from webhook_deliveries where webhook_id = ${webhookId}`;
  await tx.delete(outbox).where(and(eq(outbox.topic, 'WEBHOOK'), sql`${outbox.refId} in (${deliveries})`));
}

const statusesOf = webhookSchema.shape.statuses;

/** A row as the wire shows it: without its secret. */
export function toWebhook(row: WebhookRow, now: Date): Webhook {
  const overlaps = row.previousExpiresAt !== null && row.previousExpiresAt > now;
  return {
    id: row.id,
    url: row.url,
    statuses: statusesOf.parse(row.statuses),
    events: row.events,
    workflowName: row.workflowName,
    description: row.description,
    enabled: row.enabled,
    disabledReason: row.disabledReason,
    previousSecretExpiresAt: overlaps ? row.previousExpiresAt!.toISOString() : null,
    createdByUserId: row.createdByUserId,
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
  };
}

export function toDelivery({ row, nextAttemptAt }: ScheduledDelivery): WebhookDelivery {
  return {
    id: row.id,
    webhookId: row.webhookId,
    executionId: row.executionId,
    dispatchId: row.dispatchId,
    status: row.status,
    attempts: row.attempts,
    responseStatus: row.responseStatus,
    lastError: row.lastError,
    nextAttemptAt: row.status === 'PENDING' ? (nextAttemptAt?.toISOString() ?? null) : null,
    deliveredAt: row.deliveredAt?.toISOString() ?? null,
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
  };
}
