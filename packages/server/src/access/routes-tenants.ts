import {
  createdApiKeySchema,
  createdTenantSchema,
  createTenantRequestSchema,
  dataOf,
  idSchema,
  listOf,
  pageQuerySchema,
  tenantSchema,
  updateTenantRequestSchema,
} from '@pegasus-workflows/contracts';
import { type OpenAPIHono } from '@hono/zod-openapi';
import { z } from 'zod';
import { type AppEnv, type Services } from '../infra/context.js';
import { addRoute, data, list } from '../infra/http.js';
import { secretData } from './routes-keys.js';
import { createTenant, getTenant, listTenants, makeAdminKey, ownTenant, updateTenant } from './tenants.js';

const TENANTS = '/api/v1/tenants';
const params = z.object({ id: idSchema });
const one = (description: string) => ({ description, schema: dataOf(tenantSchema) });

/** The caller's own tenant for everybody; all tenants for the platform tenant. */
export function mountTenants(app: OpenAPIHono<AppEnv>, services: Services): void {
  addRoute(
    app,
    {
      method: 'get',
      path: '/api/v1/tenant',
      action: 'any-key',
      summary: "The caller's own tenant, with its quotas",
      responses: { 200: one('The tenant') },
    },
    async ({ c, principal }) => data(c, await ownTenant(services, principal)),
  );
  addRoute(
    app,
    {
      method: 'get',
      path: TENANTS,
      action: 'ManageTenants',
      summary: 'All tenants, newest first; for the platform tenant',
      request: { query: pageQuerySchema },
      responses: { 200: { description: 'One page', schema: listOf(tenantSchema) } },
    },
    async ({ c, principal, query }) => list(c, await listTenants(services, principal, query)),
  );
  addRoute(
    app,
    {
      method: 'get',
      path: `${TENANTS}/:id`,
      action: 'ManageTenants',
      summary: 'One tenant; for the platform tenant',
      request: { params },
      responses: { 200: one('The tenant') },
    },
    async ({ c, principal, params: { id } }) => data(c, await getTenant(services, principal, id)),
  );
  mountChanges(app, services);
}

function mountChanges(app: OpenAPIHono<AppEnv>, services: Services): void {
  addRoute(
    app,
    {
      method: 'post',
      path: TENANTS,
      action: 'ManageTenants',
      summary: 'Make a tenant and a first key of an administrator; for the platform tenant',
      request: { body: createTenantRequestSchema },
      errors: ['CONFLICT'],
      responses: {
        201: { description: 'The tenant, and its key, shown this once', schema: dataOf(createdTenantSchema) },
      },
    },
    async ({ c, principal, body }) => secretData(c, await createTenant(services, principal, body)),
  );
  addRoute(
    app,
    {
      method: 'patch',
      path: `${TENANTS}/:id`,
      action: 'ManageTenants',
      summary: 'Name a tenant, set its quotas, disable it or enable it; for the platform tenant',
      request: { params, body: updateTenantRequestSchema },
      errors: ['CONFLICT'],
      responses: { 200: one('The tenant') },
    },
    async ({ c, principal, params: { id }, body }) =>
      data(c, await updateTenant(services, principal, id, body)),
  );
  addRoute(
    app,
    {
      method: 'post',
      path: `${TENANTS}/:id/admin-key`,
      action: 'ManageTenants',
      summary:
        'Make a further key of a tenant’s administrator, for one that was lost; for the platform tenant',
      request: { params },
      responses: {
        201: { description: 'The key, shown this once', schema: dataOf(createdApiKeySchema) },
      },
    },
    async ({ c, principal, params: { id } }) => secretData(c, await makeAdminKey(services, principal, id)),
  );
}
