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

/**
 * The codec of one tenant. What is encrypted already is not encrypted again; what is not, as in histories from before,
 * passes on decoding. Rejects with `UnreadablePayloadError` where a payload cannot be read, unless `unreadable` makes
 * something of it.
 */
export function payloadCodec(
  tenantId: string,
  keys: PayloadKeys,
  unreadable: (error: UnreadablePayloadError, payload: Payload) => Payload = (error) => {
    throw error;
  },
): TenantPayloadCodec {
  async function decodeOne(payload: Payload): Promise<Payload> {
    const keyId = sealedKeyId(payload);
    if (keyId === undefined) return payload;
    try {
      const key = await keys.find(keyId);
      if (!key) throw new UnreadablePayloadError(keyId, 'which this tenant does not have');
      return openPayload(payload, { tenantId, key });
    } catch (error) {
      if (error instanceof UnreadablePayloadError) return unreadable(error, payload);
      throw error;
    }
  }
  return {
    encode: async (payloads) => {
      const key = await keys.current();
      if (!key) return payloads;
      return payloads.map((payload) =>
        sealedKeyId(payload) === undefined ? sealPayload(payload, { tenantId, key }) : payload,
      );
    },
    decode: (payloads) => Promise.all(payloads.map(decodeOne)),
  };
}
