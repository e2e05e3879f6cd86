import {
  apiKeySchema,
  apiKeysQuerySchema,
  createApiKeyRequestSchema,
  createdApiKeySchema,
  dataOf,
  idSchema,
  listOf,
  rotateApiKeyRequestSchema,
} from '@pegasus-workflows/contracts';
import { type OpenAPIHono } from '@hono/zod-openapi';
import { type Context } from 'hono';
import { z } from 'zod';
import { type AppEnv, type Services } from '../infra/context.js';
import { addRoute, data, list } from '../infra/http.js';
import { createMemberKey, listKeys, revokeMemberKey, rotateKey } from './api-keys.js';

const KEYS = '/api/v1/keys';
const params = z.object({ id: idSchema });
const shownOnce = {
  201: { description: 'The key, shown this once', schema: dataOf(createdApiKeySchema) },
};

/** An answer with a key in it, which no cache may keep. */
export function secretData(c: Context<AppEnv>, value: unknown): Response {
  c.header('Cache-Control', 'no-store');
  return data(c, value, 201);
}

/** API keys of the tenant's members. */
export function mountKeys(app: OpenAPIHono<AppEnv>, services: Services): void {
  addRoute(
    app,
    {
      method: 'get',
      path: KEYS,
      action: 'ManageApiKeys',
      summary: 'API keys of the tenant, newest first; with `all=true` also those that work no more',
      request: { query: apiKeysQuerySchema },
      responses: { 200: { description: 'One page', schema: listOf(apiKeySchema) } },
    },
    async ({ c, principal, query }) => list(c, await listKeys(services, principal, query)),
  );
  addRoute(
    app,
    {
      method: 'post',
      path: KEYS,
      action: 'ManageApiKeys',
      summary: 'Make a key for a member, with roles that the member may have',
      request: { body: createApiKeyRequestSchema },
      errors: ['NOT_FOUND', 'CONFLICT'],
      responses: shownOnce,
    },
    async ({ c, principal, body }) => secretData(c, await createMemberKey(services, principal, body)),
  );
  addRoute(
    app,
    {
      method: 'post',
      path: `${KEYS}/:id/rotate`,
      action: 'ManageApiKeys',
      summary: 'Make a key that takes over; the old one works until the overlap ends',
      request: { params, body: rotateApiKeyRequestSchema, emptyBody: {} },
      errors: ['CONFLICT'],
      responses: shownOnce,
    },
    async ({ c, principal, params: { id }, body }) =>
      secretData(c, await rotateKey(services, principal, id, body)),
  );
  addRoute(
    app,
    {
      method: 'delete',
      path: `${KEYS}/:id`,
      action: 'ManageApiKeys',
      summary: 'Revoke a key, from the next call on',
      request: { params },
      errors: ['CONFLICT'],
      responses: { 204: { description: 'It works no more' } },
    },
    async ({ c, principal, params: { id } }) => {
      await revokeMemberKey(services, principal, id);
      return c.body(null, 204);
    },
  );
}
