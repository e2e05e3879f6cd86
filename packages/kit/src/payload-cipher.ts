import {
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  randomFillSync,
  type KeyObject,
} from 'node:crypto';
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import proto, { type temporal } from '@temporalio/proto';

/**
 * Job: one Temporal payload to one encrypted payload and back, for worker and server alike.
 *
 * Boundary: keys come from the caller; where they are kept, and which is the current one, is `payload-codec.ts`' and its
 * keyrings'. Synchronous: no round trip, no thread.
 *
 * The format, version 1. Metadata: `encoding`, `encryption-cipher`, `encryption-key-id`, all in the clear. Data:
 *
 *     version (1 byte, 1) | nonce (12) | AES-256-GCM of (flags (1 byte) | body) | tag (16)
 *
 * The body is the payload's protobuf, raw deflate where the flag {@link DEFLATED} is set. Authenticated with it: a
 * label, the tenant id and the key id, each ended by a zero byte.
 *
 * Invariants
 * 1. What was sealed for one tenant and key opens for no other; one changed bit, also of the key id, is an error.
 * 2. Opening never makes more than {@link MAX_PLAIN_BYTES} of anything.
 * 3. Nothing of the plain payload, its metadata included, is outside the ciphertext.
 * 4. No message holds a key or anything of a payload but the id of its key.
 */
export type Payload = temporal.api.common.v1.IPayload;

/** A tenant's data key. */
export interface PayloadKey {
  /** Unique for ever; in the clear beside every payload. */
  readonly id: string;
  readonly key: KeyObject;
}

/** What a payload is sealed for. */
export interface PayloadSeal {
  tenantId: string;
  key: PayloadKey;
}

/** Of `encoding`. */
export const ENCRYPTED_ENCODING = 'binary/encrypted';
/** Of `encoding`, where a blob holds the ciphertext; see `payload-blobs.ts`. */
export const BLOB_ENCODING = 'binary/blob-reference';
/** Of `encryption-cipher`. */
export const PAYLOAD_CIPHER = 'AES-256-GCM';
/** Bytes of a data key. */
export const PAYLOAD_KEY_BYTES = 32;
/** Largest payload, as protobuf: beyond what any history or blob takes. */
export const MAX_PLAIN_BYTES = 64 * 1024 * 1024;

const VERSION = 1;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const DEFLATED = 1;
/** Smaller ones would gain a few bytes for a good part of the time that the whole sealing takes. */
const DEFLATE_FROM_BYTES = 2_048;
const CIPHER = 'aes-256-gcm';
const ENCODING_BYTES = Buffer.from(ENCRYPTED_ENCODING);
const CIPHER_BYTES = Buffer.from(PAYLOAD_CIPHER);

const { Payload: PayloadMessage } = proto.temporal.api.common.v1;

/** A payload that cannot be had from its ciphertext; trying again changes nothing. */
export class UnreadablePayloadError extends Error {
  constructor(
    readonly keyId: string,
    /** The end of a sentence: `which …`. */
    readonly reason: string,
  ) {
    super(`a payload is encrypted with the key ${JSON.stringify(keyId)}, ${reason}`);
    this.name = 'UnreadablePayloadError';
  }
}

/** A key of 32 bytes. Throws a TypeError for another length, without the bytes. */
export function payloadKey(id: string, bytes: Uint8Array): PayloadKey {
  if (bytes.length !== PAYLOAD_KEY_BYTES) throw new TypeError(`a payload key has ${PAYLOAD_KEY_BYTES} bytes`);
  return { id, key: createSecretKey(bytes) };
}

/** The id of the key that a payload needs, encrypted here or in a blob; `undefined` for one that is not encrypted. */
export function sealedKeyId({ metadata }: Payload): string | undefined {
  const encoding = textOf(metadata?.['encoding']);
  if (encoding !== ENCRYPTED_ENCODING && encoding !== BLOB_ENCODING) return undefined;
  return textOf(metadata?.['encryption-key-id']) ?? '';
}

/**
 * The encrypted payload. `nonce` is for tests of the format alone: used twice with a key it gives both payloads away.
 * Throws RangeError beyond {@link MAX_PLAIN_BYTES}.
 */
export function sealPayload(
  payload: Payload,
  { tenantId, key }: PayloadSeal,
  nonce: Uint8Array = randomFillSync(Buffer.allocUnsafe(NONCE_BYTES)),
): Payload {
  const plain = PayloadMessage.encode(payload).finish();
  if (plain.length > MAX_PLAIN_BYTES) {
    throw new RangeError(
      `a payload has ${plain.length} bytes; the most that is encrypted is ${MAX_PLAIN_BYTES}`,
    );
  }
  const deflated = plain.length < DEFLATE_FROM_BYTES ? undefined : deflateRawSync(plain, { level: 1 });
  const isSmaller = deflated !== undefined && deflated.length < plain.length;
  const cipher = createCipheriv(CIPHER, key.key, nonce);
  cipher.setAAD(boundTo(tenantId, key.id));
  const data = Buffer.concat([
    Buffer.of(VERSION),
    nonce,
    // One update: each costs as much as a kilobyte's encryption.
    cipher.update(Buffer.concat([Buffer.of(isSmaller ? DEFLATED : 0), isSmaller ? deflated : plain])),
    cipher.final(),
    cipher.getAuthTag(),
  ]);
  return {
    metadata: {
      encoding: ENCODING_BYTES,
      'encryption-cipher': CIPHER_BYTES,
      'encryption-key-id': Buffer.from(key.id),
    },
    data,
  };
}

/** The payload that was sealed. Throws {@link UnreadablePayloadError} (invariant 1). */
export function openPayload(payload: Payload, { tenantId, key }: PayloadSeal): Payload {
  const data = payload.data ?? new Uint8Array();
  const cipherName = textOf(payload.metadata?.['encryption-cipher']);
  if (data[0] !== VERSION || cipherName !== PAYLOAD_CIPHER)
    throw new UnreadablePayloadError(key.id, 'in a format that this version of the platform does not know');
  const damaged = new UnreadablePayloadError(key.id, 'and is not what was encrypted with it for this tenant');
  if (sealedKeyId(payload) !== key.id || data.length < 1 + NONCE_BYTES + 1 + TAG_BYTES) throw damaged;
  try {
    const decipher = createDecipheriv(CIPHER, key.key, data.subarray(1, 1 + NONCE_BYTES), {
      authTagLength: TAG_BYTES,
    });
    decipher.setAAD(boundTo(tenantId, key.id));
    decipher.setAuthTag(data.subarray(-TAG_BYTES));
    const opened = decipher.update(data.subarray(1 + NONCE_BYTES, -TAG_BYTES));
    decipher.final();
    const body = opened.subarray(1);
    const isDeflated = (opened[0]! & DEFLATED) !== 0;
    // Whoever has the key could seal a bomb: a tenant's own worker has it.
    const plain = isDeflated ? inflateRawSync(body, { maxOutputLength: MAX_PLAIN_BYTES }) : body;
    return PayloadMessage.decode(plain);
  } catch {
    throw damaged;
  }
}

function boundTo(tenantId: string, keyId: string): Buffer {
  return Buffer.from(`pegasus-payload-v${VERSION}\0${tenantId}\0${keyId}\0`);
}

/** A piece of metadata. */
export function textOf(bytes: Uint8Array | null | undefined): string | undefined {
  return bytes ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString() : undefined;
}
