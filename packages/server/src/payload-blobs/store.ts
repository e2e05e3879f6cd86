import { and, asc, eq, inArray, lt, sql } from 'drizzle-orm';
import { type BlobName } from '../infra/blob-files.js';
import { type Tx } from '../infra/database.js';
import { payloadBlobs } from '../infra/schema.js';

/** Rows of payload blobs. Every function runs inside the caller's transaction. */

/** Until the transaction ends, nobody else keeps or removes the same blob. */
export async function lockBlob(tx: Tx, { tenantId, sha256 }: BlobName): Promise<void> {
  const name = `payload-blob/${tenantId}/${sha256}`;
  await tx.execute(sql`select pg_advisory_xact_lock(hashtextextended(${name}, 0))`);
}

/** A blob that is there already counts as used now. */
export async function upsertBlob(tx: Tx, blob: BlobName, bytes: number, now: Date): Promise<void> {
  await tx
    .insert(payloadBlobs)
    .values({ ...blob, bytes, createdAt: now, lastUsedAt: now })
    .onConflictDoUpdate({
      target: [payloadBlobs.tenantId, payloadBlobs.sha256],
      set: { lastUsedAt: now },
    });
}

export async function hasBlob(tx: Tx, blob: BlobName): Promise<boolean> {
  const found = await tx.select({ bytes: payloadBlobs.bytes }).from(payloadBlobs).where(named(blob));
  return found.length > 0;
}

/** Whether there is such a blob; a use that is older than `ifBefore` becomes one of now. */
export async function useBlob(tx: Tx, blob: BlobName, now: Date, ifBefore: Date): Promise<boolean> {
  const [row] = await tx
    .select({ lastUsedAt: payloadBlobs.lastUsedAt })
    .from(payloadBlobs)
    .where(named(blob));
  if (!row) return false;
  if (row.lastUsedAt >= ifBefore) return true;
  // It may have been removed meanwhile: then it is not there.
  const touched = await tx
    .update(payloadBlobs)
    .set({ lastUsedAt: now })
    .where(named(blob))
    .returning({ sha256: payloadBlobs.sha256 });
  return touched.length > 0;
}

/** Tenants with blobs that were used last before `limit`. */
export async function tenantsWithOld(tx: Tx, limit: Date): Promise<string[]> {
  const { tenantId, lastUsedAt } = payloadBlobs;
  const found = await tx.selectDistinct({ tenantId }).from(payloadBlobs).where(lt(lastUsedAt, limit));
  return found.map((row) => row.tenantId);
}

/** Deletes a tenant's rows that were used last before `limit`, the oldest first; answers which. */
export async function deleteOld(tx: Tx, tenantId: string, limit: Date, atMost: number): Promise<string[]> {
  const old = tx
    .select({ sha256: payloadBlobs.sha256 })
    .from(payloadBlobs)
    .where(and(eq(payloadBlobs.tenantId, tenantId), lt(payloadBlobs.lastUsedAt, limit)))
    .orderBy(asc(payloadBlobs.lastUsedAt))
    .limit(atMost);
  const gone = await tx
    .delete(payloadBlobs)
    .where(
      and(
        eq(payloadBlobs.tenantId, tenantId),
        inArray(payloadBlobs.sha256, old),
        // Once more, for one that was used while this statement waited for its row.
        lt(payloadBlobs.lastUsedAt, limit),
      ),
    )
    .returning({ sha256: payloadBlobs.sha256 });
  return gone.map(({ sha256 }) => sha256);
}

/** SHA-256s of a tenant's blobs. */
export async function namesOf(tx: Tx, tenantId: string): Promise<Set<string>> {
  const found = await tx
    .select({ sha256: payloadBlobs.sha256 })
    .from(payloadBlobs)
    .where(eq(payloadBlobs.tenantId, tenantId));
  return new Set(found.map(({ sha256 }) => sha256));
}

function named({ tenantId, sha256 }: BlobName) {
  return and(eq(payloadBlobs.tenantId, tenantId), eq(payloadBlobs.sha256, sha256));
}
