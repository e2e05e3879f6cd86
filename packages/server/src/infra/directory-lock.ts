import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { PegasusError } from '@pegasus-workflows/contracts';
import { type Logger } from '@pegasus-workflows/kit';
import { lock } from 'proper-lockfile';
import { z } from 'zod';

/**
 * Job: one process at a time in a directory, without a wait after a crash.
 *
 * Boundary: three siblings of the directory, `<dir>.lock` (the lock, kept fresh), `<dir>.owner` (who holds it) and
 * `<dir>.lock.gate` (held for milliseconds while the other two are looked at).
 *
 * Invariants
 * 1. Two live processes never hold one directory.
 * 2. The lock of a process that was killed on this host is taken over at once; any other lock once it is stale.
 */
/** Far longer than anything keeps this process from refreshing its lock; making a new PGlite directory takes seconds. */
const STALE_MS = 120_000;
const GATE_STALE_MS = 5_000;
/** A server that is just shutting down gets this long to leave. */
const WAIT_FOR_OWNER_MS = 5_000;

/** What this very process holds: a container's next process often gets the process id of the one that crashed. */
const held = new Set<string>();

const ownerSchema = z.object({ pid: z.number().int().positive(), host: z.string() });
type Owner = z.infer<typeof ownerSchema>;

/** Locks `directory` (made if absent, 0700). Answers its release; throws SERVICE_UNAVAILABLE when another process has it. */
export async function lockDirectory(directory: string, logger: Logger): Promise<() => Promise<void>> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const lockPath = `${directory}.lock`;
  const ownerPath = `${directory}.owner`;
  const started = Date.now();
  for (;;) {
    const closeGate = await lock(lockPath, {
      // proper-lockfile knows its locks by this first path, so the two locks need two.
      realpath: false,
      lockfilePath: `${lockPath}.gate`,
      stale: GATE_STALE_MS,
      retries: { retries: 100, minTimeout: 50, maxTimeout: 200 },
    });
    try {
      const owner = await readOwner(ownerPath);
      if (owner && isGone(owner, directory)) await rm(lockPath, { recursive: true, force: true });
      const release = await tryLock(directory, lockPath, logger);
      if (release) {
        await writeFile(ownerPath, JSON.stringify({ pid: process.pid, host: hostname() } satisfies Owner));
        held.add(directory);
        return async () => {
          held.delete(directory);
          await rm(ownerPath, { force: true });
          await release();
        };
      }
      const patience = owner?.host === hostname() ? WAIT_FOR_OWNER_MS : STALE_MS + WAIT_FOR_OWNER_MS;
      if (Date.now() - started > patience) throw inUse(directory, owner);
    } finally {
      await closeGate();
    }
    await delay(200);
  }
}

async function tryLock(
  directory: string,
  lockPath: string,
  logger: Logger,
): Promise<(() => Promise<void>) | undefined> {
  try {
    return await lock(directory, {
      lockfilePath: lockPath,
      stale: STALE_MS,
      update: STALE_MS / 12,
      onCompromised: (error) => {
        // Somebody else may own the directory by now: the only safe thing is to stop writing at once.
        logger.fatal({ err: error }, 'lost the lock of the database directory');
        process.exit(1);
      },
    });
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ELOCKED') return undefined;
    throw error;
  }
}

async function readOwner(path: string): Promise<Owner | undefined> {
  try {
    return ownerSchema.safeParse(JSON.parse(await readFile(path, 'utf8'))).data;
  } catch {
    return undefined; // absent, or cut short by a crash: staleness decides
  }
}

/** Whether the owner is known to be dead. Process ids say nothing about another host (or container). */
function isGone(owner: Owner, directory: string): boolean {
  if (owner.host !== hostname()) return false;
  if (owner.pid === process.pid) return !held.has(directory);
  try {
    process.kill(owner.pid, 0);
    return false;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'ESRCH';
  }
}

function inUse(directory: string, owner: Owner | undefined): PegasusError {
  const who = owner ? `process ${owner.pid} on ${owner.host}` : 'another process';
  return new PegasusError('SERVICE_UNAVAILABLE', `The directory ${directory} is in use by ${who}.`, {
    hint: 'Stop that process, or choose another directory.',
  });
}
