import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { PegasusError } from '@pegasus-workflows/contracts/errors';
import { lock } from 'proper-lockfile';
import { isCode, linkTarget } from './write-atomically.js';

/** A writer that was killed is noticed after this long. */
const STALE_MS = 5_000;
/** Longer than a dead writer counts as alive, and than any number of live ones write. */
const WAIT_MS = 20_000;
const POLL_MS = 25;

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
  const release = await acquire(file, target);
  try {
    return await body();
  } finally {
    await release().catch(() => undefined);
  }
}

/** Waits for whoever has it; every other failure (nothing can be written here) is final. */
async function acquire(file: string, target: string): Promise<() => Promise<void>> {
  const deadline = performance.now() + WAIT_MS;
  for (;;) {
    try {
      return await lock(target, {
        realpath: false,
        lockfilePath: `${target}.lock`,
        stale: STALE_MS,
        // Losing it (a laptop that slept) can cost another writer's change, never a broken file: the rename decides.
        onCompromised: () => undefined,
      });
    } catch (error) {
      if (!isCode(error, 'ELOCKED')) throw error;
      if (performance.now() > deadline)
        throw new PegasusError('CONFLICT', `Another process has been writing ${file} for too long.`, {
          hint: `Try again; when nothing is using it any more: rmdir ${target}.lock`,
          cause: error,
        });
    }
    await delay(POLL_MS);
  }
}
