import { mkdir, readFile, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { writeFileAtomic } from '@pegasus-workflows/kit/files';
import { identityOf, isRunning, type ProcessIdentity } from './identity.js';
import { until } from './until.js';

const identitySchema = z.object({ pid: z.int().positive(), startedAt: z.string() });

/** Writes which process runs, so that a later start can find it when its parent was killed. */
export async function writePidFile(path: string, pid: number): Promise<void> {
  const identity = await identityOf(pid);
  if (!identity) return;
  await mkdir(dirname(path), { recursive: true });
  await writeFileAtomic(path, JSON.stringify(identity), 0o600);
}

/** The process a pid file names, or undefined when the file is absent, unreadable or names a process that is gone. */
export async function readPidFile(path: string): Promise<ProcessIdentity | undefined> {
  try {
    const identity = identitySchema.parse(JSON.parse(await readFile(path, 'utf8')));
    return (await isRunning(identity)) ? identity : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Ends the process a pid file names, if it still runs: SIGTERM, then SIGKILL after `graceMs`. The file is removed.
 * Returns the pid that was ended, or undefined when there was nothing to end.
 */
export async function endStaleProcess(path: string, graceMs: number): Promise<number | undefined> {
  const identity = await readPidFile(path);
  if (identity) {
    signal(identity.pid, 'SIGTERM');
    const gone = async (): Promise<boolean> => !(await isRunning(identity));
    if (!(await until(gone, graceMs))) {
      signal(identity.pid, 'SIGKILL');
      await until(gone, graceMs);
    }
  }
  await rm(path, { force: true });
  return identity?.pid;
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It went by itself between the look and the signal.
  }
}
