import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { identityOf } from './identity.js';
import { endStaleProcess, readPidFile, writePidFile } from './pid-file.js';

let root: string;
let path: string;
let child: ChildProcess;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'pegasus-pid-'));
  path = join(root, 'deep', 'pid');
  child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 60000)'], { stdio: 'ignore' });
  await once(child, 'spawn');
});
afterEach(async () => {
  child.kill('SIGKILL');
  await rm(root, { recursive: true, force: true });
});

describe('a pid file', () => {
  it('names a process that runs', async () => {
    await writePidFile(path, child.pid!);
    expect(await readPidFile(path)).toEqual(await identityOf(child.pid!));
  });

  it('lets a later start end the process, and is removed', async () => {
    await writePidFile(path, child.pid!);
    expect(await endStaleProcess(path, 5_000)).toBe(child.pid);
    expect(await identityOf(child.pid!)).toBeUndefined();
    await expect(stat(path)).rejects.toThrow('ENOENT');
  });

  it('never ends another process that was given the same pid', async () => {
    await writePidFile(path, child.pid!);
    const earlier = { ...JSON.parse(await readFile(path, 'utf8')), startedAt: 'before' };
    await writeFile(path, JSON.stringify(earlier));
    expect(await endStaleProcess(path, 5_000)).toBeUndefined();
    expect(await identityOf(child.pid!)).toBeDefined();
  });

  it('that is absent or not readable names nothing', async () => {
    expect(await endStaleProcess(path, 5_000)).toBeUndefined();
    await writeFile(join(root, 'pid'), 'not JSON');
    expect(await readPidFile(join(root, 'pid'))).toBeUndefined();
  });
});
