import {
  createWebhookRequestSchema,
  dataOf,
  deliveriesQuerySchema,
  idSchema,
  listOf,
  rotateWebhookSecretRequestSchema,
  updateWebhookRequestSchema,
  webhookDeliverySchema,
  webhookSchema,
  webhookTestSchema,
  webhookWithSecretSchema,
} from '@pegasus-workflows/contracts';
import { type OpenAPIHono } from '@hono/zod-openapi';
import { z } from 'zod';
import { type Capability } from '../infra/capability.js';
import { type AppEnv, type Services } from '../infra/context.js';
import { addRoute, data, list } from '../infra/http.js';
import { Deliverer } from './deliverer.js';
import { webhookMetrics } from './metrics.js';
import { WebhookService } from './service.js';

const BASE = '/api/v1/webhooks';
const ONE = `${BASE}/:id`;
const action = 'ManageWebhooks';
const params = z.object({ id: idSchema });
const shown = { description: 'The webhook, without its secret', schema: dataOf(webhookSchema) };
const withSecret = {
  description: 'The webhook and its signing secret, which is shown this once',
  schema: dataOf(webhookWithSecretSchema),
};

/** Tells outside systems how runs end. */
export function createWebhooks(services: Services): Capability {
  const deliverer = new Deliverer(services, webhookMetrics(services.metrics));
  const service = new WebhookService(services, () => deliverer.kick());
  return {
    mount: (app) => {
      mountReads(app, service);
      mountChanges(app, service);
      mountDeliveries(app, service);
    },
    start: () => deliverer.start(),
  };
}

function mountReads(app: OpenAPIHono<AppEnv>, service: WebhookService): void {
  addRoute(
    app,
    {
      method: 'get',
      path: BASE,
      action,
      summary: 'Webhooks of the tenant, newest first',
      responses: { 200: { description: 'The webhooks', schema: listOf(webhookSchema) } },
    },
    async ({ c, principal }) => list(c, await service.list(principal)),
  );
  addRoute(
    app,
    {
      method: 'get',
      path: ONE,
      action,
      summary: 'One webhook',
      request: { params },
      responses: { 200: shown },
    },
    async ({ c, principal, params: { id } }) => data(c, await service.get(principal, id)),
  );
}

function mountChanges(app: OpenAPIHono<AppEnv>, service: WebhookService): void {
  addRoute(
    app,
    {
      method: 'post',
      path: BASE,
      action,
      summary: 'Have outcomes of runs told to a URL',
      request: { body: createWebhookRequestSchema },
      errors: ['CONFLICT', 'EXTERNAL_ADDRESS_REFUSED'],
      responses: { 201: withSecret },
    },
    async ({ c, principal, body }) => {
      c.header('Cache-Control', 'no-store');
      return data(c, await service.create(principal, body), 201);
    },
  );
  addRoute(
    app,
    {
      method: 'patch',
      path: ONE,
      action,
      summary: 'Change where and of what a webhook tells',
      request: { params, body: updateWebhookRequestSchema },
      errors: ['EXTERNAL_ADDRESS_REFUSED'],
      responses: { 200: shown },
    },
    async ({ c, principal, params: { id }, body }) => data(c, await service.update(principal, id, body)),
  );
  addRoute(
    app,
    {
      method: 'delete',
      path: ONE,
      action,
      summary: 'Delete a webhook and what it has not delivered yet',
      request: { params },
      responses: { 204: { description: 'Deleted' } },
    },
    async ({ c, principal, params: { id } }) => {
      await service.remove(principal, id);
      return c.body(null, 204);
    },
  );
  addRoute(
    app,
    {
      method: 'post',
      path: `${ONE}/rotate-secret`,
      action,
      summary: 'A new signing secret; deliveries carry both signatures until the overlap ends',
      request: { params, body: rotateWebhookSecretRequestSchema, emptyBody: {} },
      responses: { 200: withSecret },
    },
    async ({ c, principal, params: { id }, body }) => {
      c.header('Cache-Control', 'no-store');
      return data(c, await service.rotate(principal, id, body));
    },
  );
}

function mountDeliveries(app: OpenAPIHono<AppEnv>, service: WebhookService): void {
  addRoute(
    app,
    {
      method: 'post',
      path: `${ONE}/test`,
      action,
      audited: 'test',
      summary: 'Call the URL once with a signed test message, and say how that went',
      request: { params },
      responses: { 200: { description: 'How it went', schema: dataOf(webhookTestSchema) } },
    },
    async ({ c, principal, params: { id } }) => data(c, await service.test(principal, id)),
  );
  addRoute(
    app,
    {
      method: 'get',
      path: `${ONE}/deliveries`,
      action,
      summary: 'What was told, newest first',
      request: { params, query: deliveriesQuerySchema },
      responses: { 200: { description: 'The deliveries', schema: listOf(webhookDeliverySchema) } },
    },
    async ({ c, principal, params: { id }, query }) =>
      list(c, await service.deliveries(principal, id, query)),
  );
  addRoute(
    app,
    {
      method: 'post',
      path: `${ONE}/deliveries/:deliveryId/redeliver`,
      action,
      audited: 'redeliver',
      summary: 'Deliver once more, under the same id',
      request: { params: params.extend({ deliveryId: idSchema }) },
      errors: ['CONFLICT'],
      responses: { 202: { description: 'The delivery, on its way', schema: dataOf(webhookDeliverySchema) } },
    },
    async ({ c, principal, params: { id, deliveryId } }) =>
      data(c, await service.redeliver(principal, id, deliveryId), 202),
  );
}
