import {
  CODEC_BODY_BYTES,
  codecPayloadsSchema,
  dataOf,
  listOf,
  payloadKeySchema,
} from '@pegasus-workflows/contracts';
import { type OpenAPIHono } from '@hono/zod-openapi';
import { cors } from 'hono/cors';
import { type Capability } from '../infra/capability.js';
import { type AppEnv, type Services } from '../infra/context.js';
import { addRoute, data, list } from '../infra/http.js';
import { type PayloadKeyring } from './keyring.js';
import { type PayloadBlobStore } from '../payload-blobs/blobs.js';
import { decodeForTenant, encodeForTenant } from './codec.js';

const BASE = '/api/v1/payload-keys';
const CODEC = '/api/v1/codec';

/** What tenants see of the keys that their payloads are encrypted with, and their rotation. */
export function createPayloadKeys({ payloadKeys, payloadBlobs }: Services): Capability {
  return {
    mount: (app) => {
      mountKeys(app, payloadKeys);
      mountCodec(app, payloadKeys, payloadBlobs);
    },
  };
}

/** Mounts before anything asks who calls: a browser's preflight brings no key. */
export function allowCodecOrigins(app: OpenAPIHono<AppEnv>, origins: readonly string[]): void {
  if (origins.length === 0) return;
  const allowHeaders = ['Authorization', 'Content-Type', 'X-Namespace'];
  app.use(`${CODEC}/*`, cors({ origin: [...origins], allowMethods: ['POST'], allowHeaders, maxAge: 600 }));
}

function mountKeys(app: OpenAPIHono<AppEnv>, payloadKeys: PayloadKeyring): void {
  addRoute(
    app,
    {
      method: 'get',
      path: BASE,
      action: 'ManagePayloadKeys',
      summary: 'The keys that payloads in Temporal are encrypted with, the current one first; never a key',
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
}

function mountCodec(
  app: OpenAPIHono<AppEnv>,
  payloadKeys: PayloadKeyring,
  payloadBlobs: PayloadBlobStore,
): void {
  const request = { body: codecPayloadsSchema, maxBodyBytes: CODEC_BODY_BYTES };
  const answer = { 200: { description: 'As many payloads, in the same order', schema: codecPayloadsSchema } };
  addRoute(
    app,
    {
      method: 'post',
      path: `${CODEC}/decode`,
      action: 'ReadWorkflow',
      summary: "For Temporal's UI and command line: payloads of the caller's tenant, decoded",
      request,
      responses: answer,
    },
    async ({ c, principal: { tenantId }, body }) => {
      c.header('Cache-Control', 'no-store');
      const blobs = payloadBlobs.of(tenantId);
      return c.json(await decodeForTenant(tenantId, payloadKeys.of(tenantId), blobs, body));
    },
  );
  addRoute(
    app,
    {
      method: 'post',
      path: `${CODEC}/encode`,
      action: 'ReadWorkflow',
      summary: "For Temporal's command line: payloads encrypted with the caller's tenant's current key",
      request,
      responses: answer,
    },
    async ({ c, principal: { tenantId }, body }) =>
      c.json(await encodeForTenant(tenantId, payloadKeys.of(tenantId), body)),
  );
}
