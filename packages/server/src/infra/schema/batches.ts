import type { BatchFilter, BatchOperation } from '@pegasus-workflows/contracts';
import { sql } from 'drizzle-orm';
import { index, integer, pgTable, primaryKey, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core';
import { type Actor } from '../actor.js';
import { jsonb } from '../jsonb.js';
import { tenantId } from './access.js';
import { createdAt, createdBy, id, instant } from './columns.js';

/** One operation on many executions. */
export const executionBatches = pgTable(
  'execution_batches',
  {
    id: id(),
    tenantId: tenantId(),
    operation: text('operation').$type<BatchOperation>().notNull(),
    filter: jsonb('filter').$type<BatchFilter>().notNull(),
    reason: text('reason'),
    state: text('state', { enum: ['RUNNING', 'DONE', 'STOPPED'] }).notNull(),
    total: integer('total').notNull().default(0),
    /** Who began it: each act of it is theirs in the audit log. */
    actor: jsonb('actor').$type<Actor>(),
    idempotencyKey: text('idempotency_key'),
    createdByUserId: createdBy(),
    createdAt: createdAt(),
    finishedAt: instant('finished_at'),
  },
  (t) => [
    index('execution_batches_newest').on(t.tenantId, t.createdAt.desc()),
    uniqueIndex('execution_batches_idempotency')
      .on(t.tenantId, t.idempotencyKey)
      .where(sql`${t.idempotencyKey} is not null`),
  ],
);

/** The executions of a batch, fixed when it is begun, in the order in which their turn comes. */
export const executionBatchItems = pgTable(
  'execution_batch_items',
  {
    batchId: uuid('batch_id')
      .notNull()
      .references(() => executionBatches.id, { onDelete: 'cascade' }),
    tenantId: tenantId(),
    place: integer('place').notNull(),
    executionId: uuid('execution_id').notNull(),
    workflowId: uuid('workflow_id').notNull(),
    state: text('state', { enum: ['PENDING', 'DONE', 'SKIPPED', 'FAILED'] })
      .notNull()
      .default('PENDING'),
    attempts: integer('attempts').notNull().default(0),
    error: text('error'),
  },
  (t) => [
    primaryKey({ columns: [t.batchId, t.place] }),
    index('execution_batch_items_pending')
      .on(t.batchId, t.place)
      .where(sql`${t.state} = 'PENDING'`),
  ],
);
