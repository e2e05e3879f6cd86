import {
  payloadCodec,
  PayloadTooLargeError,
  type PayloadKeys,
  type TenantPayloadCodec,
} from '@pegasus-workflows/kit/payloads';
import { ApplicationFailure } from '@temporalio/common';
import { type ConfigureMessage } from '../protocol.js';
import { RemoteBlobs } from './blobs.js';

/** The codec of this process's tenant. What is too large fails its activity for good, with the code that the API has for it. */
export function workerCodec(config: ConfigureMessage, keys: PayloadKeys): TenantPayloadCodec {
  const { tenantId, supervisorUrl, payloadKeys } = config;
  const limits = payloadKeys.blobs;
  const blobs = limits && {
    store: new RemoteBlobs((sha256) => ({ url: `${supervisorUrl}/blobs/${sha256}` })),
    limits,
  };
  const codec = payloadCodec(tenantId, keys, { blobs });
  return {
    decode: (payloads) => codec.decode(payloads),
    encode: async (payloads) => {
      try {
        return await codec.encode(payloads);
      } catch (error) {
        if (!(error instanceof PayloadTooLargeError)) throw error;
        throw ApplicationFailure.nonRetryable(error.message, 'PAYLOAD_TOO_LARGE');
      }
    },
  };
}
