import {
  addMemberRequestSchema,
  auditEntrySchema,
  auditQuerySchema,
  dataOf,
  idSchema,
  listOf,
  memberSchema,
  pageQuerySchema,
  quotaUseSchema,
  updateMemberRequestSchema,
  whoAmISchema,
} from '@pegasus-workflows/contracts';
import { type OpenAPIHono } from '@hono/zod-openapi';
import { z } from 'zod';
import { type Capability } from '../infra/capability.js';
import { type AppEnv, type Services } from '../infra/context.js';
import { addRoute, data, list } from '../infra/http.js';
import { readAudit } from './audit-reader.js';
import { addMember, listMembers, removeMember, updateMember } from './members.js';
import { quotaUse } from './quotas.js';
import { mountKeys } from './routes-keys.js';
import { mountTenants } from './routes-tenants.js';
import { whoAmI } from './who-am-i.js';

const MEMBERS = '/api/v1/members';
const params = z.object({ id: idSchema });
const one = (description: string) => ({ description, schema: dataOf(memberSchema) });

/** Who may do what: members and their keys, tenants, and the audit log. */
export function createAccess(services: Services): Capability {
  return {
    mount(app) {
      mountWhoAmI(app, services);
      mountTenants(app, services);
      mountMembers(app, services);
      mountKeys(app, services);
      mountAudit(app, services);
    },
  };
}

function mountWhoAmI(app: OpenAPIHono<AppEnv>, services: Services): void {
  addRoute(
    app,
    {
      method: 'get',
      path: '/api/v1/whoami',
      action: 'any-key',
      summary: 'Who makes this call: tenant, member, key and what it may do',
      responses: { 200: { description: 'The caller', schema: dataOf(whoAmISchema) } },
    },
    async ({ c, principal }) => data(c, await whoAmI(services, principal)),
  );
  addRoute(
    app,
    {
      method: 'get',
      path: '/api/v1/quotas',
      action: 'any-key',
      summary: "The limits of the caller's tenant, and what is used of each",
      responses: { 200: { description: 'The limits', schema: dataOf(quotaUseSchema) } },
    },
    async ({ c, principal }) => data(c, await quotaUse(services, principal)),
  );
}

function mountMembers(app: OpenAPIHono<AppEnv>, services: Services): void {
  addRoute(
    app,
    {
      method: 'get',
      path: MEMBERS,
      action: 'ManageMembers',
      summary: 'People and service accounts of the tenant, newest first',
      request: { query: pageQuerySchema },
      responses: { 200: { description: 'One page', schema: listOf(memberSchema) } },
    },
    async ({ c, principal, query }) => list(c, await listMembers(services, principal, query)),
  );
  addRoute(
    app,
    {
      method: 'post',
      path: MEMBERS,
      action: 'ManageMembers',
      summary: 'Add a person by e-mail address, or a service account by name',
      request: { body: addMemberRequestSchema },
      errors: ['CONFLICT'],
      responses: { 201: one('The member') },
    },
    async ({ c, principal, body }) => data(c, await addMember(services, principal, body), 201),
  );
  addRoute(
    app,
    {
      method: 'patch',
      path: `${MEMBERS}/:id`,
      action: 'ManageMembers',
      summary: "Set a member's roles, disable it or enable it; its keys follow at once",
      request: { params, body: updateMemberRequestSchema },
      errors: ['CONFLICT'],
      responses: { 200: one('The member') },
    },
    async ({ c, principal, params: { id }, body }) =>
      data(c, await updateMember(services, principal, id, body)),
  );
  addRoute(
    app,
    {
      method: 'delete',
      path: `${MEMBERS}/:id`,
      action: 'ManageMembers',
      summary: 'Remove a member and revoke its keys',
      request: { params },
      errors: ['CONFLICT'],
      responses: { 204: { description: 'It is gone' } },
    },
    async ({ c, principal, params: { id } }) => {
      await removeMember(services, principal, id);
      return c.body(null, 204);
    },
  );
}

function mountAudit(app: OpenAPIHono<AppEnv>, services: Services): void {
  addRoute(
    app,
    {
      method: 'get',
      path: '/api/v1/audit',
      action: 'ReadAuditLog',
      summary: 'The audit log, newest first; `before` is the `seq` of the last entry of the previous page',
      request: { query: auditQuerySchema },
      responses: { 200: { description: 'One page', schema: listOf(auditEntrySchema) } },
    },
    async ({ c, principal, query }) => list(c, await readAudit(services, principal, query)),
  );
}
