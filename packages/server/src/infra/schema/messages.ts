import { sql } from 'drizzle-orm';
import { boolean, index, pgTable, primaryKey, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core';
import { jsonb } from '../jsonb.js';
import { tenantId } from './access.js';
import { createdAt, createdBy, id, instant, updatedAt } from './columns.js';

/** Which provider sends a tenant's messages; one per tenant. */
export const smsProviders = pgTable(
  'sms_providers',
  {
    id: id(),
    tenantId: tenantId(),
    kind: text('kind', { enum: ['TWILIO', 'LOG'] }).notNull(),
    /** TWILIO: `{accountSid, from | messagingServiceSid, baseUrl?}`. */
    config: jsonb('config').$type<Record<string, unknown>>().notNull(),
    /** TWILIO: the auth token, a compact JWE. */
    secret: text('secret'),
    masterKeyId: text('master_key_id'),
    enabled: boolean('enabled').notNull().default(true),
    createdByUserId: createdBy(),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (t) => [uniqueIndex('sms_providers_tenant').on(t.tenantId)],
);

/** Messages that were asked for. The text is not kept: its SHA-256 tells a repeated request from another. */
export const smsMessages = pgTable(
  'sms_messages',
  {
    id: id(),
    tenantId: tenantId(),
    to: text('to_number').notNull(),
    bodySha256: text('body_sha256').notNull(),
    dedupKey: text('dedup_key'),
    status: text('status', { enum: ['SENDING', 'SENT', 'FAILED', 'UNKNOWN'] }).notNull(),
    provider: text('provider').notNull(),
    providerMessageId: text('provider_message_id'),
    error: text('error'),
    executionId: uuid('execution_id'),
    createdByUserId: createdBy(),
    sentAt: instant('sent_at'),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (t) => [
    index('sms_messages_newest').on(t.tenantId, t.createdAt.desc()),
    uniqueIndex('sms_messages_dedup')
      .on(t.tenantId, t.dedupKey)
      .where(sql`${t.dedupKey} is not null`),
  ],
);

/** Numbers that want no messages of a tenant. */
export const smsOptOuts = pgTable(
  'sms_opt_outs',
  {
    tenantId: tenantId(),
    number: text('number').notNull(),
    reason: text('reason'),
    createdAt: createdAt(),
  },
  (t) => [primaryKey({ columns: [t.tenantId, t.number] })],
);
