import { PegasusError } from '@pegasus-workflows/contracts';
import { failpoint, type Logger } from '@pegasus-workflows/kit';
import {
  PayloadTooLargeError,
  sha256Of,
  type BlobAccess,
  type BlobLimits,
} from '@pegasus-workflows/kit/payloads';
import { refuseOverStorage } from '../access/storage-quota.js';
import { BlobDigestError, BlobSizeError, type BlobFiles, type BlobName } from '../infra/blob-files.js';
import { pgCode, type Database } from '../infra/database.js';
import { errorForLog } from '../infra/error-log.js';
import { hasBlob, lockBlob, upsertBlob, useBlob } from './store.js';

/**
 * Job: keeps the ciphertexts of payloads that are too large for Temporal, and gives them back.
 *
 * Boundary: bytes are files, and a row says that one is kept; `sweeper.ts` removes both. What the bytes mean is the
 * codec's, and a reference to them is written by the codec alone, after {@link PayloadBlobStore.keep} has resolved.
 *
 * Invariants
 * 1. The file comes before its row: a row without a file is a lost disk. A crash between the two leaves a file without a
 *    row, which nothing refers to and the sweeper removes.
 * 2. What was kept is found by its tenant alone, by its SHA-256.
 * 3. A blob counts towards its tenant's storage; what would be over is refused, and its file is removed at once.
 * 4. A read counts as a use, and so keeps the blob from the sweeper: it is noted before a byte is given out.
 */
export interface BlobStoreParts {
  db: Database;
  files: BlobFiles;
  limits: BlobLimits;
  clock: () => Date;
  logger: Logger;
}

/** A foreign key without its row. */
const NO_SUCH_TENANT = '23503';
/** A use within this of the one before is not noted. */
export const USE_NOTED_MS = 3_600_000;

export class PayloadBlobStore {
  readonly #parts: BlobStoreParts;

  constructor(parts: BlobStoreParts) {
    this.#parts = parts;
  }

  get limits(): BlobLimits {
    return this.#parts.limits;
  }

  /** One tenant's, for its codec. Rejects with what the database or the disk says, and as {@link keep} does. */
  of(tenantId: string): BlobAccess {
    return {
      limits: this.#parts.limits,
      store: {
        put: async (bytes) => {
          const sha256 = sha256Of(bytes);
          await this.keep({ tenantId, sha256 }, chunksOf(bytes));
          return sha256;
        },
        get: async (sha256) => {
          const found = await this.open({ tenantId, sha256 });
          return found && new Uint8Array(await new Response(found.stream).arrayBuffer());
        },
      },
    };
  }

  /**
   * Resolves once the bytes are safe. Throws VALIDATION_ERROR when they have another SHA-256, PAYLOAD_TOO_LARGE,
   * STORAGE_QUOTA_EXCEEDED.
   */
  async keep(blob: BlobName, bytes: AsyncIterable<Uint8Array>): Promise<void> {
    const { db, files, clock, logger } = this.#parts;
    const size = await this.#write(blob, bytes);
    failpoint('payload-blob.written');
    try {
      await db.tenant(blob.tenantId, async (tx) => {
        await lockBlob(tx, blob);
        if (!(await files.writtenAt(blob))) {
          throw new PegasusError(
            'SERVICE_UNAVAILABLE',
            'The bytes were removed while they came in; try again.',
          );
        }
        await upsertBlob(tx, blob, size, clock());
        await refuseOverStorage(tx, blob.tenantId);
      });
    } catch (error) {
      await this.removeUnreferenced(blob).catch((cause: unknown) =>
        logger.debug({ error: errorForLog(cause) }, 'a refused blob is left to the sweeper'),
      );
      if (pgCode(error) === NO_SUCH_TENANT) {
        throw new PegasusError('NOT_FOUND', 'There is no tenant with this id.', { cause: error });
      }
      throw error;
    }
    failpoint('payload-blob.kept');
  }

  /** `undefined` when the tenant has no such blob. */
  async open(blob: BlobName): Promise<{ stream: ReadableStream<Uint8Array>; sizeBytes: number } | undefined> {
    const { db, files, clock, logger } = this.#parts;
    const now = clock();
    const ifBefore = new Date(now.getTime() - USE_NOTED_MS);
    if (!(await db.tenant(blob.tenantId, (tx) => useBlob(tx, blob, now, ifBefore)))) return undefined;
    const found = await files.read(blob);
    if (!found) logger.error({ ...blob }, 'the file of a payload blob is missing; the disk has lost it');
    return found;
  }

  /** Deletes the file unless a row refers to it. Answers whether it did. */
  async removeUnreferenced(blob: BlobName, before?: Date): Promise<boolean> {
    const { db, files } = this.#parts;
    return db.tenant(blob.tenantId, async (tx) => {
      await lockBlob(tx, blob);
      if (await hasBlob(tx, blob)) return false;
      const written = await files.writtenAt(blob);
      if (!written || (before && written >= before)) return false;
      await files.delete(blob);
      return true;
    });
  }

  async #write(blob: BlobName, bytes: AsyncIterable<Uint8Array>): Promise<number> {
    const { files, limits } = this.#parts;
    try {
      return await files.write(blob, bytes, limits.maxBytes);
    } catch (error) {
      if (error instanceof BlobSizeError) {
        const { message } = new PayloadTooLargeError(undefined, limits.maxBytes);
        throw new PegasusError('PAYLOAD_TOO_LARGE', message, { cause: error });
      }
      if (error instanceof BlobDigestError) {
        throw new PegasusError('VALIDATION_ERROR', 'The bytes have another SHA-256 than the path says.', {
          cause: error,
        });
      }
      throw error;
    }
  }
}

async function* chunksOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(bytes);
}
