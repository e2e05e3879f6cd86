import type { Manifest, Quarantine } from '@pegasus-workflows/contracts';
import { sql } from 'drizzle-orm';
import { boolean, index, integer, pgTable, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core';
import { jsonb } from '../jsonb.js';
import { tenantId } from './access.js';
import { createdAt, instant, updatedAt } from './columns.js';

/** What authors see of it, and the report by which it is known again. */
export type StoredQuarantine = Quarantine & { reportId: string };

export const workflows = pgTable(
  'workflows',
  {
    id: uuid('id').primaryKey(),
    tenantId: tenantId(),
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
    /** Since when it starts nothing and no list shows it; its executions stay. */
    retiredAt: instant('retired_at'),
    /** Since when no worker runs it, because those crashed again and again; null when it runs. */
    quarantinedAt: instant('quarantined_at'),
    /** The last quarantine, in force or released, with the report that it came of. */
    quarantine: jsonb('quarantine').$type<StoredQuarantine>(),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (t) => [
    uniqueIndex('workflows_name_version').on(t.tenantId, t.name, t.version),
    index('workflows_newest').on(t.tenantId, t.createdAt.desc(), t.id.desc()),
    index('workflows_artifact').on(t.artifactSha256),
    index('workflows_quarantined')
      .on(t.tenantId, t.artifactSha256)
      .where(sql`${t.quarantinedAt} is not null`),
  ],
);

/** Upload reservations: what upload-url promised and finalize has not yet consumed. Swept after expiry. */
export const workflowUploads = pgTable(
  'workflow_uploads',
  {
    workflowId: uuid('workflow_id').primaryKey(),
    tenantId: tenantId(),
    name: text('name').notNull(),
    version: text('version').notNull(),
    sizeBytes: integer('size_bytes').notNull(),
    createdByUserId: uuid('created_by_user_id'),
    expiresAt: instant('expires_at').notNull(),
    createdAt: createdAt(),
  },
  (t) => [index('workflow_uploads_expiry').on(t.expiresAt)],
);
