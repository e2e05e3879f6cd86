import type { Role } from '@pegasus-workflows/contracts';
import { sql } from 'drizzle-orm';
import {
  bigint,
  bigserial,
  boolean,
  index,
  integer,
  pgTable,
  text,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core';
import { jsonb } from '../jsonb.js';
import { createdAt, createdBy, id, instant, name, updatedAt } from './columns.js';

export const tenants = pgTable(
  'tenants',
  {
    id: id(),
    slug: text('slug').notNull(),
    displayName: text('display_name'),
    /** The platform tenant: its workflows are GLOBAL. Exactly one. */
    isPlatform: boolean('is_platform').notNull().default(false),
    /** Since when no key of the tenant works and nothing of it starts. */
    disabledAt: instant('disabled_at'),
    /** Quotas; null is the platform's own limit. */
    maxOpenExecutions: integer('max_open_executions'),
    maxExecutionsPerDay: integer('max_executions_per_day'),
    /** Largest input of a run and payload of an event, in bytes of JSON. */
    maxPayloadBytes: integer('max_payload_bytes'),
    /** Artifacts, stored values and projections together. */
    maxStorageBytes: bigint('max_storage_bytes', { mode: 'number' }),
    maxStartsPerSecond: integer('max_starts_per_second'),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (t) => [
    uniqueIndex('tenants_slug').on(t.slug),
    uniqueIndex('tenants_one_platform')
      .on(t.isPlatform)
      .where(sql`${t.isPlatform}`),
  ],
);

export const tenantId = () =>
  uuid('tenant_id')
    .notNull()
    .references(() => tenants.id);

/** People and service accounts. */
export const principals = pgTable(
  'principals',
  {
    id: id(),
    tenantId: tenantId(),
    kind: text('kind', { enum: ['USER', 'SERVICE_ACCOUNT'] }).notNull(),
    name: name(),
    /** Of a person, lower case; one membership per tenant. */
    email: text('email'),
    /** What the principal's keys may have at most; null: nothing was said, the keys say it alone. */
    roles: jsonb('roles').$type<Role[]>(),
    /** Since when none of its keys works. */
    disabledAt: instant('disabled_at'),
    /** Since when it is a member no more; the row stays, because the audit log and what it made name it. */
    removedAt: instant('removed_at'),
    createdByUserId: createdBy(),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (t) => [
    uniqueIndex('principals_email')
      .on(t.tenantId, t.email)
      .where(sql`${t.removedAt} is null`),
    uniqueIndex('principals_service_account')
      .on(t.tenantId, t.name)
      .where(sql`${t.kind} = 'SERVICE_ACCOUNT' and ${t.removedAt} is null`),
  ],
);

export const apiKeys = pgTable(
  'api_keys',
  {
    id: id(),
    tenantId: tenantId(),
    principalId: uuid('principal_id')
      .notNull()
      .references(() => principals.id),
    /** What people call it. */
    name: text('name'),
    /** SHA-256 of the whole key, hex. The key itself is shown once and never stored. */
    hash: text('hash').notNull(),
    /** First characters of the key, for people to tell keys apart. */
    prefix: text('prefix').notNull(),
    roles: jsonb('roles').$type<Role[]>().notNull(),
    expiresAt: instant('expires_at'),
    revokedAt: instant('revoked_at'),
    /** Within about a minute. */
    lastUsedAt: instant('last_used_at'),
    /** The key that this one takes over from. */
    rotatedFromId: uuid('rotated_from_id'),
    createdByUserId: createdBy(),
    createdAt: createdAt(),
  },
  (t) => [uniqueIndex('api_keys_hash').on(t.hash), index('api_keys_principal').on(t.tenantId, t.principalId)],
);

/** Append-only: neither role may update or delete. Never holds a value, only which fields changed. */
export const auditLog = pgTable(
  'audit_log',
  {
    seq: bigserial('seq', { mode: 'number' }).primaryKey(),
    /** Null for attempts that no tenant can be told from: only the platform tenant sees those. */
    tenantId: uuid('tenant_id'),
    at: instant('at').notNull().defaultNow(),
    /** DONE: it was committed with this row. ASKED: an act that no table shows, written before it. REFUSED: not allowed. */
    outcome: text('outcome', { enum: ['DONE', 'ASKED', 'REFUSED'] }).notNull(),
    actorKind: text('actor_kind', { enum: ['KEY', 'EXECUTION', 'SYSTEM', 'ANONYMOUS'] }).notNull(),
    principalId: uuid('principal_id'),
    keyId: uuid('key_id'),
    executionId: uuid('execution_id'),
    /** The action that the call needed, or what the platform was doing. */
    action: text('action'),
    /** `INSERT`, `UPDATE`, `DELETE`, or the name of the act. */
    operation: text('operation').notNull(),
    /** The table, or the kind of object that was acted on. */
    objectKind: text('object_kind'),
    objectId: text('object_id'),
    objectName: text('object_name'),
    /** Names of the columns that changed. */
    fields: jsonb('fields').$type<string[]>(),
    /** Of a refusal: its error code. */
    code: text('code'),
    method: text('method'),
    route: text('route'),
    /** From where. */
    ip: text('ip'),
    correlationId: text('correlation_id'),
    /** How many alike attempts this row stands for. */
    count: integer('count').notNull().default(1),
  },
  (t) => [
    index('audit_log_newest').on(t.tenantId, t.seq.desc()),
    index('audit_log_object').on(t.tenantId, t.objectKind, t.objectId, t.seq.desc()),
  ],
);

/** One row: what this database's objects in Temporal are told from another platform's by. */
export const platform = pgTable('platform', {
  /** Always true: there is no second row. */
  only: boolean('only').primaryKey().default(true),
  id: uuid('id').notNull().defaultRandom(),
});
