/**
 * Job: keep one Temporal binary per version in the user's cache, and never hand out a damaged one.
 *
 * Boundary: `<cache>/pegasus/temporal/<version>/` with `temporal` and `temporal.json` beside it. Writers hold the
 * lock of `ensure.ts`; readers need none.
 *
 * Invariants
 * 1. A binary is handed out only when its sha256 is the one recorded beside it, for the version asked.
 * 2. A binary appears whole or not at all: it is renamed in, from the same directory, after its record was written.
 */
import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { chmod, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import { TEMPORAL_CLI_VERSION } from './version.js';

const recordSchema = z.object({
  version: z.string(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  source: z.string(),
  installedAt: z.string(),
});

export type CacheLookup =
  | { state: 'absent' }
  | { state: 'ok'; path: string; source: string }
  /** `reason` is a clause that completes "the cached Temporal …". */
  | { state: 'damaged'; reason: string };

/** `$XDG_CACHE_HOME/pegasus/temporal/<version>`, else the same under `~/.cache`. */
export function temporalCacheDir(env: NodeJS.ProcessEnv = process.env): string {
  const base = env['XDG_CACHE_HOME'] || join(env['HOME'] || homedir(), '.cache');
  return join(base, 'pegasus', 'temporal', TEMPORAL_CLI_VERSION);
}

const binaryPath = (directory: string): string =>
  join(directory, process.platform === 'win32' ? 'temporal.exe' : 'temporal');
const recordPath = (directory: string): string => join(directory, 'temporal.json');

/** Looks into the cache and checks what it finds (invariant 1). Reads the whole binary: about a second. */
export async function readCache(directory: string): Promise<CacheLookup> {
  const path = binaryPath(directory);
  const present = await stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
  if (!present) return { state: 'absent' };
  const record = await readRecord(directory);
  if (!record) return { state: 'damaged', reason: 'has no readable temporal.json beside it' };
  if (record.version !== TEMPORAL_CLI_VERSION)
    return { state: 'damaged', reason: `is recorded as version ${record.version}` };
  if ((await sha256OfFile(path)) !== record.sha256)
    return { state: 'damaged', reason: 'does not have the sha256 recorded beside it' };
  return { state: 'ok', path, source: record.source };
}

async function readRecord(directory: string): Promise<z.infer<typeof recordSchema> | undefined> {
  try {
    return recordSchema.parse(JSON.parse(await readFile(recordPath(directory), 'utf8')));
  } catch {
    return undefined;
  }
}

/**
 * Moves `file`, which must be on the same file system as `directory` (make it in {@link makeStagingDir}), into the
 * cache (invariant 2). Returns the path it then has.
 */
export async function installIntoCache(directory: string, file: string, source: string): Promise<string> {
  await mkdir(directory, { recursive: true });
  await chmod(file, 0o755);
  const record: z.infer<typeof recordSchema> = {
    version: TEMPORAL_CLI_VERSION,
    sha256: await sha256OfFile(file),
    source,
    installedAt: new Date().toISOString(),
  };
  const staged = `${recordPath(directory)}.${randomUUID()}`;
  await writeFile(staged, `${JSON.stringify(record, null, 2)}\n`);
  await rename(staged, recordPath(directory));
  await rename(file, binaryPath(directory));
  return binaryPath(directory);
}

/**
 * A fresh directory on the cache's own file system, for whoever makes a binary. The caller, who holds the build lock,
 * removes it; what a killed builder left is removed here.
 */
export async function makeStagingDir(directory: string): Promise<string> {
  const prefix = `${basename(directory)}.staging-`;
  for (const name of await readdir(dirname(directory))) {
    if (name.startsWith(prefix)) await rm(join(dirname(directory), name), { recursive: true, force: true });
  }
  const staging = join(dirname(directory), `${prefix}${randomUUID()}`);
  await mkdir(staging, { recursive: true });
  return staging;
}

async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash);
  return hash.digest('hex');
}
