import { isBlobReference, referredTo, withReferences, type BlobAccess } from './payload-blobs.js';
import {
  openPayload,
  sealedKeyId,
  sealPayload,
  UnreadablePayloadError,
  type Payload,
  type PayloadKey,
} from './payload-cipher.js';

/** Where the data keys of one tenant come from. Rejects when it cannot be told now; never holds up who has the key. */
export interface PayloadKeys {
  /** What new payloads are encrypted with; `undefined`: they are not encrypted. */
  current(): PayloadKey | undefined | Promise<PayloadKey | undefined>;
  /** A key by its id; `undefined` when the tenant has none of this id. */
  find(id: string): PayloadKey | undefined | Promise<PayloadKey | undefined>;
}

/** A Temporal `PayloadCodec`. */
export interface TenantPayloadCodec {
  encode(payloads: Payload[]): Promise<Payload[]>;
  decode(payloads: Payload[]): Promise<Payload[]>;
}

/** What a codec can do beyond encrypting. */
export interface CodecOptions {
  /** Makes something of a payload that can never be read; without it that is an error. */
  unreadable?: ((error: UnreadablePayloadError, payload: Payload) => Payload) | undefined;
  /** Where large payloads go; without it none does, and references cannot be read. */
  blobs?: BlobAccess | undefined;
}

/**
 * The codec of one tenant. What is encrypted already is not encrypted again; what is not, as in histories from before,
 * passes on decoding. Rejects with `UnreadablePayloadError` where a payload can never be read, and with
 * `PayloadTooLargeError` where one is too large.
 */
export function payloadCodec(
  tenantId: string,
  keys: PayloadKeys,
  { unreadable, blobs }: CodecOptions = {},
): TenantPayloadCodec {
  async function ciphertextOf(payload: Payload, keyId: string): Promise<Payload> {
    if (!isBlobReference(payload)) return payload;
    if (!blobs) throw new UnreadablePayloadError(keyId, 'and its bytes are where they cannot be had here');
    return referredTo(payload, keyId, blobs.store);
  }
  async function decodeOne(payload: Payload): Promise<Payload> {
    const keyId = sealedKeyId(payload);
    if (keyId === undefined) return payload;
    try {
      const key = await keys.find(keyId);
      if (!key) throw new UnreadablePayloadError(keyId, 'which this tenant does not have');
      return openPayload(await ciphertextOf(payload, keyId), { tenantId, key });
    } catch (error) {
      if (unreadable && error instanceof UnreadablePayloadError) return unreadable(error, payload);
      throw error;
    }
  }
  return {
    encode: async (payloads) => {
      const key = await keys.current();
      if (!key) return payloads;
      const sealed = payloads.map((payload) =>
        sealedKeyId(payload) === undefined ? sealPayload(payload, { tenantId, key }) : payload,
      );
      return blobs ? withReferences(sealed, blobs) : sealed;
    },
    decode: (payloads) => Promise.all(payloads.map(decodeOne)),
  };
}
