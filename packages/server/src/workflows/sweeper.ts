import { type Services } from '../infra/context.js';
import { periodic, type Stoppable } from '../infra/periodic.js';
import { workflows } from '../infra/schema.js';
import { FINALIZE_GRACE_SECONDS, removeUnreferenced } from './publish.js';
import { deleteExpiredUploads, findUpload } from './store.js';

/**
 * Job: removes what publishing left behind: reservations nobody finalized, staged bytes without a reservation, stored
 * artifacts no row refers to.
 *
 * Boundary: runs beside everything else, at any time, on any number of servers.
 *
 * Invariants
 * 1. Nothing younger than {@link KEEP_MS} is touched, so a publish under way is left alone.
 * 2. A stored artifact is deleted under its lock, after asking once more whether a row refers to it.
 */
export const KEEP_MS = 2 * FINALIZE_GRACE_SECONDS * 1000;
const INTERVAL_MS = 10 * 60_000;

export interface Swept {
  reservations: number;
  staged: number;
  artifacts: number;
}

/** One pass; answers what it removed. */
export async function sweep(services: Services): Promise<Swept> {
  const now = services.clock().getTime();
  const isOld = ({ writtenAt }: { writtenAt: Date }) => writtenAt.getTime() < now - KEEP_MS;
  const { db, artifacts } = services;

  const limit = new Date(now - FINALIZE_GRACE_SECONDS * 1000);
  const reservations = await db.system((tx) => deleteExpiredUploads(tx, limit));

  let staged = 0;
  for (const entry of (await artifacts.listStaged()).filter(isOld)) {
    const { id } = entry;
    if (id !== undefined && (await db.system((tx) => findUpload(tx, id)))) continue;
    await artifacts.removeStaged(entry);
    staged++;
  }

  const stored = (await artifacts.list()).filter(isOld);
  const referenced = await db.system((tx) =>
    tx.selectDistinct({ sha256: workflows.artifactSha256 }).from(workflows),
  );
  const inUse = new Set(referenced.map(({ sha256 }) => sha256));
  let removed = 0;
  for (const { sha256 } of stored) {
    if (!inUse.has(sha256) && (await removeUnreferenced(services, sha256))) removed++;
  }
  return { reservations: reservations.length, staged, artifacts: removed };
}

/** Sweeps now and every ten minutes. */
export function startSweeper(services: Services): Stoppable {
  const pass = async (): Promise<void> => {
    services.logger.debug({ ...(await sweep(services)) }, 'swept');
  };
  return periodic('sweeper', INTERVAL_MS, pass, services.logger);
}
