import type { TickOutcome } from '@pegasus-workflows/contracts';
import { sql } from 'drizzle-orm';
import {
  bigserial,
  boolean,
  index,
  integer,
  pgTable,
  primaryKey,
  text,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core';
import { jsonb } from '../jsonb.js';
import { tenantId } from './access.js';
import { createdAt, createdBy, id, instant, name, updatedAt } from './columns.js';
import { workflows } from './workflows.js';

/** A tenant's own event types; the built-in ones are in the contracts. */
export const eventTypes = pgTable(
  'event_types',
  {
    id: id(),
    tenantId: tenantId(),
    name: name(),
    description: text('description'),
    /** JSON Schema of the payload. */
    payloadSchema: jsonb('payload_schema').$type<Record<string, unknown>>(),
    /** A filter over the payload: an event that it does not match is recorded, and starts nothing. */
    domainCondition: jsonb('domain_condition').$type<Record<string, unknown>>(),
    enabled: boolean('enabled').notNull().default(true),
    createdByUserId: createdBy(),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (t) => [uniqueIndex('event_types_name').on(t.tenantId, t.name)],
);

/** What happened; never changed. */
export const domainEvents = pgTable(
  'domain_events',
  {
    id: id(),
    tenantId: tenantId(),
    type: text('type').notNull(),
    payload: jsonb('payload').$type<Record<string, unknown>>().notNull(),
    occurredAt: instant('occurred_at').notNull().defaultNow(),
    /** API: emitted by a call. INGRESS: a partner's webhook. SYSTEM: the platform itself. */
    source: text('source', { enum: ['API', 'INGRESS', 'SYSTEM'] }).notNull(),
    /** One key is one event of the tenant. */
    dedupKey: text('dedup_key'),
    createdByUserId: createdBy(),
    createdAt: createdAt(),
  },
  (t) => [
    index('domain_events_newest').on(t.tenantId, t.createdAt.desc(), t.id.desc()),
    uniqueIndex('domain_events_dedup')
      .on(t.tenantId, t.dedupKey)
      .where(sql`${t.dedupKey} is not null`),
  ],
);

export const triggers = pgTable(
  'triggers',
  {
    id: id(),
    tenantId: tenantId(),
    workflowId: uuid('workflow_id')
      .notNull()
      .references(() => workflows.id),
    kind: text('kind', { enum: ['EVENT', 'SCHEDULE'] }).notNull(),
    eventType: text('event_type'),
    filter: jsonb('filter').$type<Record<string, unknown>>(),
    cronExpression: text('cron_expression'),
    enabled: boolean('enabled').notNull().default(true),
    /** SCHEDULE: what was said when it was paused or resumed. */
    note: text('note'),
    createdByUserId: createdBy(),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (t) => [
    index('triggers_of_workflow').on(t.tenantId, t.workflowId),
    index('triggers_of_event')
      .on(t.tenantId, t.eventType)
      .where(sql`${t.kind} = 'EVENT' and ${t.enabled}`),
  ],
);

/** The newest tick of each schedule; a table of its own, for ticks are no changes of the trigger. */
export const triggerTicks = pgTable('trigger_ticks', {
  triggerId: uuid('trigger_id')
    .primaryKey()
    .references(() => triggers.id, { onDelete: 'cascade' }),
  tenantId: tenantId(),
  scheduledAt: instant('scheduled_at').notNull(),
  outcome: text('outcome').$type<TickOutcome>().notNull(),
  executionId: uuid('execution_id'),
});

/** Which trigger an event has been delivered to, written with the execution it started: at most one per pair. */
export const eventDeliveries = pgTable(
  'event_deliveries',
  {
    eventId: uuid('event_id')
      .notNull()
      .references(() => domainEvents.id),
    triggerId: uuid('trigger_id').notNull(),
    tenantId: tenantId(),
    executionId: uuid('execution_id').notNull(),
    createdAt: createdAt(),
  },
  (t) => [primaryKey({ columns: [t.eventId, t.triggerId] })],
);

/** Work that a transaction left to be done after it; see `infra/outbox.ts`. */
export const outbox = pgTable(
  'outbox',
  {
    seq: bigserial('seq', { mode: 'number' }).primaryKey(),
    tenantId: tenantId(),
    topic: text('topic', { enum: ['EVENT', 'WEBHOOK', 'BATCH', 'DISPATCH', 'DISPATCH_ENDED'] }).notNull(),
    /** What is to be worked on: an event, a webhook's delivery, a batch, a dispatch. */
    refId: uuid('ref_id').notNull(),
    availableAt: instant('available_at').notNull().defaultNow(),
    attempts: integer('attempts').notNull().default(0),
    leasedUntil: instant('leased_until'),
    leaseId: uuid('lease_id'),
    lastError: text('last_error'),
    /** Since when it is given up: a dead letter, until it is replayed. */
    deadAt: instant('dead_at'),
    createdAt: createdAt(),
  },
  (t) => [
    index('outbox_due')
      .on(t.topic, t.availableAt)
      .where(sql`${t.deadAt} is null`),
    index('outbox_dead')
      .on(t.tenantId, t.topic, t.seq.desc())
      .where(sql`${t.deadAt} is not null`),
    uniqueIndex('outbox_ref').on(t.topic, t.refId),
  ],
);
