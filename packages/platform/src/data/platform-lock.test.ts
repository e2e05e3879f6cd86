import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { identityOf } from '../process/identity.js';
import { acquirePlatformLock } from './platform-lock.js';

let root: string;
let path: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'pegasus-lock-'));
  path = join(root, 'platform.lock');
});
afterEach(() => rm(root, { recursive: true, force: true }));

const dead = { pid: 4_000_000, startedAt: 'long ago', since: '2025-01-01T00:00:00.000Z' };

async function leaveLock(owner: object): Promise<void> {
  const release = await acquirePlatformLock(path);
  const mine = JSON.parse(await readFile(path, 'utf8')) as object;
  await release();
  await writeFile(path, JSON.stringify({ ...mine, ...dead, ...owner }));
}

describe('the platform lock', () => {
  it('is held by one, and tells the other by whom (invariants 1 and 3)', async () => {
    const release = await acquirePlatformLock(path);
    await expect(acquirePlatformLock(path)).rejects.toThrow(
      `the data directory ${root} is in use by another platform: process ${process.pid}, since `,
    );
    await release();
    await (
      await acquirePlatformLock(path)
    )();
  });

  it('of a killed platform is taken at once, by exactly one (invariants 1 and 2)', async () => {
    await leaveLock({});
    const outcomes = await Promise.allSettled([1, 2, 3].map(() => acquirePlatformLock(path)));
    const taken = outcomes.filter((outcome) => outcome.status === 'fulfilled');
    expect(taken).toHaveLength(1);
    await taken[0]!.value();
  });

  it('of a process that is just ending is waited for (invariant 3)', async () => {
    const ending = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    await once(ending, 'spawn');
    await leaveLock({ ...(await identityOf(ending.pid!)) });
    const taking = acquirePlatformLock(path);
    ending.kill('SIGKILL');
    await (
      await taking
    )();
  });

  it('of another host is respected while that touches it, and taken when it no longer does (invariant 2)', async () => {
    await leaveLock({ host: 'elsewhere' });
    await expect(acquirePlatformLock(path)).rejects.toThrow('process 4000000 on elsewhere, since 2025-01-01');
    const aMinuteAgo = new Date(Date.now() - 60_000);
    await utimes(path, aMinuteAgo, aMinuteAgo);
    await (
      await acquirePlatformLock(path)
    )();
  });

  it('that cannot be read is taken over', async () => {
    await writeFile(path, 'half a rec');
    await (
      await acquirePlatformLock(path)
    )();
  });
});
