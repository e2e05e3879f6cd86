/** Payload encryption, apart from the rest: it loads Temporal's protobuf. */
export {
  BLOB_ENCODING,
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
export {
  INLINE_BYTES,
  isBlobReference,
  PayloadTooLargeError,
  sha256Of,
  type BlobAccess,
  type BlobLimits,
  type PayloadBlobs,
} from './payload-blobs.js';
export {
  payloadCodec,
  type CodecOptions,
  type PayloadKeys,
  type TenantPayloadCodec,
} from './payload-codec.js';
