import { PegasusError, type CodecPayloads } from '@pegasus-workflows/contracts';
import {
  payloadCodec,
  sealedKeyId,
  UnreadablePayloadError,
  type BlobAccess,
  type Payload,
  type PayloadKeys,
} from '@pegasus-workflows/kit/payloads';
import { markerOf } from '../infra/temporal-payloads.js';

/** Of one answer, besides its last payload. */
const DECODED_BYTES = 64 * 1024 * 1024;

/**
 * What Temporal's UI and command line are shown: the payloads that are encrypted with keys of the caller's tenant,
 * decoded; those of others as they came. Throws FORBIDDEN when there are encrypted ones and none is the tenant's.
 */
export async function decodeForTenant(
  tenantId: string,
  keys: PayloadKeys,
  blobs: BlobAccess,
  { payloads }: CodecPayloads,
): Promise<CodecPayloads> {
  const given = payloads.map(fromJson);
  const ids = new Set(given.map(sealedKeyId).filter((id) => id !== undefined));
  const owned = new Set<string>();
  for (const id of ids) if (await keys.find(id)) owned.add(id);
  if (ids.size > 0 && owned.size === 0) {
    throw new PegasusError(
      'FORBIDDEN',
      "None of these payloads is encrypted with a key of this API key's tenant.",
    );
  }
  const codec = payloadCodec(tenantId, keys, {
    unreadable: (error, payload) => (owned.has(error.keyId) ? markerOf(error) : payload),
    blobs,
  });
  const decoded: CodecPayloads['payloads'] = [];
  let left = DECODED_BYTES;
  // One after another: a few references may stand for more than there is memory.
  for (const payload of given) {
    const [read] = left > 0 ? await codec.decode([payload]) : [leftOut(payload)];
    left -= read?.data?.length ?? 0;
    decoded.push(toJson(read!));
  }
  return { payloads: decoded };
}

function leftOut(payload: Payload): Payload {
  const keyId = sealedKeyId(payload);
  if (keyId === undefined) return payload;
  return markerOf(
    new UnreadablePayloadError(keyId, 'and left out, after too many large ones in one request'),
  );
}

/** The payloads encrypted with the tenant's current key; those that are encrypted as they came. */
export async function encodeForTenant(
  tenantId: string,
  keys: PayloadKeys,
  { payloads }: CodecPayloads,
): Promise<CodecPayloads> {
  const encoded = await payloadCodec(tenantId, keys).encode(payloads.map(fromJson));
  return { payloads: encoded.map(toJson) };
}

function fromJson({ metadata, data }: CodecPayloads['payloads'][number]): Payload {
  const bytes = Object.entries(metadata).map(([name, value]) => [name, Buffer.from(value, 'base64')]);
  return {
    metadata: Object.fromEntries(bytes) as Record<string, Uint8Array>,
    data: Buffer.from(data, 'base64'),
  };
}

function toJson({ metadata, data }: Payload): CodecPayloads['payloads'][number] {
  const texts = Object.entries(metadata ?? {}).map(([name, value]) => [name, base64Of(value)]);
  return {
    metadata: Object.fromEntries(texts) as Record<string, string>,
    data: base64Of(data ?? new Uint8Array()),
  };
}

function base64Of(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}
