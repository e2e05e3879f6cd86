import type { ExecutionStatus, Manifest, Role } from '@pegasus-workflows/contracts';
import { sql } from 'drizzle-orm';
import { boolean, index, integer, pgTable, text, timestamp, uniqueIndex, uuid } from 'drizzle-orm/pg-core';
import { jsonb } from './jsonb.js';

/**
 * The tables. Every table with a `tenant_id` has row-level security (the migrations say how): a query made for one
 * tenant sees no other tenant's rows, even if it forgets its `where`.
 */

const instant = (name: string) => timestamp(name, { withTimezone: true, mode: 'date', precision: 3 });
const createdAt = () => instant('created_at').notNull().defaultNow();
const updatedAt = () => instant('updated_at').notNull().defaultNow();

export const tenants = pgTable(
  'tenants',
  {
    id: uuid('id').primaryKey().defaultRandom(),
    slug: text('slug').notNull(),
    /** The platform tenant: its workflows are GLOBAL. Exactly one. */
    isPlatform: boolean('is_platform').notNull().default(false),
    createdAt: createdAt(),
  },
  (t) => [
    uniqueIndex('tenants_slug').on(t.slug),
    uniqueIndex('tenants_one_platform')
      .on(t.isPlatform)
      .where(sql`${t.isPlatform}`),
  ],
);

/** People and service accounts. */
export const principals = pgTable('principals', {
  id: uuid('id').primaryKey().defaultRandom(),
  tenantId: uuid('tenant_id')
    .notNull()
    .references(() => tenants.id),
  kind: text('kind', { enum: ['USER', 'SERVICE_ACCOUNT'] }).notNull(),
  name: text('name').notNull(),
  createdAt: createdAt(),
});

export const apiKeys = pgTable(
  'api_keys',
  {
    id: uuid('id').primaryKey().defaultRandom(),
    tenantId: uuid('tenant_id')
      .notNull()
      .references(() => tenants.id),
    principalId: uuid('principal_id')
      .notNull()
      .references(() => principals.id),
    /** SHA-256 of the whole key, hex. The key itself is shown once and never stored. */
    hash: text('hash').notNull(),
    /** First characters of the key, for people to tell keys apart. */
    prefix: text('prefix').notNull(),
    roles: jsonb('roles').$type<Role[]>().notNull(),
    expiresAt: instant('expires_at'),
    revokedAt: instant('revoked_at'),
    createdAt: createdAt(),
  },
  (t) => [uniqueIndex('api_keys_hash').on(t.hash)],
);

export const workflows = pgTable(
  'workflows',
  {
    id: uuid('id').primaryKey(),
    tenantId: uuid('tenant_id')
      .notNull()
      .references(() => tenants.id),
    name: text('name').notNull(),
    version: text('version').notNull(),
    /** Derived from the tenant at insert; readable by every tenant when GLOBAL. */
    visibility: text('visibility', { enum: ['GLOBAL', 'TENANT'] }).notNull(),
    manifest: jsonb('manifest').$type<Manifest>().notNull(),
    createdByUserId: uuid('created_by_user_id'),
    forkedFromWorkflowId: uuid('forked_from_workflow_id'),
    forkedFromVersion: text('forked_from_version'),
    artifactSha256: text('artifact_sha256').notNull(),
    artifactSizeBytes: integer('artifact_size_bytes').notNull(),
    executable: boolean('executable').notNull(),
    /** The Temporal workflow type `run` starts; null when not executable. */
    workflowType: text('workflow_type'),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (t) => [
    uniqueIndex('workflows_name_version').on(t.tenantId, t.name, t.version),
    index('workflows_newest').on(t.tenantId, t.createdAt.desc(), t.id.desc()),
    index('workflows_artifact').on(t.artifactSha256),
  ],
);

/** Upload reservations: what upload-url promised and finalize has not yet consumed. Swept after expiry. */
export const workflowUploads = pgTable(
  'workflow_uploads',
  {
    workflowId: uuid('workflow_id').primaryKey(),
    tenantId: uuid('tenant_id')
      .notNull()
      .references(() => tenants.id),
    name: text('name').notNull(),
    version: text('version').notNull(),
    sizeBytes: integer('size_bytes').notNull(),
    createdByUserId: uuid('created_by_user_id'),
    expiresAt: instant('expires_at').notNull(),
    createdAt: createdAt(),
  },
  (t) => [index('workflow_uploads_expiry').on(t.expiresAt)],
);

export const executions = pgTable(
  'executions',
  {
    id: uuid('id').primaryKey(),
    tenantId: uuid('tenant_id')
      .notNull()
      .references(() => tenants.id),
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
    queuedAt: instant('queued_at').notNull().defaultNow(),
    startedAt: instant('started_at'),
    finishedAt: instant('finished_at'),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (t) => [
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
    index('executions_day').on(t.tenantId, t.createdAt),
  ],
);
