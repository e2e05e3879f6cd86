import { createHash } from 'node:crypto';
import {
  BLOB_ENCODING,
  ENCRYPTED_ENCODING,
  PAYLOAD_CIPHER,
  textOf,
  UnreadablePayloadError,
  type Payload,
} from './payload-cipher.js';

/**
 * Job: encrypted payloads that are too large for Temporal: which they are, and what stands there instead of them.
 *
 * Boundary: where the bytes are kept is {@link PayloadBlobs}'. What is kept is the ciphertext, so whoever keeps it
 * reads nothing.
 *
 * A reference is a payload without data. Metadata: `encoding`, `blob-sha256` (hex) and `blob-bytes` (decimal) of the
 * ciphertext, and the `encryption-*` of the encrypted payload. It needs no seal of its own: the store gives out a
 * tenant's own blobs alone, and the ciphertext opens with that tenant's key of that id alone.
 *
 * Invariants
 * 1. A reference exists only once its blob is kept.
 * 2. Bytes that are not those of the reference are an error, and never opened.
 * 3. Of one message at most {@link INLINE_BYTES} of ciphertext stay.
 */
export interface PayloadBlobs {
  /** Keeps the bytes; resolves, once they are safe, with their SHA-256 in hex. Repeating it changes nothing. */
  put(bytes: Uint8Array): Promise<string>;
  /** The bytes; `undefined` when they are kept no more. Rejects when that cannot be told now. */
  get(sha256: string): Promise<Uint8Array | undefined>;
}

/** When a payload becomes a blob. Sizes are of the ciphertext, in bytes. */
export interface BlobLimits {
  /** Larger ones do. */
  fromBytes: number;
  /** Larger ones are refused. */
  maxBytes: number;
}

/** What a codec needs to write and read references. */
export interface BlobAccess {
  store: PayloadBlobs;
  limits: BlobLimits;
}

/** Of the payloads of one message together, in bytes of ciphertext: half of what Temporal takes. */
export const INLINE_BYTES = 1024 * 1024;

const SHA256 = /^[0-9a-f]{64}$/;

/** A payload that is larger than any may be; its author has to make it smaller. */
export class PayloadTooLargeError extends RangeError {
  /** @param bytes unknown where reading stopped at the maximum */
  constructor(bytes: number | undefined, maxBytes: number) {
    super(
      `a value has ${bytes ?? `more than ${maxBytes}`} bytes, compressed and encrypted; at most ${maxBytes} are allowed. Keep it elsewhere and pass a reference to it.`,
    );
    this.name = 'PayloadTooLargeError';
  }
}

/** Whether a payload stands for one whose ciphertext is a blob. */
export function isBlobReference({ metadata }: Payload): boolean {
  return textOf(metadata?.['encoding']) === BLOB_ENCODING;
}

/**
 * One message's encrypted payloads, with references in the place of large ones. Throws {@link PayloadTooLargeError}
 * before anything is kept; rejects with what the store says.
 */
export function withReferences(
  payloads: readonly Payload[],
  { store, limits }: BlobAccess,
): Promise<Payload[]> {
  const large = largeOnes(payloads, limits);
  return Promise.all(
    payloads.map(async (payload) =>
      large.has(payload) ? referenceTo(payload, await store.put(payload.data!)) : payload,
    ),
  );
}

function largeOnes(payloads: readonly Payload[], { fromBytes, maxBytes }: BlobLimits): Set<Payload> {
  const bytesOf = ({ data }: Payload): number => data?.length ?? 0;
  const large = new Set<Payload>();
  let inline = payloads.reduce((sum, payload) => sum + bytesOf(payload), 0);
  for (const payload of [...payloads].sort((a, b) => bytesOf(b) - bytesOf(a))) {
    const bytes = bytesOf(payload);
    if (bytes <= fromBytes && inline <= INLINE_BYTES) break;
    if (textOf(payload.metadata?.['encoding']) !== ENCRYPTED_ENCODING) continue;
    if (bytes > maxBytes) throw new PayloadTooLargeError(bytes, maxBytes);
    large.add(payload);
    inline -= bytes;
  }
  return large;
}

function referenceTo({ metadata, data }: Payload, sha256: string): Payload {
  return {
    metadata: {
      ...metadata,
      encoding: Buffer.from(BLOB_ENCODING),
      'blob-sha256': Buffer.from(sha256),
      'blob-bytes': Buffer.from(String(data!.length)),
    },
    data: new Uint8Array(),
  };
}

/** The encrypted payload that a reference stands for. Throws UnreadablePayloadError when its bytes are gone, or others. */
export async function referredTo(reference: Payload, keyId: string, store: PayloadBlobs): Promise<Payload> {
  const sha256 = textOf(reference.metadata?.['blob-sha256']) ?? '';
  const data = SHA256.test(sha256) ? await store.get(sha256) : undefined;
  if (!data)
    throw new UnreadablePayloadError(keyId, 'and its bytes cannot be had: they are not stored, or no longer');
  if (sha256Of(data) !== sha256)
    throw new UnreadablePayloadError(keyId, 'and its stored bytes are damaged: they have another SHA-256');
  return {
    metadata: {
      encoding: Buffer.from(ENCRYPTED_ENCODING),
      'encryption-cipher': Buffer.from(PAYLOAD_CIPHER),
      'encryption-key-id': Buffer.from(keyId),
    },
    data,
  };
}

/** In hex. */
export function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
