import type { AgentMessageType } from '@pegasus-workflows/contracts';
import { sql } from 'drizzle-orm';
import { boolean, index, integer, pgTable, text, uuid } from 'drizzle-orm/pg-core';
import { jsonb } from '../jsonb.js';
import { tenantId } from './access.js';
import { createdAt, createdBy, id, instant, updatedAt } from './columns.js';

/** Where a tenant wants to be told how its runs end. */
export const webhooks = pgTable(
  'webhooks',
  {
    id: id(),
    tenantId: tenantId(),
    url: text('url').notNull(),
    /** What deliveries are signed with, a compact JWE. */
    secret: text('secret').notNull(),
    /** The secret before the rotation: deliveries are signed with both until `previousExpiresAt`. */
    previousSecret: text('previous_secret'),
    previousExpiresAt: instant('previous_expires_at'),
    /** Which master key `secret` and `previousSecret` are wrapped with. */
    masterKeyId: text('master_key_id'),
    /** Statuses of executions that are told, such as `FAILED`. */
    statuses: jsonb('statuses').$type<string[]>().notNull(),
    /** What is told of coding agents: message types, such as `agent.ended`. */
    events: jsonb('events')
      .$type<AgentMessageType[]>()
      .notNull()
      .default(sql`'[]'::jsonb`),
    /** Only runs of the workflow of this name; null is every one. */
    workflowName: text('workflow_name'),
    description: text('description'),
    enabled: boolean('enabled').notNull().default(true),
    /** Why the platform itself has disabled it; null when a person did, or when it is enabled. */
    disabledReason: text('disabled_reason'),
    createdByUserId: createdBy(),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (t) => [index('webhooks_tenant').on(t.tenantId)],
);

/**
 * One message to one webhook. An execution's outcome is written with the outcome itself by a trigger on `executions`, a
 * dispatch's with what it tells of.
 */
export const webhookDeliveries = pgTable(
  'webhook_deliveries',
  {
    id: id(),
    tenantId: tenantId(),
    webhookId: uuid('webhook_id')
      .notNull()
      .references(() => webhooks.id, { onDelete: 'cascade' }),
    executionId: uuid('execution_id'),
    dispatchId: uuid('dispatch_id'),
    /** The body as it is sent; null where an ended execution's row makes the same one at every attempt. */
    body: text('body'),
    status: text('status', { enum: ['PENDING', 'DELIVERED', 'DEAD'] })
      .notNull()
      .default('PENDING'),
    attempts: integer('attempts').notNull().default(0),
    responseStatus: integer('response_status'),
    lastError: text('last_error'),
    deliveredAt: instant('delivered_at'),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (t) => [index('webhook_deliveries_newest').on(t.webhookId, t.createdAt.desc())],
);
