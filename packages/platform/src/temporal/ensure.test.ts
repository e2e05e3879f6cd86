import { chmod, mkdtemp, readFile, readdir, rm, utimes, writeFile, mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { run } from '../process/run.js';
import { type BuildResult, type TemporalBuilder } from './builders.js';
import { ensureTemporal } from './ensure.js';

let root: string;
let env: NodeJS.ProcessEnv;
let said: string[];

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'pegasus-ensure-'));
  await mkdir(join(root, 'bin'));
  env = { XDG_CACHE_HOME: join(root, 'cache'), PATH: join(root, 'bin') };
  said = [];
});
afterEach(() => rm(root, { recursive: true, force: true }));

const onProgress = ({ message }: { message: string }): void => void said.push(message);
const cacheDir = (): string => join(root, 'cache', 'pegasus', 'temporal', '1.5.1');

/** A program that answers `--version`, as far as `ensureTemporal` can tell a Temporal. */
async function writeProgram(path: string, version: string, exitCode = 0): Promise<void> {
  await writeFile(path, `#!/bin/sh\necho "temporal version ${version}"\nexit ${exitCode}\n`);
  await chmod(path, 0o755);
}

/** A builder that takes a while, as a script of its own, and counts its runs in a file. */
const slowBuilder = (): TemporalBuilder => ({
  name: 'slow',
  async build(directory): Promise<BuildResult> {
    const path = join(directory, 'temporal');
    await run('/bin/sh', ['-c', `echo built >> ${join(root, 'count')}; sleep 0.5`], { timeoutMs: 10_000 });
    await writeProgram(path, 'slow');
    return { ok: true, path };
  },
});
const buildCount = async (): Promise<number> =>
  (await readFile(join(root, 'count'), 'utf8').catch(() => '')).split('\n').length - 1;

const failing = (reason: string): TemporalBuilder => ({
  name: reason,
  async build(directory): Promise<BuildResult> {
    await writeFile(join(directory, 'half'), 'x');
    return { ok: false, reason };
  },
});

describe('ensureTemporal', () => {
  it('takes what is on the PATH first, and caches nothing (invariant 1)', async () => {
    await writeProgram(join(root, 'bin', 'temporal'), 'from path');
    const found = await ensureTemporal({ env, builders: [slowBuilder()] });
    expect(found).toEqual({
      path: join(root, 'bin', 'temporal'),
      version: 'temporal version from path',
      source: 'path',
    });
    expect(await buildCount()).toBe(0);
  });

  it('looks further, and says so, when what is on the PATH does not run (invariant 1)', async () => {
    await writeProgram(join(root, 'bin', 'temporal'), 'broken', 1);
    const found = await ensureTemporal({ env, onProgress, builders: [slowBuilder()] });
    expect(found.source).toBe('slow');
    expect(said[0]).toContain('is on the PATH but does not run');
  });

  it('builds once for two that ask at once, and the second says it waits (invariant 2)', async () => {
    const ask = () => ensureTemporal({ env, onProgress, builders: [slowBuilder()] });
    const found = await Promise.all([ask(), ask()]);
    expect(await buildCount()).toBe(1);
    expect(found.map(({ source }) => source).sort()).toEqual(['cache', 'slow']);
    expect(said).toContain('another process is preparing Temporal; waiting for it');
    expect((await ask()).source).toBe('cache');
  });

  it('takes over the lock of a builder that died (invariant 2)', async () => {
    await mkdir(`${cacheDir()}.lock`, { recursive: true });
    await utimes(`${cacheDir()}.lock`, new Date(0), new Date(0));
    expect((await ensureTemporal({ env, builders: [slowBuilder()] })).source).toBe('slow');
  });

  it('builds anew, and says why, when the cached binary was altered (invariant 3)', async () => {
    const { path } = await ensureTemporal({ env, builders: [slowBuilder()] });
    await writeProgram(path, 'tampered');
    const again = await ensureTemporal({ env, onProgress, builders: [slowBuilder()] });
    expect(again).toMatchObject({ source: 'slow', version: 'temporal version slow' });
    expect(said[0]).toBe('the cached Temporal does not have the sha256 recorded beside it; it is built anew');
    expect(await buildCount()).toBe(2);
  });

  it('does not use a cached binary without its record (invariant 3)', async () => {
    const { path } = await ensureTemporal({ env, builders: [slowBuilder()] });
    await rm(`${path}.json`);
    expect((await ensureTemporal({ env, onProgress, builders: [slowBuilder()] })).source).toBe('slow');
    expect(said[0]).toContain('has no readable temporal.json beside it');
  });

  it('says everything it tried and the one command that mends it, and leaves nothing (invariant 4)', async () => {
    await expect(
      ensureTemporal({ env, builders: [failing('download: no network'), failing('go install: no go')] }),
    ).rejects.toMatchObject({
      code: 'SERVICE_UNAVAILABLE',
      message:
        'there is no Temporal on this machine and none could be made (download: no network; go install: no go)',
      hint: expect.stringMatching(/^(install Go|brew install temporal)/),
    });
    expect(await readdir(cacheDir())).toEqual([]);
    expect(await readdir(join(cacheDir(), '..'))).toEqual(['1.5.1']);
  });

  it('names go install where Go is', async () => {
    await writeProgram(join(root, 'bin', 'go'), 'go');
    await expect(ensureTemporal({ env, builders: [failing('x')] })).rejects.toMatchObject({
      hint: 'go install github.com/temporalio/cli/cmd/temporal@v1.5.1',
    });
  });
});
