import type { Acknowledgement, ExternalAuth, SignatureScheme } from '@pegasus-workflows/contracts';
import { sql } from 'drizzle-orm';
import { boolean, index, integer, pgTable, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core';
import { jsonb } from '../jsonb.js';
import { tenantId } from './access.js';
import { createdAt, createdBy, id, instant, name, updatedAt } from './columns.js';

/** What a workflow remembers of an outside system's records. */
export const integrationProjections = pgTable(
  'integration_projections',
  {
    id: id(),
    tenantId: tenantId(),
    integrationId: text('integration_id').notNull(),
    entityType: text('entity_type').notNull(),
    entityKey: text('entity_key').notNull(),
    state: jsonb('state').notNull(),
    /** From 1, one more at every replacement. */
    version: integer('version').notNull().default(1),
    updatedByUserId: uuid('updated_by_user_id'),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (t) => [
    uniqueIndex('integration_projections_key').on(t.tenantId, t.integrationId, t.entityType, t.entityKey),
  ],
);

/** Versions of integration configurations. Written once, never changed; the newest of a lineage is the active one. */
export const integrationConfigs = pgTable(
  'integration_configs',
  {
    id: id(),
    tenantId: tenantId(),
    integrationId: text('integration_id').notNull(),
    /** From 1 in each lineage, which is a tenant and an integration. */
    version: integer('version').notNull(),
    /** Derived from the tenant at insert; readable by every tenant when GLOBAL. */
    visibility: text('visibility', { enum: ['GLOBAL', 'TENANT'] }).notNull(),
    displayName: text('display_name'),
    /** Everything but the corpus, as JSON in the order in which it was published: jsonb would sort its keys. */
    parts: text('parts').notNull(),
    /** The corpus, which nothing reads but people and the gate. */
    corpus: text('corpus').notNull(),
    /** The floor of the GLOBAL configuration that it was published over, as JSON. */
    baseFloor: text('base_floor'),
    rolledBackFrom: integer('rolled_back_from'),
    forkedFromVersion: integer('forked_from_version'),
    createdByUserId: createdBy(),
    createdAt: createdAt(),
  },
  (t) => [
    uniqueIndex('integration_configs_version').on(t.tenantId, t.integrationId, t.version),
    index('integration_configs_global')
      .on(t.integrationId, t.version)
      .where(sql`${t.visibility} = 'GLOBAL'`),
  ],
);

/** Deliveries of canonical records to outside systems: one row for each that was begun and not refused. */
export const integrationDeliveries = pgTable(
  'integration_deliveries',
  {
    /** The `Idempotency-Key` of every attempt. */
    id: id(),
    tenantId: tenantId(),
    integrationId: text('integration_id').notNull(),
    /** What tells it from others of the integration. */
    dedupKey: text('dedup_key').notNull(),
    /** SHA-256 of what is sent, hex: the same key with something else is a mistake. */
    requestSha256: text('request_sha256').notNull(),
    /** Whoever sends it has until then; null: nobody does. */
    claimedUntil: instant('claimed_until'),
    /** Set once it is taken. */
    deliveredAt: instant('delivered_at'),
    status: integer('status'),
    answer: jsonb('answer'),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (t) => [
    uniqueIndex('integration_deliveries_key').on(t.tenantId, t.integrationId, t.dedupKey),
    index('integration_deliveries_age').on(t.updatedAt),
  ],
);

/** Where an outside system's webhooks come in. */
export const integrationIngress = pgTable(
  'integration_ingress',
  {
    id: id(),
    tenantId: tenantId(),
    integrationId: text('integration_id').notNull(),
    auth: text('auth', { enum: ['BEARER', 'HMAC'] }).notNull(),
    /** BEARER: SHA-256 of the token, hex. */
    tokenHash: text('token_hash'),
    /** The token before the rotation, which works until `previousExpiresAt`. */
    previousTokenHash: text('previous_token_hash'),
    /** HMAC: the shared secret, a compact JWE. */
    secret: text('secret'),
    previousSecret: text('previous_secret'),
    previousExpiresAt: instant('previous_expires_at'),
    /** First characters of the token or secret, for people to tell one from another; null when a partner made it. */
    secretPrefix: text('secret_prefix'),
    /** Which master key `secret` and `previousSecret` are wrapped with. */
    masterKeyId: text('master_key_id'),
    /** HMAC: header names, algorithm and tolerance. */
    signature: jsonb('signature').$type<SignatureScheme>(),
    eventType: text('event_type').notNull(),
    /** Path in the payload whose value tells one delivery from another. */
    dedupPath: text('dedup_path'),
    /** Which headers of the partner's call the event keeps. */
    keepHeaders: jsonb('keep_headers').$type<string[]>().notNull().default([]),
    /** Status, headers and body template of the answer that the partner expects. */
    acknowledgement: jsonb('acknowledgement').$type<Acknowledgement>(),
    enabled: boolean('enabled').notNull().default(true),
    lastReceivedAt: instant('last_received_at'),
    createdByUserId: createdBy(),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (t) => [uniqueIndex('integration_ingress_integration').on(t.tenantId, t.integrationId)],
);

/** An outside HTTP API that the platform calls for workflows. */
export const externalConnections = pgTable(
  'external_connections',
  {
    id: id(),
    tenantId: tenantId(),
    name: name(),
    baseUrl: text('base_url').notNull(),
    auth: text('auth', { enum: ['NONE', 'BEARER', 'API_KEY', 'OAUTH2_CLIENT_CREDENTIALS'] }).notNull(),
    /** Everything about the authentication that is no secret; secrets are named by group and key. */
    authConfig: jsonb('auth_config').$type<ExternalAuth['authConfig']>(),
    timeoutSeconds: integer('timeout_seconds').notNull().default(30),
    enabled: boolean('enabled').notNull().default(true),
    createdByUserId: createdBy(),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (t) => [uniqueIndex('external_connections_name').on(t.tenantId, t.name)],
);
