import type { LogSource } from '@pegasus-workflows/contracts';
import {
  bigint,
  boolean,
  foreignKey,
  index,
  integer,
  pgTable,
  primaryKey,
  smallint,
  text,
  uuid,
} from 'drizzle-orm/pg-core';
import { jsonb } from '../jsonb.js';
import { tenantId } from './access.js';
import { instant } from './columns.js';
import { executions } from './executions.js';

/** What counts the log of one execution, or what a workflow version's worker said outside of any. */
export const logStreams = pgTable(
  'log_streams',
  {
    tenantId: tenantId(),
    /** The id of the execution, or of the workflow version. */
    streamId: uuid('stream_id').notNull(),
    /** The execution, whose end in this database is the log's. */
    executionId: uuid('execution_id').references(() => executions.id, { onDelete: 'cascade' }),
    /** The number of the last entry, whether it is kept or not. */
    written: bigint('written', { mode: 'number' }).notNull(),
    /** Entries up to this number are the first part, which stays. */
    firstUntil: integer('first_until').notNull(),
    firstBytes: integer('first_bytes').notNull(),
    /** Whether the first part takes no more. */
    firstFull: boolean('first_full').notNull(),
    /** Of all entries that are kept. */
    bytes: bigint('bytes', { mode: 'number' }).notNull(),
    updatedAt: instant('updated_at').notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.tenantId, t.streamId] }),
    index('log_streams_execution').on(t.executionId),
    index('log_streams_oldest').on(t.updatedAt),
  ],
);

export const executionLogs = pgTable(
  'execution_logs',
  {
    tenantId: tenantId(),
    streamId: uuid('stream_id').notNull(),
    /** From 1, in the order of arrival. */
    number: bigint('number', { mode: 'number' }).notNull(),
    at: instant('at').notNull(),
    /** The place of its level in `LOG_LEVELS`. */
    level: smallint('level').notNull(),
    message: text('message').notNull(),
    source: text('source').$type<LogSource>().notNull(),
    attributes: jsonb('attributes').$type<Record<string, unknown>>(),
    activityType: text('activity_type'),
    activityId: text('activity_id'),
    attempt: integer('attempt'),
    runId: text('run_id'),
    childWorkflowId: text('child_workflow_id'),
    truncated: boolean('truncated').notNull(),
    /** Message and attributes. */
    bytes: integer('bytes').notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.tenantId, t.streamId, t.number] }),
    foreignKey({
      name: 'execution_logs_stream',
      columns: [t.tenantId, t.streamId],
      foreignColumns: [logStreams.tenantId, logStreams.streamId],
    }).onDelete('cascade'),
  ],
);

/** How far each producer of logs has been taken in: a batch that is sent again stores nothing. */
export const logProducers = pgTable(
  'log_producers',
  {
    tenantId: tenantId(),
    producer: uuid('producer').notNull(),
    sequence: bigint('sequence', { mode: 'number' }).notNull(),
    updatedAt: instant('updated_at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.tenantId, t.producer] }), index('log_producers_oldest').on(t.updatedAt)],
);
