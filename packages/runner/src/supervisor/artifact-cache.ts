/**
 * Job: verified, unpacked artifacts on this machine's disk, by sha256.
 *
 * Boundary: the one writer of `<dir>/artifacts` and `<dir>/incoming`. Gets a zip's bytes from `fetchZip`; never runs code.
 *
 * Invariants
 * 1. A directory `<dir>/artifacts/<sha256>` appears whole, by one rename, after its zip had exactly that sha256 and the announced size.
 * 2. A lease is given out only after every file hashed to what the marker recorded; a directory that does not is removed
 *    and fetched again. So no torn write, bad disk or tenant process that wrote where it should not reaches a worker.
 * 3. Two acquisitions of one artifact at a time are one check and one fetch.
 * 4. What is leased is never removed; else the least recently used goes first while the total is over the bound.
 */
import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, readFile, readdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ARTIFACT_PATHS, artifactDescriptorSchema } from '@pegasus-workflows/contracts';
import { failpoint, KeyedCount, type Logger } from '@pegasus-workflows/kit';
import { z } from 'zod';
import { unpackArtifact } from './unpack.js';

const markerSchema = z.strictObject({
  format: z.literal(1),
  sha256: z.string(),
  hasActivities: z.boolean(),
  files: z.record(z.string(), z.strictObject({ sha256: z.string(), bytes: z.number().int() })),
});
type Marker = z.infer<typeof markerSchema>;
const MARKER = 'verified.json';
const SHA256 = /^[0-9a-f]{64}$/;

export interface ArtifactRef {
  tenantId: string;
  artifactSha256: string;
  artifactSizeBytes: number;
}

/** An artifact that stays on disk until `release` was called, once. */
export interface ArtifactLease {
  dir: string;
  hasActivities: boolean;
  release: () => void;
}

export class ArtifactCache {
  readonly #artifacts: string;
  readonly #incoming: string;
  readonly #pending = new Map<string, Promise<Marker>>();
  readonly #leases = new KeyedCount();
  #pruning: Promise<void> = Promise.resolve();

  constructor(
    dir: string,
    private readonly maxBytes: number,
    private readonly fetchZip: (tenantId: string, sha256: string) => Promise<AsyncIterable<Uint8Array>>,
    private readonly logger: Logger,
  ) {
    this.#artifacts = join(dir, 'artifacts');
    this.#incoming = join(dir, 'incoming');
  }

  /** Makes the directories and clears what a killed predecessor left half done. */
  async open(): Promise<void> {
    await rm(this.#incoming, { recursive: true, force: true });
    await mkdir(this.#incoming, { recursive: true, mode: 0o700 });
    await mkdir(this.#artifacts, { recursive: true, mode: 0o700 });
  }

  /** The artifact, verified now. Rejects when it cannot be fetched or is not what its address says. */
  async acquire(ref: ArtifactRef): Promise<ArtifactLease> {
    const sha256 = ref.artifactSha256;
    if (!SHA256.test(sha256)) throw new Error('artifactSha256 is not a lower-case sha256');
    this.#leases.begin(sha256);
    try {
      let pending = this.#pending.get(sha256);
      if (!pending) {
        pending = this.#ensure(ref).finally(() => this.#pending.delete(sha256));
        this.#pending.set(sha256, pending);
      }
      const { hasActivities } = await pending;
      let released = false;
      const release = (): void => {
        if (!released) this.#leases.end(sha256);
        released = true;
      };
      return { dir: join(this.#artifacts, sha256), hasActivities, release };
    } catch (error) {
      this.#leases.end(sha256);
      throw error;
    }
  }

  async #ensure(ref: ArtifactRef): Promise<Marker> {
    const dir = join(this.#artifacts, ref.artifactSha256);
    const present = await this.#verify(dir, ref.artifactSha256);
    if (present) {
      const now = new Date();
      await utimes(join(dir, MARKER), now, now);
      return present;
    }
    const staging = join(this.#incoming, randomUUID());
    try {
      await mkdir(staging);
      const zip = join(staging, 'artifact.zip');
      await this.#download(ref, zip);
      failpoint('runner.after-fetch');
      const tree = join(staging, 'tree');
      const marker = await this.#unpack(ref.artifactSha256, zip, tree);
      await rm(dir, { recursive: true, force: true });
      await rename(tree, dir);
      this.#pruning = this.#pruning.then(() => this.#prune());
      return marker;
    } finally {
      await rm(staging, { recursive: true, force: true });
    }
  }

  async #download(ref: ArtifactRef, file: string): Promise<void> {
    const hash = createHash('sha256');
    let bytes = 0;
    const check = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        bytes += chunk.length;
        hash.update(chunk);
        if (bytes > ref.artifactSizeBytes) done(new Error('download is larger than the announced size'));
        else done(null, chunk);
      },
    });
    const body = await this.fetchZip(ref.tenantId, ref.artifactSha256);
    await pipeline(body, check, createWriteStream(file, { mode: 0o600 }));
    if (bytes !== ref.artifactSizeBytes)
      throw new Error(`download has ${bytes} bytes, ${ref.artifactSizeBytes} were announced`);
    if (hash.digest('hex') !== ref.artifactSha256)
      throw new Error('download does not have the sha256 it was asked by');
  }

  async #unpack(sha256: string, zip: string, tree: string): Promise<Marker> {
    await mkdir(tree);
    const paths = await unpackArtifact(zip, tree);
    const missing = [ARTIFACT_PATHS.descriptor, ARTIFACT_PATHS.workflowBundle].find(
      (p) => !paths.includes(p),
    );
    if (missing) throw new Error(`artifact has no ${missing}: it is not executable`);
    const descriptor = artifactDescriptorSchema.parse(
      JSON.parse(await readFile(join(tree, ARTIFACT_PATHS.descriptor), 'utf8')),
    );
    if (descriptor.hasActivities && !paths.includes(ARTIFACT_PATHS.activityBundle))
      throw new Error(`artifact has no ${ARTIFACT_PATHS.activityBundle}, though its descriptor says so`);
    const files: Marker['files'] = {};
    for (const path of paths) files[path] = await hashFile(join(tree, path));
    const marker: Marker = { format: 1, sha256, hasActivities: descriptor.hasActivities, files };
    await writeFile(join(tree, MARKER), JSON.stringify(marker), { mode: 0o600 });
    return marker;
  }

  /** The marker, when every file is still what it says; else `undefined`. */
  async #verify(dir: string, sha256: string): Promise<Marker | undefined> {
    try {
      const marker = markerSchema.parse(JSON.parse(await readFile(join(dir, MARKER), 'utf8')));
      if (marker.sha256 !== sha256) throw new Error('marker of another artifact');
      for (const [path, recorded] of Object.entries(marker.files)) {
        const found = await hashFile(join(dir, path));
        if (found.sha256 !== recorded.sha256) throw new Error(`${path} has changed`);
      }
      return marker;
    } catch (error) {
      if (isMissing(error) && !(await exists(dir))) return undefined;
      this.logger.warn({ sha256, err: error }, 'cached artifact is damaged; fetching it again');
      return undefined;
    }
  }

  async #prune(): Promise<void> {
    try {
      const entries = await Promise.all((await readdir(this.#artifacts)).map((name) => this.#entry(name)));
      let total = entries.reduce((sum, entry) => sum + entry.bytes, 0);
      for (const entry of entries.sort((a, b) => a.usedAt - b.usedAt)) {
        if (total <= this.maxBytes) return;
        if (this.#leases.of(entry.name) > 0) continue;
        await rm(join(this.#artifacts, entry.name), { recursive: true, force: true });
        this.logger.info({ sha256: entry.name, bytes: entry.bytes }, 'artifact removed from the cache');
        total -= entry.bytes;
      }
    } catch (error) {
      this.logger.warn({ err: error }, 'cache could not be pruned');
    }
  }

  /** Size and last use of one cached artifact; one whose marker is unreadable counts as never used. */
  async #entry(name: string): Promise<{ name: string; bytes: number; usedAt: number }> {
    const file = join(this.#artifacts, name, MARKER);
    try {
      const [text, { mtimeMs }] = await Promise.all([readFile(file, 'utf8'), stat(file)]);
      const { files } = markerSchema.parse(JSON.parse(text));
      const bytes = Object.values(files).reduce((sum, entry) => sum + entry.bytes, 0);
      return { name, bytes, usedAt: mtimeMs };
    } catch {
      return { name, bytes: 0, usedAt: 0 };
    }
  }
}

async function hashFile(file: string): Promise<{ sha256: string; bytes: number }> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  return { sha256: hash.digest('hex'), bytes };
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
