import {
  callExternalBodySchema,
  callExternalRequestSchema,
  connectionSchema,
  connectionTestSchema,
  createConnectionRequestSchema,
  dataOf,
  externalAnswerSchema,
  integrationIdSchema,
  listOf,
  testConnectionRequestSchema,
  updateConnectionRequestSchema,
  type ExternalAnswer,
} from '@pegasus-workflows/contracts';
import { type OpenAPIHono } from '@hono/zod-openapi';
import { Counter } from 'prom-client';
import { z } from 'zod';
import { type Capability } from '../infra/capability.js';
import { type AppEnv, type Services } from '../infra/context.js';
import { addRoute, data, list } from '../infra/http.js';
import { StoredValues } from '../secrets/service.js';
import { ExternalCaller } from './caller.js';
import { Connections } from './connections.js';
import { type CallBody } from './request.js';

const BASE = '/api/v1/external-connections';
const ONE = `${BASE}/:id`;
const action = 'ManageExternalConnections';
/** Its id or its name. */
const params = z.object({ id: integrationIdSchema });
const shown = { description: 'The connection', schema: dataOf(connectionSchema) };
const answered = {
  200: {
    description: 'What the outside API has answered, whatever its status',
    schema: dataOf(externalAnswerSchema),
  },
};
/** A body of 1 MiB in base64 or with every character escaped, and what is around it. */
const CALL_BODY_BYTES = 3 * 1024 * 1024;

/** What a call that a dry run has not made answers: accepted, and nothing more is known. */
const NOT_MADE: ExternalAnswer = {
  status: 202,
  headers: {},
  body: null,
  bodyEncoding: 'none',
  attempts: 0,
  durationMs: 0,
};

/** `caller` is for what else calls outside. */
export interface ExternalCapability extends Capability {
  readonly caller: ExternalCaller;
}

/** Calls of outside APIs for workflows, as connections say. */
export function createExternal(services: Services): ExternalCapability {
  const connections = new Connections(services);
  const values = new StoredValues(services);
  const caller = new ExternalCaller({
    services,
    connections,
    readSecret: (tenantId, group, key) => values.readSecret(tenantId, group, key),
    logger: services.logger.child({ area: 'external' }),
    calls: new Counter({
      name: 'pegasus_external_calls_total',
      help: 'Calls of outside APIs for workflows, by the class of the answer or the code of the failure.',
      labelNames: ['result'] as const,
      registers: [services.metrics],
    }),
  });
  return {
    caller,
    mount: (app) => {
      mountReads(app, connections);
      mountChanges(app, connections, caller);
      mountCalls(app, caller);
    },
  };
}

function mountReads(app: OpenAPIHono<AppEnv>, connections: Connections): void {
  addRoute(
    app,
    {
      method: 'get',
      path: BASE,
      action,
      summary: 'Connections of the tenant, by name',
      responses: { 200: { description: 'The connections', schema: listOf(connectionSchema) } },
    },
    async ({ c, principal }) => list(c, await connections.list(principal)),
  );
  addRoute(
    app,
    {
      method: 'get',
      path: ONE,
      action,
      summary: 'One connection, by id or name',
      request: { params },
      responses: { 200: shown },
    },
    async ({ c, principal, params: { id } }) => data(c, await connections.get(principal, id)),
  );
}

function mountChanges(app: OpenAPIHono<AppEnv>, connections: Connections, caller: ExternalCaller): void {
  addRoute(
    app,
    {
      method: 'post',
      path: BASE,
      action,
      summary: 'Let workflows call an outside API; credentials are secrets of the tenant, by name',
      errors: ['CONFLICT', 'EXTERNAL_ADDRESS_REFUSED'],
      request: { body: createConnectionRequestSchema },
      responses: { 201: shown },
    },
    async ({ c, principal, body }) => data(c, await connections.create(principal, body), 201),
  );
  addRoute(
    app,
    {
      method: 'patch',
      path: ONE,
      action,
      summary: 'Change a connection; what is left out stays',
      errors: ['CONFLICT', 'EXTERNAL_ADDRESS_REFUSED'],
      request: { params, body: updateConnectionRequestSchema },
      responses: { 200: shown },
    },
    async ({ c, principal, params: { id }, body }) => data(c, await connections.update(principal, id, body)),
  );
  addRoute(
    app,
    {
      method: 'delete',
      path: ONE,
      action,
      summary: 'Delete a connection: calls by its name are 404 from then on',
      request: { params },
      responses: { 204: { description: 'Deleted' } },
    },
    async ({ c, principal, params: { id } }) => {
      await connections.remove(principal, id);
      return c.body(null, 204);
    },
  );
  addRoute(
    app,
    {
      method: 'post',
      path: `${ONE}/test`,
      action,
      summary: 'Read from the outside API once, with the credentials, and say how that went',
      errors: [
        'CONFLICT',
        'REQUIREMENTS_MISSING',
        'RATE_LIMITED',
        'EXTERNAL_ADDRESS_REFUSED',
        'UPSTREAM_ERROR',
      ],
      request: { params, body: testConnectionRequestSchema, emptyBody: {} },
      responses: { 200: { description: 'How it went', schema: dataOf(connectionTestSchema) } },
    },
    async ({ c, principal, params: { id }, body }) => data(c, await caller.test(principal, id, body)),
  );
}

function mountCalls(app: OpenAPIHono<AppEnv>, caller: ExternalCaller): void {
  const isRead = ({ method }: CallBody): boolean => method === 'GET' || method === 'HEAD';
  addRoute(
    app,
    {
      method: 'post',
      path: '/api/v1/external-calls',
      action: 'CallExternal',
      summary: 'Call an outside API through a connection',
      errors: [
        'NOT_FOUND',
        'CONFLICT',
        'REQUIREMENTS_MISSING',
        'RATE_LIMITED',
        'EXTERNAL_ADDRESS_REFUSED',
        'UPSTREAM_ERROR',
      ],
      request: { body: callExternalRequestSchema, maxBodyBytes: CALL_BODY_BYTES },
      dryRun: {
        method: 'externalCalls.call',
        isRead,
        wouldReturn: async ({ principal, body }) => {
          await caller.prepare(principal, body.connection, body);
          return { status: 200, data: NOT_MADE };
        },
      },
      responses: answered,
    },
    async ({ c, principal, body: { connection, ...body } }) =>
      data(c, await caller.call(principal, connection, body)),
  );
  addRoute(
    app,
    {
      method: 'post',
      path: '/api/v1/integrations/:id/call-external',
      action: 'CallExternal',
      summary: 'The same, the connection being in the path',
      errors: [
        'CONFLICT',
        'REQUIREMENTS_MISSING',
        'RATE_LIMITED',
        'EXTERNAL_ADDRESS_REFUSED',
        'UPSTREAM_ERROR',
      ],
      request: { params, body: callExternalBodySchema, maxBodyBytes: CALL_BODY_BYTES },
      dryRun: {
        method: 'externalCalls.call',
        isRead,
        wouldReturn: async ({ principal, params: { id }, body }) => {
          await caller.prepare(principal, id, body);
          return { status: 200, data: NOT_MADE };
        },
      },
      responses: answered,
    },
    async ({ c, principal, params: { id }, body }) => data(c, await caller.call(principal, id, body)),
  );
}
