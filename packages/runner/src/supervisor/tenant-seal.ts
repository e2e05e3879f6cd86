import { type PayloadKeySet } from '@pegasus-workflows/contracts';
import { payloadKey, sealPayload, type PayloadKey } from '@pegasus-workflows/kit/payloads';
import { type Seal } from '../gateway/failures.js';
import { type TenantPayloadKeys } from './payload-keys.js';

/** Encrypts with the tenant's current key, as the supervisor last heard of it. */
export function tenantSeal(tenantId: string, payloadKeys: Pick<TenantPayloadKeys, 'known'>): Seal {
  let madeFrom: PayloadKeySet | undefined;
  let key: PayloadKey | undefined;
  return (payload) => {
    const set = payloadKeys.known(tenantId);
    if (set !== madeFrom) {
      const current = set?.keys.find(({ id }) => id === set.currentId);
      key = current && payloadKey(current.id, Buffer.from(current.key, 'base64'));
      madeFrom = set;
    }
    return key ? sealPayload(payload, { tenantId, key }) : payload;
  };
}
