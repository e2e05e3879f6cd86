import type { DispatchQuestion, DispatchState } from '@pegasus-workflows/contracts';
import type {
  AgentRole,
  PermissionMode,
  SubagentEvent,
  SubagentResult,
  SubagentTask,
} from '@pegasus-workflows/contracts/agents';
import { sql } from 'drizzle-orm';
import {
  bigint,
  bigserial,
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
import { createdAt, createdBy, instant } from './columns.js';

const tokens = (name: string) => bigint(name, { mode: 'number' }).notNull().default(0);

/** A task handed to an agent host, as the host's reports tell of it. */
export const agentDispatches = pgTable(
  'agent_dispatches',
  {
    id: uuid('id').primaryKey(),
    tenantId: tenantId(),
    workspace: text('workspace').notNull(),
    model: text('model'),
    merge: text('merge', { enum: ['leave', 'auto'] }).notNull(),
    /** Null: as the role says. */
    isolation: text('isolation', { enum: ['remote_vm'] }),
    task: jsonb('task').$type<SubagentTask>().notNull(),
    /** Of the task, for lists. */
    role: text('role').$type<AgentRole>().notNull(),
    permissionMode: text('permission_mode').$type<PermissionMode>().notNull(),
    title: text('title').notNull(),
    state: text('state').$type<DispatchState>().notNull(),
    question: jsonb('question').$type<DispatchQuestion>(),
    result: jsonb('result').$type<SubagentResult>(),
    /** Of the result. */
    status: text('status').$type<SubagentResult['status']>(),
    tokensIn: tokens('tokens_in'),
    tokensOut: tokens('tokens_out'),
    parentExecutionId: uuid('parent_execution_id'),
    createdByUserId: createdBy(),
    /** From the `Idempotency-Key` header; one key is one dispatch of the tenant. */
    idempotencyKey: text('idempotency_key'),
    /** Since when Temporal may have its run: from then on a cancellation is the run's to hear of. */
    startAskedAt: instant('start_asked_at'),
    /** Temporal has confirmed the run. */
    runId: text('run_id'),
    /** `at` of the newest report that has been applied. */
    reportedAt: bigint('reported_at', { mode: 'number' }).notNull().default(0),
    /** Counts changes of state, question and result: what a live stream has told of. */
    changes: integer('changes').notNull().default(1),
    queuedAt: instant('queued_at').notNull().defaultNow(),
    startedAt: instant('started_at'),
    endedAt: instant('ended_at'),
    /** When a report came last, or Temporal said that the run is open. */
    heardAt: instant('heard_at').notNull().defaultNow(),
  },
  (t) => [
    index('agent_dispatches_newest').on(t.tenantId, t.queuedAt.desc(), t.id.desc()),
    index('agent_dispatches_open')
      .on(t.tenantId)
      .where(sql`${t.state} <> 'ENDED'`),
    index('agent_dispatches_silent')
      .on(t.heardAt)
      .where(sql`${t.state} <> 'ENDED'`),
    uniqueIndex('agent_dispatches_idempotency')
      .on(t.tenantId, t.idempotencyKey)
      .where(sql`${t.idempotencyKey} is not null`),
  ],
);

/** The wire events of a dispatch, by their places. */
export const agentDispatchEvents = pgTable(
  'agent_dispatch_events',
  {
    dispatchId: uuid('dispatch_id')
      .notNull()
      .references(() => agentDispatches.id, { onDelete: 'cascade' }),
    tenantId: tenantId(),
    n: bigint('n', { mode: 'number' }).notNull(),
    event: jsonb('event').$type<SubagentEvent>().notNull(),
  },
  (t) => [primaryKey({ columns: [t.dispatchId, t.n] })],
);

/** What somebody wants of a dispatch's run, in the order in which it is told: who, when and what. */
export const agentOrders = pgTable(
  'agent_orders',
  {
    seq: bigserial('seq', { mode: 'number' }).primaryKey(),
    dispatchId: uuid('dispatch_id')
      .notNull()
      .references(() => agentDispatches.id, { onDelete: 'cascade' }),
    tenantId: tenantId(),
    kind: text('kind', { enum: ['ANSWER', 'PAUSE', 'RESUME', 'CANCEL'] }).notNull(),
    /** Of an ANSWER. */
    questionId: text('question_id'),
    answer: text('answer', { enum: ['approved', 'refused'] }),
    createdByUserId: createdBy(),
    /** The execution that asked, where one did. */
    executionId: uuid('execution_id'),
    createdAt: createdAt(),
    /** Since when the run has it, or cannot have it any more. */
    sentAt: instant('sent_at'),
  },
  (t) => [
    index('agent_orders_unsent')
      .on(t.dispatchId, t.seq)
      .where(sql`${t.sentAt} is null`),
    // A question is answered once, a dispatch is cancelled once.
    uniqueIndex('agent_orders_answers')
      .on(t.dispatchId, t.questionId)
      .where(sql`${t.kind} = 'ANSWER'`),
    uniqueIndex('agent_orders_cancel')
      .on(t.dispatchId)
      .where(sql`${t.kind} = 'CANCEL'`),
  ],
);

/** What an agent host offers a tenant, as it said last. */
export const agentWorkspaces = pgTable(
  'agent_workspaces',
  {
    tenantId: tenantId(),
    hostId: text('host_id').notNull(),
    name: text('name').notNull(),
    models: jsonb('models').$type<string[]>().notNull(),
    seenAt: instant('seen_at').notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.tenantId, t.name, t.hostId] }),
    index('agent_workspaces_host').on(t.hostId),
  ],
);

/** Which hosts take a tenant's dispatches from others, as they said last. */
export const agentRemotes = pgTable(
  'agent_remotes',
  {
    tenantId: tenantId(),
    hostId: text('host_id').notNull(),
    models: jsonb('models').$type<string[]>().notNull(),
    seenAt: instant('seen_at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.tenantId, t.hostId] }), index('agent_remotes_host').on(t.hostId)],
);
