import { payloadKeySetSchema } from '@pegasus-workflows/contracts';
import { payloadCodec, payloadKey } from '@pegasus-workflows/kit/payloads';
import { type DataConverter } from '@temporalio/common';

/** What lets Temporal's own client read and write a tenant's payloads, with the keys that the supervisor is given. */
export async function tenantConverter(
  serverUrl: string,
  runnerToken: string,
  tenantId: string,
): Promise<DataConverter> {
  const response = await fetch(`${serverUrl}/internal/v1/tenants/${tenantId}/payload-keys`, {
    headers: { authorization: `Bearer ${runnerToken}` },
  });
  const { currentId, keys } = payloadKeySetSchema.parse(await response.json());
  const known = new Map(keys.map(({ id, key }) => [id, payloadKey(id, Buffer.from(key, 'base64'))]));
  const codec = payloadCodec(tenantId, {
    current: () => known.get(currentId ?? ''),
    find: (id) => known.get(id),
  });
  return { payloadCodecs: [codec] };
}
