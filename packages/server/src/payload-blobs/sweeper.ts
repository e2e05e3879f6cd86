import { parseArtifactTaskQueue, parseDispatchQueue } from '@pegasus-workflows/contracts';
import { and, eq, inArray, min } from 'drizzle-orm';
import { type Services } from '../infra/context.js';
import { type Database } from '../infra/database.js';
import { periodic, type Stoppable } from '../infra/periodic.js';
import { executions } from '../infra/schema.js';
import { type TemporalPort } from '../infra/temporal.js';
import { USE_NOTED_MS } from './blobs.js';
import { deleteOld, namesOf, tenantsWithOld } from './store.js';

/**
 * Job: removes payload blobs that nothing can need any more, and files that no row has.
 *
 * Boundary: runs beside everything else, at any time, on any number of servers. Rows go first, each with its file right
 * after it; a crash between the two leaves a file without a row.
 *
 * Which histories refer to a blob is not known, and Temporal copies references without telling anybody (memos, inputs of
 * retries). So a blob goes by its age, and by that of the tenant's runs: whoever could hold a reference to it was there
 * when it was used last.
 *
 * Invariants
 * 1. A blob that was put or read within the days of the settings stays.
 * 2. A blob that was put or read since the oldest open run of its tenant began stays: executions, dispatches, and child
 *    runs that have outlived theirs, which are as old as the execution they come from. What cannot be told keeps every
 *    blob.
 * 3. A file without a row goes once it is older than {@link KEEP_MS}: nothing that comes in takes as long.
 */
export const KEEP_MS = 3_600_000;
const INTERVAL_MS = 30 * 60_000;
const DAY_MS = 86_400_000;
/** A transaction that deletes more would hold the embedded database for too long. */
const AT_ONCE = 100;

export type BlobSweeperParts = Pick<
  Services,
  'db' | 'payloadBlobs' | 'blobFiles' | 'temporal' | 'clock' | 'settings' | 'logger'
>;

export interface SweptBlobs {
  /** Blobs that had not been used for long. */
  expired: number;
  /** Files without a row. */
  orphans: number;
  /** Files that were never finished. */
  parts: number;
}

/** One pass; answers what it removed. Rejects, with nothing expired, when Temporal does not tell what is open. */
export async function sweepBlobs(parts: BlobSweeperParts, signal?: AbortSignal): Promise<SweptBlobs> {
  const orphanLimit = new Date(parts.clock().getTime() - KEEP_MS);
  const orphans = await removeOrphans(parts, orphanLimit);
  const removedParts = await parts.blobFiles.removeParts(orphanLimit);
  return { expired: await expire(parts, signal), orphans, parts: removedParts };
}

/** Sweeps now and every half hour. */
export function startBlobSweeper(parts: BlobSweeperParts): Stoppable {
  const pass = async (signal: AbortSignal): Promise<void> => {
    parts.logger.debug({ ...(await sweepBlobs(parts, signal)) }, 'payload blobs swept');
  };
  return periodic('payload blob sweeper', INTERVAL_MS, pass, parts.logger);
}

async function expire(parts: BlobSweeperParts, signal: AbortSignal | undefined): Promise<number> {
  const { db, payloadBlobs, temporal, clock, settings } = parts;
  const limit = new Date(clock().getTime() - settings.payloadBlobs.days * DAY_MS);
  const candidates = await db.system((tx) => tenantsWithOld(tx, limit));
  if (candidates.length === 0) return 0;
  const oldest = await oldestOpen(db, temporal, new Set(candidates));
  let expired = 0;
  for (const tenantId of candidates) {
    const open = oldest.get(tenantId);
    // Uses are noted to within an hour.
    const before = open ? new Date(Math.min(limit.getTime(), open.getTime() - USE_NOTED_MS)) : limit;
    for (let n = AT_ONCE; n === AT_ONCE && !signal?.aborted; expired += n) {
      const gone = await db.tenant(tenantId, (tx) => deleteOld(tx, tenantId, before, AT_ONCE));
      for (const sha256 of gone) await payloadBlobs.removeUnreferenced({ tenantId, sha256 });
      n = gone.length;
    }
  }
  return expired;
}

async function removeOrphans(
  { db, payloadBlobs, blobFiles }: BlobSweeperParts,
  before: Date,
): Promise<number> {
  let removed = 0;
  for (const tenantId of await blobFiles.tenants()) {
    const files = await blobFiles.list(tenantId);
    const rows = await db.tenant(tenantId, (tx) => namesOf(tx, tenantId));
    for (const sha256 of files) {
      if (!rows.has(sha256) && (await payloadBlobs.removeUnreferenced({ tenantId, sha256 }, before)))
        removed++;
    }
  }
  return removed;
}

/** When the oldest open run of each tenant began (invariant 2); tenants without one are left out. */
async function oldestOpen(
  db: Database,
  temporal: TemporalPort,
  tenantIds: ReadonlySet<string>,
): Promise<Map<string, Date>> {
  const oldest = new Map<string, Date>();
  const note = (tenantId: string, at: Date): void => {
    const known = oldest.get(tenantId);
    if (!known || at < known) oldest.set(tenantId, at);
  };
  const roots = new Map<string, Set<string>>();
  for await (const run of temporal.listOpen()) {
    const dispatchOf = parseDispatchQueue(run.taskQueue)?.tenantId;
    const tenantId = dispatchOf ?? parseArtifactTaskQueue(run.taskQueue)?.tenantId;
    if (tenantId === undefined || !tenantIds.has(tenantId)) continue;
    note(tenantId, run.startedAt);
    if (dispatchOf !== undefined) continue;
    const of = roots.get(tenantId) ?? new Set();
    roots.set(tenantId, of.add(run.rootWorkflowId ?? run.workflowId));
  }
  for (const tenantId of tenantIds) {
    const open = await db.tenant(tenantId, (tx) =>
      tx
        .select({ at: min(executions.createdAt) })
        .from(executions)
        .where(and(eq(executions.tenantId, tenantId), inArray(executions.status, ['QUEUED', 'RUNNING']))),
    );
    if (open[0]?.at) note(tenantId, open[0].at);
    const rooted = await oldestOf(db, tenantId, [...(roots.get(tenantId) ?? [])]);
    if (rooted) note(tenantId, rooted);
  }
  return oldest;
}

/** When the oldest of these executions was made; the beginning of time when one of them is not known. */
async function oldestOf(db: Database, tenantId: string, workflowIds: string[]): Promise<Date | undefined> {
  let oldest: Date | undefined;
  for (let at = 0; at < workflowIds.length; at += AT_ONCE) {
    const wanted = workflowIds.slice(at, at + AT_ONCE);
    const found = await db.tenant(tenantId, (tx) =>
      tx
        .select({ createdAt: executions.createdAt })
        .from(executions)
        .where(and(eq(executions.tenantId, tenantId), inArray(executions.temporalWorkflowId, wanted))),
    );
    if (found.length < wanted.length) return new Date(0);
    for (const { createdAt } of found) if (!oldest || createdAt < oldest) oldest = createdAt;
  }
  return oldest;
}
