import {
  createIngressRequestSchema,
  dataOf,
  ingressSchema,
  ingressWithSecretSchema,
  integrationIdSchema,
  listOf,
  rotateIngressRequestSchema,
  updateIngressRequestSchema,
} from '@pegasus-workflows/contracts';
import { type OpenAPIHono } from '@hono/zod-openapi';
import { type Context } from 'hono';
import { z } from 'zod';
import { type Capability } from '../infra/capability.js';
import { type AppEnv, type Services } from '../infra/context.js';
import { readBytes } from '../infra/http-body.js';
import { addRoute, data, list } from '../infra/http.js';
import { ingressMetrics } from './metrics.js';
import { Receiver, type ReceiverPorts } from './receive.js';
import { IngressService } from './service.js';
import { RECEIVE_PATH } from './store.js';

const BASE = '/api/v1/integrations';
const ONE = `${BASE}/:id/ingress`;
const action = 'ManageIntegrationIngress';
const params = z.object({ id: integrationIdSchema });
const shown = { description: 'The ingress, without its secret', schema: dataOf(ingressSchema) };
const withSecret = {
  description: 'The ingress and its secret, which is shown this once',
  schema: dataOf(ingressWithSecretSchema),
};

/** Where partners' webhooks come in: management for the tenant, one public path for the partners. */
export function createIngress(services: Services, events: Omit<ReceiverPorts, 'metrics'>): Capability {
  const service = new IngressService(services);
  const receiver = new Receiver(services, { ...events, metrics: ingressMetrics(services.metrics) });
  return {
    mount: (app) => {
      mountReads(app, service);
      mountChanges(app, service);
      mountReceiver(app, receiver);
    },
  };
}

function mountReads(app: OpenAPIHono<AppEnv>, service: IngressService): void {
  addRoute(
    app,
    {
      method: 'get',
      path: `${BASE}/ingress`,
      action,
      summary: 'Every ingress of the tenant, by integration',
      responses: { 200: { description: 'The ingresses', schema: listOf(ingressSchema) } },
    },
    async ({ c, principal }) => list(c, await service.list(principal)),
  );
  addRoute(
    app,
    {
      method: 'get',
      path: ONE,
      action,
      summary: "Where an integration's webhooks come in",
      request: { params },
      responses: { 200: shown },
    },
    async ({ c, principal, params: { id } }) => data(c, await service.get(principal, id)),
  );
}

function mountChanges(app: OpenAPIHono<AppEnv>, service: IngressService): void {
  addRoute(
    app,
    {
      method: 'post',
      path: ONE,
      action,
      summary: "Open an ingress for an integration's webhooks",
      request: { params, body: createIngressRequestSchema },
      errors: ['CONFLICT'],
      responses: { 201: withSecret },
    },
    async ({ c, principal, params: { id }, body }) => once(c, await service.create(principal, id, body), 201),
  );
  addRoute(
    app,
    {
      method: 'patch',
      path: ONE,
      action,
      summary: 'Change what an ingress does; its kind of proof stays',
      request: { params, body: updateIngressRequestSchema },
      responses: { 200: shown },
    },
    async ({ c, principal, params: { id }, body }) => data(c, await service.update(principal, id, body)),
  );
  addRoute(
    app,
    {
      method: 'post',
      path: `${ONE}/rotate`,
      action,
      summary: 'A new token or secret; the one before it works until the overlap ends',
      request: { params, body: rotateIngressRequestSchema, emptyBody: {} },
      responses: { 200: withSecret },
    },
    async ({ c, principal, params: { id }, body }) => once(c, await service.rotate(principal, id, body), 200),
  );
  addRoute(
    app,
    {
      method: 'delete',
      path: ONE,
      action,
      summary: 'Close an ingress: its URL is gone',
      request: { params },
      responses: { 204: { description: 'Closed' } },
    },
    async ({ c, principal, params: { id } }) => {
      await service.remove(principal, id);
      return c.body(null, 204);
    },
  );
}

function mountReceiver(app: OpenAPIHono<AppEnv>, receiver: Receiver): void {
  addRoute(
    app,
    {
      method: 'post',
      path: RECEIVE_PATH,
      // Proven by a token or a signature of its own, not by an API key.
      action: 'public',
      summary: "A partner's webhook: JSON, a form, or text, proven as its ingress says",
      request: { params: z.object({ ingressId: z.string() }) },
      errors: [
        'UNAUTHENTICATED',
        'VALIDATION_ERROR',
        'PAYLOAD_TOO_LARGE',
        'UNSUPPORTED_MEDIA_TYPE',
        'RATE_LIMITED',
      ],
      responses: {
        '2XX': { description: 'What the ingress acknowledges with, in the shape of the partner' },
      },
    },
    async ({ c, params: { ingressId } }) => {
      const { pathname, search } = new URL(c.req.url);
      const { status, headers, body } = await receiver.receive(ingressId, {
        header: (name) => c.req.header(name),
        pathAndQuery: pathname + search,
        read: (maxBytes) => readBytes(c.req, maxBytes),
      });
      return new Response(body, { status, headers });
    },
  );
}

/** An answer that no cache may keep. */
function once(c: Context<AppEnv>, value: unknown, status: 200 | 201): Response {
  c.header('Cache-Control', 'no-store');
  return data(c, value, status);
}
