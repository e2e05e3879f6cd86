import type { ExecutionStatus } from '@pegasus-workflows/contracts';
import { sql } from 'drizzle-orm';
import {
  bigint,
  bigserial,
  boolean,
  customType,
  index,
  integer,
  pgTable,
  text,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core';
import { jsonb } from '../jsonb.js';
import { tenantId } from './access.js';
import { createdAt, instant, updatedAt } from './columns.js';
import { workflows } from './workflows.js';

/** A transaction's id, with its epoch: it does not wrap around. */
const xid8 = customType<{ data: string; driverData: string }>({ dataType: () => 'xid8' });

export const executions = pgTable(
  'executions',
  {
    id: uuid('id').primaryKey(),
    tenantId: tenantId(),
    workflowId: uuid('workflow_id')
      .notNull()
      .references(() => workflows.id),
    status: text('status').$type<ExecutionStatus>().notNull(),
    input: jsonb('input').$type<Record<string, unknown>>(),
    result: jsonb('result'),
    errorMessage: text('error_message'),
    /** Known before the start: `wf/<tenant>/<name>/<execution>`. Shown to clients only once started. */
    temporalWorkflowId: text('temporal_workflow_id').notNull(),
    temporalRunId: text('temporal_run_id'),
    triggeredByUserId: uuid('triggered_by_user_id'),
    triggerSource: text('trigger_source', { enum: ['USER', 'EVENT', 'SCHEDULE'] }).notNull(),
    triggeredByTriggerId: uuid('triggered_by_trigger_id'),
    dryRun: boolean('dry_run').notNull().default(false),
    /** From the `Idempotency-Key` header; one key is one execution of the tenant. */
    idempotencyKey: text('idempotency_key'),
    /** QUEUED and not to be started yet: `executions/held.ts` lets it go. */
    held: boolean('held').notNull().default(false),
    /** A held row is not let go before this instant; null is at once. */
    startAfter: instant('start_after'),
    /** Temporal's: 1 comes first, 5 last. */
    priority: integer('priority'),
    /** Of the open rows with one key, at most `concurrencyLimit` are let go; the others stay held. */
    concurrencyKey: text('concurrency_key'),
    concurrencyLimit: integer('concurrency_limit'),
    /** At most one held row of a workflow has a key: a further request replaces its input and its time. */
    debounceKey: text('debounce_key'),
    queuedAt: instant('queued_at').notNull().defaultNow(),
    startedAt: instant('started_at'),
    finishedAt: instant('finished_at'),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
    /** The transaction that changed the row last, and its place among all changes: set by a trigger, read by `live/`. */
    changeXid: xid8('change_xid').notNull().default('0'),
    changeSeq: bigint('change_seq', { mode: 'number' }).notNull().default(0),
  },
  (t) => [
    index('executions_changes').on(t.tenantId, t.changeXid, t.changeSeq),
    index('executions_newest').on(t.tenantId, t.workflowId, t.createdAt.desc(), t.id.desc()),
    // The few that ended badly among the many: what a list filtered by those statuses reads, and no run that goes well pays for.
    index('executions_ended_badly')
      .on(t.tenantId, t.workflowId, t.createdAt.desc(), t.id.desc())
      .where(sql`${t.status} in ('FAILED', 'TIMED_OUT', 'CANCELLED')`),
    index('executions_open')
      .on(t.status, t.updatedAt)
      .where(sql`${t.status} in ('QUEUED', 'RUNNING')`),
    uniqueIndex('executions_idempotency')
      .on(t.tenantId, t.idempotencyKey)
      .where(sql`${t.idempotencyKey} is not null`),
    index('executions_held')
      .on(t.startAfter)
      .where(sql`${t.held} and ${t.status} = 'QUEUED'`),
    index('executions_concurrency')
      .on(t.tenantId, t.concurrencyKey)
      .where(sql`${t.concurrencyKey} is not null and ${t.status} in ('QUEUED', 'RUNNING')`),
    uniqueIndex('executions_debounce')
      .on(t.tenantId, t.workflowId, t.debounceKey)
      .where(sql`${t.debounceKey} is not null and ${t.held} and ${t.status} = 'QUEUED'`),
    index('executions_trigger')
      .on(t.triggeredByTriggerId)
      .where(sql`${t.triggeredByTriggerId} is not null and ${t.status} in ('QUEUED', 'RUNNING')`),
    index('executions_day').on(t.tenantId, t.createdAt),
  ],
);

/** What the platform has to tell about a run beside its history, such as a call that was refused. Bounded per run. */
export const executionNotes = pgTable(
  'execution_notes',
  {
    seq: bigserial('seq', { mode: 'number' }).primaryKey(),
    tenantId: tenantId(),
    executionId: uuid('execution_id')
      .notNull()
      .references(() => executions.id),
    at: instant('at').notNull().defaultNow(),
    kind: text('kind', { enum: ['CALL_REFUSED'] }).notNull(),
    /** What it is about: of a refused call, the action. */
    name: text('name').notNull(),
    message: text('message').notNull(),
    /** How many alike calls this row stands for. */
    count: integer('count').notNull().default(1),
  },
  (t) => [
    index('execution_notes_of').on(t.executionId, t.seq),
    uniqueIndex('execution_notes_once').on(t.executionId, t.kind, t.name),
  ],
);

/** What a dry run would have changed, in the order of the calls. */
export const dryRunMutations = pgTable(
  'dry_run_mutations',
  {
    seq: bigserial('seq', { mode: 'number' }).primaryKey(),
    tenantId: tenantId(),
    executionId: uuid('execution_id')
      .notNull()
      .references(() => executions.id),
    method: text('method').notNull(),
    capability: text('capability').notNull(),
    args: jsonb('args').notNull(),
    wouldReturn: jsonb('would_return'),
    at: instant('at').notNull().defaultNow(),
  },
  (t) => [index('dry_run_mutations_of').on(t.executionId, t.seq)],
);
