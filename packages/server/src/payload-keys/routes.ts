import { dataOf, listOf, payloadKeySchema } from '@pegasus-workflows/contracts';
import { type OpenAPIHono } from '@hono/zod-openapi';
import { type Capability } from '../infra/capability.js';
import { type AppEnv, type Services } from '../infra/context.js';
import { addRoute, data, list } from '../infra/http.js';

const BASE = '/api/v1/payload-keys';

/** What tenants see of the keys that their payloads are encrypted with, and their rotation. */
export function createPayloadKeys({ payloadKeys }: Services): Capability {
  return {
    mount: (app: OpenAPIHono<AppEnv>) => {
      addRoute(
        app,
        {
          method: 'get',
          path: BASE,
          action: 'ManagePayloadKeys',
          summary:
            'The keys that payloads in Temporal are encrypted with, the current one first; never a key',
          responses: { 200: { description: 'All of them', schema: listOf(payloadKeySchema) } },
        },
        async ({ c, principal }) => list(c, await payloadKeys.list(principal.tenantId)),
      );
      addRoute(
        app,
        {
          method: 'post',
          path: `${BASE}/rotate`,
          action: 'ManagePayloadKeys',
          summary: 'Make a new current key; what is encrypted with the others stays readable',
          responses: {
            201: { description: 'The new key, without the key', schema: dataOf(payloadKeySchema) },
          },
        },
        async ({ c, principal }) =>
          data(c, await payloadKeys.rotate(principal.tenantId, principal.principalId), 201),
      );
    },
  };
}
