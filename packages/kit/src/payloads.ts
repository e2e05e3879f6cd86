/** Payload encryption, apart from the rest: it loads Temporal's protobuf. */
export {
  ENCRYPTED_ENCODING,
  MAX_PLAIN_BYTES,
  openPayload,
  PAYLOAD_CIPHER,
  PAYLOAD_KEY_BYTES,
  payloadKey,
  sealedKeyId,
  sealPayload,
  UnreadablePayloadError,
  type Payload,
  type PayloadKey,
  type PayloadSeal,
} from './payload-cipher.js';
export { payloadCodec, type PayloadKeys, type TenantPayloadCodec } from './payload-codec.js';
