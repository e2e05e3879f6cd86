import { createHash } from 'node:crypto';
import { chmod, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { createLogger } from '@pegasus-workflows/kit';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ZipFile } from 'yazl';
import { ArtifactCache, type ArtifactRef } from './artifact-cache.js';

process.env['LOG_LEVEL'] = 'silent';
const logger = createLogger('test');

let dir: string;
let zips: Map<string, Buffer>;
let fetched: string[];
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'pegasus-cache-'));
  zips = new Map();
  fetched = [];
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const DESCRIPTOR = {
  format: 1,
  runtime: 'typescript',
  name: 'demo',
  version: '1.0.0',
  workflowType: 'demo',
  hasActivities: false,
  temporalSdkVersion: '1.24.0',
};

async function publish(files: Record<string, string>): Promise<ArtifactRef> {
  const zip = new ZipFile();
  for (const [path, text] of Object.entries(files)) zip.addBuffer(Buffer.from(text), path);
  zip.end();
  const bytes = await buffer(zip.outputStream);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  zips.set(sha256, bytes);
  return { tenantId: 'tenant', artifactSha256: sha256, artifactSizeBytes: bytes.length };
}

function executable(code: string, descriptor: object = {}): Promise<ArtifactRef> {
  return publish({
    '.pegasus/artifact.json': JSON.stringify({ ...DESCRIPTOR, ...descriptor }),
    '.pegasus/workflows.js': code,
    'demo/workflow.ts': 'source',
  });
}

async function openCache(maxBytes = 1024 * 1024): Promise<ArtifactCache> {
  const cache = new ArtifactCache(
    dir,
    maxBytes,
    (_tenant, sha256) => {
      fetched.push(sha256);
      return Promise.resolve(new Blob([new Uint8Array(zips.get(sha256)!)]).stream());
    },
    logger,
  );
  await cache.open();
  return cache;
}

test('unpacks what a worker needs and nothing else', async () => {
  const cache = await openCache();
  const lease = await cache.acquire(await executable('bundle'));
  expect(await readFile(join(lease.dir, '.pegasus/workflows.js'), 'utf8')).toBe('bundle');
  expect((await readdir(lease.dir)).sort()).toEqual(['.pegasus', 'verified.json']);
  expect(await readdir(join(dir, 'incoming'))).toEqual([]);
});

test('refuses another sha256, another size, and leaves nothing (invariant 1)', async () => {
  const cache = await openCache();
  const ref = await executable('bundle');
  const other = await executable('other');
  zips.set(ref.artifactSha256, zips.get(other.artifactSha256)!);
  const sizeOfOther = { ...ref, artifactSizeBytes: other.artifactSizeBytes };
  await expect(cache.acquire(sizeOfOther)).rejects.toThrow('does not have the sha256');
  await expect(cache.acquire({ ...other, artifactSizeBytes: 10 })).rejects.toThrow(
    'larger than the announced',
  );
  await expect(cache.acquire({ ...other, artifactSizeBytes: 1e6 })).rejects.toThrow('were announced');
  expect(await readdir(join(dir, 'artifacts'))).toEqual([]);
  expect(await readdir(join(dir, 'incoming'))).toEqual([]);
});

test('refuses what cannot run, naming what is missing', async () => {
  const cache = await openCache();
  await expect(cache.acquire(await publish({ 'a.py': '' }))).rejects.toThrow(
    'no .pegasus/artifact.json: it is not executable',
  );
  await expect(cache.acquire(await executable('x', { hasActivities: true }))).rejects.toThrow(
    'no .pegasus/activities.cjs',
  );
});

test('a changed file is found before the next lease and fetched again (invariant 2)', async () => {
  const ref = await executable('bundle');
  const { dir: artifact } = await (await openCache()).acquire(ref);
  const file = join(artifact, '.pegasus/workflows.js');
  await chmod(file, 0o644);
  await writeFile(file, 'altered');
  const lease = await (await openCache()).acquire(ref);
  expect(await readFile(join(lease.dir, '.pegasus/workflows.js'), 'utf8')).toBe('bundle');
  expect(fetched).toHaveLength(2);
});

test('a file that is whole is not fetched again, a torn marker is', async () => {
  const ref = await executable('bundle');
  await (await openCache()).acquire(ref);
  const { dir: artifact } = await (await openCache()).acquire(ref);
  expect(fetched).toHaveLength(1);
  await writeFile(join(artifact, 'verified.json'), '{"format":1');
  await (await openCache()).acquire(ref);
  expect(fetched).toHaveLength(2);
});

test('two at a time are one fetch (invariant 3)', async () => {
  const cache = await openCache();
  const ref = await executable('bundle');
  const leases = await Promise.all([cache.acquire(ref), cache.acquire(ref), cache.acquire(ref)]);
  expect(new Set(leases.map((lease) => lease.dir)).size).toBe(1);
  expect(fetched).toHaveLength(1);
});

test('over the bound the least recently used goes, never a leased one (invariant 4)', async () => {
  const cache = await openCache(2_500);
  const refs = await Promise.all(['a', 'b', 'c'].map((letter) => executable(letter.repeat(1_000))));
  const [first, second, third] = refs.map((ref) => ref.artifactSha256);
  await cache.acquire(refs[0]!);
  (await cache.acquire(refs[1]!)).release();
  await cache.acquire(refs[2]!);
  await vi.waitFor(async () =>
    expect((await readdir(join(dir, 'artifacts'))).sort()).toEqual([first, third].sort()),
  );
  expect(second).not.toBe(first);
});
