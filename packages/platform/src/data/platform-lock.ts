/**
 * Job: one platform per data directory.
 *
 * Boundary: `platform.lock`, which says who holds it, and a gate beside it that is held for milliseconds while the
 * lock is looked at and taken. The process that holds the lock touches it now and then.
 *
 * Invariants
 * 1. Two live platforms never hold one data directory, also when both find the lock of a dead one at the same moment.
 * 2. The lock of a process that was killed on this host is taken over at once; one of another host (a shared volume,
 *    another container) once it has not been touched for 30 s.
 * 3. Whoever is refused is told which process holds it. A refusal waits a moment first: a holder that was just told to
 *    end, or killed, still looks alive until the kernel is done with it.
 */
import { readFile, rm, stat, utimes } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { lock } from 'proper-lockfile';
import { z } from 'zod';
import { PegasusError } from '@pegasus-workflows/contracts';
import { identityOf, isRunning } from '../process/identity.js';
import { until } from '../process/until.js';
import { writeFileAtomic } from '@pegasus-workflows/kit/files';

const TOUCH_MS = 5_000;
const FOREIGN_STALE_MS = 30_000;
const GATE_STALE_MS = 5_000;
const ENDING_MS = 1_000;

const ownerSchema = z.object({
  pid: z.int().positive(),
  startedAt: z.string(),
  host: z.string(),
  since: z.string(),
});
type Owner = z.infer<typeof ownerSchema>;

/** Takes the lock and returns its release. @throws PegasusError CONFLICT when a live platform holds it. */
export async function acquirePlatformLock(path: string): Promise<() => Promise<void>> {
  let holder: Owner | undefined;
  const tryToTake = async (): Promise<boolean> => (holder = await take(path)) === undefined;
  if (!(await until(tryToTake, ENDING_MS)) && holder) throw refusal(holder, path);
  const touch = setInterval(() => {
    const now = new Date();
    // A directory that was removed under a running platform is not the lock's to report.
    utimes(path, now, now).catch(() => undefined);
  }, TOUCH_MS).unref();
  return async () => {
    clearInterval(touch);
    await rm(path, { force: true });
  };
}

/** Takes the lock, unless a live process holds it: that one is returned. */
async function take(path: string): Promise<Owner | undefined> {
  return withGate(path, async () => {
    const owner = await readOwner(path);
    if (owner && (await isAlive(owner, path))) return owner;
    const me = await identityOf(process.pid);
    if (!me) throw new Error('cannot read the start time of this process');
    const mine: Owner = { ...me, host: hostname(), since: new Date().toISOString() };
    await writeFileAtomic(path, `${JSON.stringify(mine)}\n`, 0o600);
    return undefined;
  });
}

async function withGate<T>(path: string, body: () => Promise<T>): Promise<T> {
  const open = await lock(path, {
    realpath: false,
    lockfilePath: `${path}.gate`,
    stale: GATE_STALE_MS,
    retries: { retries: 60, minTimeout: 50, maxTimeout: 200 },
  });
  try {
    return await body();
  } finally {
    await open();
  }
}

async function readOwner(path: string): Promise<Owner | undefined> {
  try {
    return ownerSchema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch {
    return undefined;
  }
}

async function isAlive(owner: Owner, path: string): Promise<boolean> {
  if (owner.host === hostname()) return isRunning(owner);
  return Date.now() - (await stat(path)).mtimeMs < FOREIGN_STALE_MS;
}

function refusal(owner: Owner, path: string): PegasusError {
  const where = owner.host === hostname() ? '' : ` on ${owner.host}`;
  return new PegasusError(
    'CONFLICT',
    `the data directory ${dirname(path)} is in use by another platform: process ${owner.pid}${where}, since ${owner.since}`,
    { hint: 'stop that one, or start this one with another --data-dir' },
  );
}
