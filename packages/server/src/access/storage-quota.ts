import { PegasusError } from '@pegasus-workflows/contracts';
import { eq, sql } from 'drizzle-orm';
import { type Tx } from '../infra/database.js';
import { tenants } from '../infra/schema.js';

/**
 * Job: keeps what a tenant stores within its quota.
 *
 * Boundary: whoever stores something for a tenant calls {@link refuseOverStorage} in the same transaction, after it has
 * written; what is over is rolled back. Nothing is counted beside the rows themselves, so nothing can drift.
 *
 * Invariants
 * 1. No commit leaves a tenant with more than its quota: transactions of one tenant wait for each other from the check
 *    to their end, so each sees what the others have stored.
 * 2. A tenant without a quota waits for nobody.
 * 3. Artifacts are content-addressed: one that several versions share counts once. An upload counts from its
 *    reservation on, with the bytes that it announced.
 */
interface StorageUse {
  artifacts: number;
  uploads: number;
  storedValues: number;
  projections: number;
  integrations: number;
  payloads: number;
}

/** What the tenant of the transaction stores, in bytes. */
export async function storageUse(tx: Tx, tenantId: string): Promise<StorageUse> {
  // Double precision: both drivers hand it over as a number, exact up to 8 PiB.
  const { rows } = await tx.execute<{ [K in keyof StorageUse]: number }>(sql`select
    (select coalesce(sum(size), 0)::float8 from (
       select distinct on (artifact_sha256) artifact_size_bytes as size from workflows where tenant_id = ${tenantId}
     ) as artifact) as artifacts,
    (select coalesce(sum(size_bytes), 0)::float8 from workflow_uploads where tenant_id = ${tenantId}) as uploads,
    (select coalesce(sum(octet_length(value)), 0)::float8 from stored_values where tenant_id = ${tenantId})
      as "storedValues",
    (select coalesce(sum(octet_length(state::text)), 0)::float8 from integration_projections
      where tenant_id = ${tenantId}) as projections,
    (select coalesce(sum(octet_length(parts) + octet_length(corpus)), 0)::float8 from integration_configs
      where tenant_id = ${tenantId}) as integrations,
    (select coalesce(sum(bytes), 0)::float8 from payload_blobs where tenant_id = ${tenantId}) as payloads`);
  return rows[0]!;
}

/** All of it. */
export function totalOf(use: StorageUse): number {
  return Object.values(use).reduce((total: number, bytes: number) => total + bytes, 0);
}

/** Throws STORAGE_QUOTA_EXCEEDED when the tenant would store more than it may, were the transaction to commit. */
export async function refuseOverStorage(tx: Tx, tenantId: string): Promise<void> {
  const [tenant] = await tx
    .select({ limit: tenants.maxStorageBytes })
    .from(tenants)
    .where(eq(tenants.id, tenantId));
  const limit = tenant?.limit ?? null;
  if (limit === null) return;
  await tx.execute(sql`select pg_advisory_xact_lock(hashtextextended(${`storage/${tenantId}`}, 0))`);
  const used = totalOf(await storageUse(tx, tenantId));
  if (used <= limit) return;
  throw new PegasusError(
    'STORAGE_QUOTA_EXCEEDED',
    `With this, the tenant would store ${used} bytes; it may store ${limit}. Delete stored values, projections or configurations of integrations, or ask the operator of the platform for a larger quota.`,
  );
}
