import { link, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { ignoreErrno, syncDirectory, writtenAt } from './files.js';

/**
 * Job: keeps artifact bytes. First *staged* under an upload's id, then, once verified, *stored* under their SHA-256.
 *
 * Boundary: knows nothing of tenants, rows or signatures. Whoever promotes or deletes a stored artifact serializes
 * that per SHA-256 (`workflows/store.ts` does, by an advisory lock), because only rows say what is still referred to.
 *
 * Invariants
 * 1. A staged or stored name always shows complete, synced bytes: files appear by rename or link, never by writing.
 * 2. Staging the same id again replaces the bytes whole; a checkout taken before keeps the bytes it had.
 * 3. A failed `stage` leaves nothing behind and whatever was staged before untouched.
 * 4. Storing bytes that are there already changes nothing.
 */
export interface ArtifactStore {
  /** Streams exactly `sizeBytes` bytes into the staging area. Throws {@link StagedSizeError} for fewer or more. */
  stage(id: string, bytes: ReadableStream<Uint8Array>, sizeBytes: number): Promise<void>;
  /** A private, unchanging view of what is staged now, as a local file; `undefined` when nothing is. */
  checkout(id: string): Promise<StagedArtifact | undefined>;
  /** Stores a checked-out artifact under its SHA-256 (hex). */
  promote(staged: StagedArtifact, sha256: string): Promise<void>;
  /** Forgets what is staged under an id, if anything. */
  unstage(id: string): Promise<void>;
  /** The bytes of a stored artifact; `undefined` when it is not there. */
  read(sha256: string): Promise<{ stream: ReadableStream<Uint8Array>; sizeBytes: number } | undefined>;
  has(sha256: string): Promise<boolean>;
  delete(sha256: string): Promise<void>;
  /** Every stored artifact with the time its bytes were written. */
  list(): Promise<{ sha256: string; writtenAt: Date }[]>;
  /** Everything in the staging area; `id` is absent for the leavings of a crash. */
  listStaged(): Promise<StagedEntry[]>;
  /** Removes one entry of {@link listStaged}. */
  removeStaged(entry: StagedEntry): Promise<void>;
}

export interface StagedArtifact {
  /** Local path, readable until {@link release}. */
  readonly path: string;
  release(): Promise<void>;
}

export interface StagedEntry {
  file: string;
  id: string | undefined;
  writtenAt: Date;
}

/** The stream did not hold as many bytes as announced. */
export class StagedSizeError extends Error {
  constructor(
    readonly expected: number,
    /** Bytes seen; when `more`, reading stopped there. */
    readonly received: number,
    readonly more: boolean,
  ) {
    super(`expected ${expected} bytes, received ${more ? 'more' : received}`);
    this.name = 'StagedSizeError';
  }
}

const SHA256 = /^[0-9a-f]{64}$/;
const STAGED = /^([0-9a-f-]{36})\.zip$/;

/** An {@link ArtifactStore} in a local directory: `staging/<id>.zip`, `blobs/<first two>/<sha256>`. */
export async function openLocalArtifacts(directory: string): Promise<ArtifactStore> {
  const staging = join(directory, 'staging');
  const blobs = join(directory, 'blobs');
  await mkdir(staging, { recursive: true, mode: 0o700 });
  await mkdir(blobs, { recursive: true, mode: 0o700 });
  const blobPath = (sha256: string): string => {
    if (!SHA256.test(sha256)) throw new Error('a stored artifact is named by 64 hexadecimal digits');
    return join(blobs, sha256.slice(0, 2), sha256);
  };
  const stagedPath = (id: string): string => join(staging, `${id}.zip`);

  return {
    async stage(id, bytes, sizeBytes) {
      const part = join(staging, `${id}.${randomUUID()}.part`);
      try {
        await writeExactly(part, bytes, sizeBytes);
        await rename(part, stagedPath(id));
        await syncDirectory(staging);
      } catch (error) {
        await rm(part, { force: true });
        throw error;
      }
    },
    async checkout(id) {
      const path = join(staging, `${id}.${randomUUID()}.checkout`);
      if (!(await linkIfPresent(stagedPath(id), path))) return undefined;
      return { path, release: () => rm(path, { force: true }) };
    },
    async promote(staged, sha256) {
      const path = blobPath(sha256);
      await mkdir(join(blobs, sha256.slice(0, 2)), { recursive: true, mode: 0o700 });
      await link(staged.path, path).catch(ignoreErrno('EEXIST'));
      await syncDirectory(join(blobs, sha256.slice(0, 2)));
      await syncDirectory(blobs);
    },
    unstage: (id) => rm(stagedPath(id), { force: true }),
    async read(sha256) {
      const file = await open(blobPath(sha256)).catch(ignoreErrno('ENOENT'));
      if (!file) return undefined;
      const { size } = await file.stat();
      const stream = Readable.toWeb(file.createReadStream()) as ReadableStream<Uint8Array>;
      return { stream, sizeBytes: size };
    },
    has: async (sha256) => (await stat(blobPath(sha256)).catch(ignoreErrno('ENOENT'))) !== undefined,
    delete: (sha256) => rm(blobPath(sha256), { force: true }),
    async list() {
      const found = await readdir(blobs, { recursive: true, withFileTypes: true });
      const files = found.filter((entry) => entry.isFile() && SHA256.test(entry.name));
      const times = await Promise.all(files.map((entry) => writtenAt(blobPath(entry.name))));
      return files.flatMap((entry, i) => (times[i] ? [{ sha256: entry.name, writtenAt: times[i] }] : []));
    },
    async listStaged() {
      const files = await readdir(staging);
      const times = await Promise.all(files.map((file) => writtenAt(join(staging, file))));
      return files.flatMap((file, i) =>
        times[i] ? [{ file, id: STAGED.exec(file)?.[1], writtenAt: times[i] }] : [],
      );
    },
    removeStaged: (entry) => rm(join(staging, entry.file), { force: true }),
  };
}

async function writeExactly(
  path: string,
  bytes: ReadableStream<Uint8Array>,
  sizeBytes: number,
): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    let received = 0;
    for await (const chunk of bytes) {
      received += chunk.byteLength;
      if (received > sizeBytes) throw new StagedSizeError(sizeBytes, received, true);
      await file.writeFile(chunk);
    }
    if (received < sizeBytes) throw new StagedSizeError(sizeBytes, received, false);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function linkIfPresent(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    ignoreErrno('ENOENT')(error);
    return false;
  }
}
