import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { PegasusError } from '@pegasus-workflows/contracts/errors';
import { lock } from 'proper-lockfile';
import { isCode, linkTarget } from './write-atomically.js';

/** A writer that was killed is noticed after this long. */
const STALE_MS = 5_000;
/** Together some twenty seconds: longer than a dead writer counts as alive. */
const RETRIES = { retries: 120, minTimeout: 20, maxTimeout: 200, factor: 1.3 };

/**
 * Runs `body` while no other process of ours is writing this file: read, change and write are one step to them.
 * The lock is `<file>.lock` beside it, a folder that is gone afterwards.
 *
 * @throws PegasusError CONFLICT when another one does not finish
 */
export async function withFileLock<T>(
  file: string,
  { folderMode }: { folderMode?: number },
  body: () => Promise<T>,
): Promise<T> {
  const target = await linkTarget(file);
  await mkdir(path.dirname(target), { recursive: true, mode: folderMode });
  const release = await lock(target, {
    realpath: false,
    lockfilePath: `${target}.lock`,
    stale: STALE_MS,
    retries: RETRIES,
    // Losing it (a laptop that slept) can cost another writer's change, never a broken file: the rename decides.
    onCompromised: () => undefined,
  }).catch((error: unknown) => {
    if (!isCode(error, 'ELOCKED')) throw error;
    throw new PegasusError('CONFLICT', `Another process has been writing ${file} for too long.`, {
      hint: `Try again; when nothing is using it any more: rmdir ${target}.lock`,
      cause: error,
    });
  });
  try {
    return await body();
  } finally {
    await release().catch(() => undefined);
  }
}
