import { createHash, randomUUID } from 'node:crypto';
import { mkdir, open, readdir, rename, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { writtenAt, ignoreErrno, syncDirectory } from './files.js';

/**
 * Job: keeps the bytes of large payloads as files, by tenant and SHA-256.
 *
 * Boundary: knows nothing of rows, keys or quotas; the bytes are ciphertext. Beside the artifact store, in a directory of
 * its own, because that store's sweeper removes what it has no row for.
 *
 * Invariants
 * 1. A kept name always shows complete, synced bytes with that SHA-256: files appear by rename.
 * 2. Keeping the same bytes again changes nothing but the file's time.
 * 3. Never more than a chunk of what comes in is in memory.
 */
export interface BlobFiles {
  /**
   * Keeps a tenant's bytes; answers how many.
   * Throws {@link BlobSizeError} beyond `maxBytes`, {@link BlobDigestError} when they have another SHA-256.
   */
  write(blob: BlobName, bytes: AsyncIterable<Uint8Array>, maxBytes: number): Promise<number>;
  /** `undefined` when it is not there. */
  read(blob: BlobName): Promise<{ stream: ReadableStream<Uint8Array>; sizeBytes: number } | undefined>;
  /** When its bytes were written last; `undefined` when it is not there. */
  writtenAt(blob: BlobName): Promise<Date | undefined>;
  delete(blob: BlobName): Promise<void>;
  /** The tenants that have, or had, something here. */
  tenants(): Promise<string[]>;
  /** SHA-256s of all that is kept of a tenant. */
  list(tenantId: string): Promise<string[]>;
  /** Removes the leavings of crashes that are older than `before`; answers how many. */
  removeParts(before: Date): Promise<number>;
}

export interface BlobName {
  tenantId: string;
  /** Of the bytes, in hex. */
  sha256: string;
}

/** More bytes than may be kept; reading stopped there. */
export class BlobSizeError extends Error {
  constructor(readonly maxBytes: number) {
    super(`the bytes are more than ${maxBytes}`);
    this.name = 'BlobSizeError';
  }
}

/** The bytes are not those that were announced. */
export class BlobDigestError extends Error {
  constructor() {
    super('the bytes have another SHA-256');
    this.name = 'BlobDigestError';
  }
}

const SHA256 = /^[0-9a-f]{64}$/;
const TENANT_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** {@link BlobFiles} in a local directory: `incoming/<uuid>.part`, `kept/<tenant>/<first two>/<sha256>`. */
export async function openBlobFiles(directory: string): Promise<BlobFiles> {
  const incoming = join(directory, 'incoming');
  const kept = join(directory, 'kept');
  for (const folder of [incoming, kept]) await mkdir(folder, { recursive: true, mode: 0o700 });
  const folderOf = ({ tenantId, sha256 }: BlobName): string => {
    if (!TENANT_ID.test(tenantId) || !SHA256.test(sha256))
      throw new Error('a blob is named by a tenant’s id and 64 hexadecimal digits');
    return join(kept, tenantId, sha256.slice(0, 2));
  };
  const pathOf = (blob: BlobName): string => join(folderOf(blob), blob.sha256);

  return {
    async write(blob, bytes, maxBytes) {
      const folder = folderOf(blob);
      const part = join(incoming, `${randomUUID()}.part`);
      const file = await open(part, 'wx', 0o600);
      try {
        const size = await copyChecked(file, bytes, blob.sha256, maxBytes);
        if ((await mkdir(folder, { recursive: true, mode: 0o700 })) !== undefined) {
          await syncDirectory(kept);
          await syncDirectory(join(kept, blob.tenantId));
        }
        await rename(part, pathOf(blob));
        await syncDirectory(folder);
        return size;
      } catch (error) {
        await rm(part, { force: true });
        throw error;
      }
    },
    async read(blob) {
      const file = await open(pathOf(blob)).catch(ignoreErrno('ENOENT'));
      if (!file) return undefined;
      const { size } = await file.stat();
      const stream = Readable.toWeb(file.createReadStream()) as ReadableStream<Uint8Array>;
      return { stream, sizeBytes: size };
    },
    writtenAt: (blob) => writtenAt(pathOf(blob)),
    delete: (blob) => rm(pathOf(blob), { force: true }),
    tenants: async () => (await readdir(kept)).filter((name) => TENANT_ID.test(name)),
    async list(tenantId) {
      const found = await readdir(join(kept, tenantId), { recursive: true, withFileTypes: true });
      return found.filter((entry) => entry.isFile() && SHA256.test(entry.name)).map(({ name }) => name);
    },
    async removeParts(before) {
      let removed = 0;
      for (const name of await readdir(incoming)) {
        const written = await writtenAt(join(incoming, name));
        if (!written || written >= before) continue;
        await rm(join(incoming, name), { force: true });
        removed++;
      }
      return removed;
    },
  };
}

async function copyChecked(
  file: FileHandle,
  bytes: AsyncIterable<Uint8Array>,
  sha256: string,
  maxBytes: number,
): Promise<number> {
  try {
    const hash = createHash('sha256');
    let size = 0;
    for await (const chunk of bytes) {
      size += chunk.byteLength;
      if (size > maxBytes) throw new BlobSizeError(maxBytes);
      hash.update(chunk);
      await file.writeFile(chunk);
    }
    if (hash.digest('hex') !== sha256) throw new BlobDigestError();
    await file.sync();
    return size;
  } finally {
    await file.close();
  }
}
