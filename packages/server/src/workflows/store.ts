import { createHash } from 'node:crypto';
import { PegasusError, quarantineSchema, type Workflow } from '@pegasus-workflows/contracts';
import { and, count, desc, eq, isNull, lt, or, sql } from 'drizzle-orm';
import { type Principal } from '../infra/context.js';
import { pgCode, type Tx } from '../infra/database.js';
import { workflows, workflowUploads } from '../infra/schema.js';

/** Rows of workflows and upload reservations. Every function runs inside the caller's transaction. */

export type WorkflowRow = typeof workflows.$inferSelect;
export type NewWorkflowRow = typeof workflows.$inferInsert;
export type UploadRow = typeof workflowUploads.$inferSelect;
export type NewUploadRow = typeof workflowUploads.$inferInsert;

const UNIQUE_VIOLATION = '23505';

/** What a row looks like on the wire. */
export function toWorkflow(row: WorkflowRow): Workflow {
  const { workflowType: _internal, retiredAt: _hidden, createdAt, updatedAt, ...seen } = row;
  const { quarantinedAt, quarantine, ...rest } = seen;
  return {
    ...rest,
    quarantine: quarantinedAt && quarantine ? quarantineSchema.parse(quarantine) : null,
    createdAt: createdAt.toISOString(),
    updatedAt: updatedAt.toISOString(),
  };
}

/** A tenant sees its own workflows and everybody's GLOBAL ones. Row-level security says the same, once more. */
function visibleTo(tenantId: string) {
  return or(eq(workflows.tenantId, tenantId), eq(workflows.visibility, 'GLOBAL'));
}

/** Own and GLOBAL workflows that are not retired, newest first. */
export function listVisible(tx: Tx, tenantId: string): Promise<WorkflowRow[]> {
  return tx
    .select()
    .from(workflows)
    .where(and(visibleTo(tenantId), isNull(workflows.retiredAt)))
    .orderBy(desc(workflows.createdAt), desc(workflows.id));
}

/** One own or GLOBAL workflow. Throws NOT_FOUND, for another tenant's too. */
export async function requireVisible(tx: Tx, tenantId: string, id: string): Promise<WorkflowRow> {
  const [row] = await tx
    .select()
    .from(workflows)
    .where(and(eq(workflows.id, id), visibleTo(tenantId)));
  if (!row) throw new PegasusError('NOT_FOUND', 'There is no workflow with this id.');
  return row;
}

/** Throws CONFLICT when the caller's tenant has this name@version. */
export async function refuseTaken(tx: Tx, tenantId: string, name: string, version: string): Promise<void> {
  const [taken] = await tx
    .select({ id: workflows.id })
    .from(workflows)
    .where(and(eq(workflows.tenantId, tenantId), eq(workflows.name, name), eq(workflows.version, version)));
  if (taken) throw nameTaken(name, version);
}

/** Inserts a workflow; the unique index decides between two at once. Throws CONFLICT for the one that came second. */
export async function insertWorkflow(tx: Tx, row: NewWorkflowRow): Promise<WorkflowRow> {
  try {
    const [inserted] = await tx.insert(workflows).values(row).returning();
    return inserted!;
  } catch (error) {
    if (pgCode(error) === UNIQUE_VIOLATION) throw nameTaken(row.name, row.version);
    throw error;
  }
}

function nameTaken(name: string, version: string): PegasusError {
  return new PegasusError('CONFLICT', `${name}@${version} exists already; publish under a new version.`);
}

/** GLOBAL exactly for the platform tenant. */
export function visibilityOf(principal: Principal): 'GLOBAL' | 'TENANT' {
  return principal.isPlatformTenant ? 'GLOBAL' : 'TENANT';
}

export async function insertUpload(tx: Tx, row: NewUploadRow): Promise<void> {
  await tx.insert(workflowUploads).values(row);
}

export async function findUpload(tx: Tx, workflowId: string): Promise<UploadRow | undefined> {
  const [row] = await tx.select().from(workflowUploads).where(eq(workflowUploads.workflowId, workflowId));
  return row;
}

/** Removes a reservation. Of two transactions that try, exactly one is told `true`. */
export async function consumeUpload(tx: Tx, workflowId: string): Promise<boolean> {
  const rows = await tx
    .delete(workflowUploads)
    .where(eq(workflowUploads.workflowId, workflowId))
    .returning({ id: workflowUploads.workflowId });
  return rows.length > 0;
}

export async function workflowExists(tx: Tx, id: string): Promise<boolean> {
  const [row] = await tx.select({ n: count() }).from(workflows).where(eq(workflows.id, id));
  return row!.n > 0;
}

/** Removes reservations that expired before `limit`; answers their ids. */
export async function deleteExpiredUploads(tx: Tx, limit: Date): Promise<string[]> {
  const rows = await tx
    .delete(workflowUploads)
    .where(lt(workflowUploads.expiresAt, limit))
    .returning({ id: workflowUploads.workflowId });
  return rows.map(({ id }) => id);
}

/**
 * Holds, until the transaction ends, the right to store or delete the artifact with this SHA-256. Needed by both,
 * or an artifact could be deleted between being found stored and being referred to.
 */
export async function lockArtifact(tx: Tx, sha256: string): Promise<void> {
  const key = createHash('sha256').update(`artifact ${sha256}`).digest().readBigInt64BE(0);
  await tx.execute(sql`select pg_advisory_xact_lock(${key.toString()}::bigint)`);
}

/** Whether any workflow of any tenant refers to the artifact; call it in a system transaction. */
export async function isReferenced(tx: Tx, sha256: string): Promise<boolean> {
  const [row] = await tx.select({ n: count() }).from(workflows).where(eq(workflows.artifactSha256, sha256));
  return row!.n > 0;
}
