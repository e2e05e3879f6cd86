import { sql, type SQL } from 'drizzle-orm';
import { boolean, index, pgTable, primaryKey, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core';
import { jsonb } from '../jsonb.js';
import { tenantId } from './access.js';
import { createdAt, createdBy, id, instant, updatedAt } from './columns.js';

/** What is no secret of an account of Twilio: exactly one of `from` and `messagingServiceSid`. */
export interface TwilioConfig {
  accountSid: string;
  from: string | null;
  messagingServiceSid: string | null;
  /** Null: Twilio's own. */
  baseUrl: string | null;
}

/** Which provider sends a tenant's messages; one per tenant. */
export const smsProviders = pgTable(
  'sms_providers',
  {
    id: id(),
    tenantId: tenantId(),
    kind: text('kind', { enum: ['TWILIO', 'LOG'] }).notNull(),
    /** LOG: empty. */
    config: jsonb('config').$type<Partial<TwilioConfig>>().notNull(),
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
    index('sms_messages_recipient').on(t.tenantId, t.to, t.createdAt.desc()),
    // What the provider refused has used no key.
    uniqueIndex('sms_messages_dedup')
      .on(t.tenantId, t.dedupKey)
      .where(sql`${t.dedupKey} is not null and ${t.status} <> 'FAILED'`),
    index('sms_messages_sending')
      .on(t.createdAt)
      .where(sql`${t.status} = 'SENDING'`),
  ],
);

/** Numbers that want no messages of a tenant. */
export const smsOptOuts = pgTable(
  'sms_opt_outs',
  {
    tenantId: tenantId(),
    number: text('number').notNull(),
    /** What the audit log calls the row: enough to tell it by, not the number. */
    masked: text('masked').generatedAlwaysAs(
      (): SQL => sql`left(${smsOptOuts.number}, 3) || '…' || right(${smsOptOuts.number}, 3)`,
    ),
    reason: text('reason'),
    createdAt: createdAt(),
  },
  (t) => [primaryKey({ columns: [t.tenantId, t.number] })],
);
