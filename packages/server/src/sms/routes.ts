import {
  dataOf,
  listOf,
  phoneNumberSchema,
  putSmsOptOutRequestSchema,
  putSmsProviderRequestSchema,
  sendSmsRequestSchema,
  smsMessageSchema,
  smsMessagesQuerySchema,
  smsOptOutSchema,
  smsOptOutsQuerySchema,
  smsProviderSchema,
  smsSentSchema,
} from '@pegasus-workflows/contracts';
import { type OpenAPIHono } from '@hono/zod-openapi';
import { Counter } from 'prom-client';
import { z } from 'zod';
import { type Capability } from '../infra/capability.js';
import { type AppEnv, type Services } from '../infra/context.js';
import { addRoute, data, list } from '../infra/http.js';
import { periodic } from '../infra/periodic.js';
import { LogProvider } from './log-provider.js';
import { SmsOptOuts } from './opt-outs.js';
import { SmsProviders } from './providers.js';
import { SmsService } from './service.js';

const BASE = '/api/v1/sms';
const PROVIDER = `${BASE}/provider`;
const OPT_OUTS = `${BASE}/opt-outs`;
const action = 'ManageSmsProvider';
const oneNumber = z.object({ number: phoneNumberSchema });
const shownProvider = { description: 'The provider, without its token', schema: dataOf(smsProviderSchema) };
const shownOptOut = { description: 'The number', schema: dataOf(smsOptOutSchema) };

/** How often is looked for messages that a server has left. */
const LOOK_EVERY_MS = 15_000;

/** Text messages: sending, who sends them, and who wants none. */
export function createSms(services: Services): Capability {
  const logger = services.logger.child({ area: 'sms' });
  const log = new LogProvider(logger);
  const providers = new SmsProviders(services, log);
  const messages = new Counter({
    name: 'pegasus_sms_messages_total',
    help: 'Messages that a provider was asked to send, by what became of them.',
    labelNames: ['provider', 'result'] as const,
    registers: [services.metrics],
  });
  const service = new SmsService({ services: { ...services, logger }, providers, log, messages });
  return {
    mount: (app) => {
      mountSending(app, service);
      mountProvider(app, providers);
      mountOptOuts(app, new SmsOptOuts(services));
    },
    start: () => periodic('messages left behind', LOOK_EVERY_MS, () => service.giveUpLeft(), logger),
  };
}

function mountSending(app: OpenAPIHono<AppEnv>, service: SmsService): void {
  addRoute(
    app,
    {
      method: 'post',
      path: `${BASE}/send`,
      action: 'SendSms',
      summary: 'Send a text message; with a `dedupKey`, once however often it is asked for',
      errors: [
        'NOT_FOUND',
        'IDEMPOTENCY_KEY_REUSED',
        'SMS_OPTED_OUT',
        'RATE_LIMITED',
        'EXTERNAL_ADDRESS_REFUSED',
        'UPSTREAM_ERROR',
      ],
      request: { body: sendSmsRequestSchema },
      dryRun: {
        method: 'sms.send',
        wouldReturn: async ({ principal, body }) => {
          const { isNew, sent } = await service.wouldSend(principal, body);
          return { status: isNew ? 202 : 200, data: sent };
        },
      },
      responses: {
        200: { description: 'The same message was asked for before', schema: dataOf(smsSentSchema) },
        202: { description: 'The provider has taken it over', schema: dataOf(smsSentSchema) },
      },
    },
    async ({ c, principal, body }) => {
      const { isNew, sent } = await service.send(principal, body);
      return data(c, sent, isNew ? 202 : 200);
    },
  );
  addRoute(
    app,
    {
      method: 'get',
      path: `${BASE}/messages`,
      action,
      summary: 'Messages that were asked for, newest first, and what became of them',
      request: { query: smsMessagesQuerySchema },
      responses: { 200: { description: 'One page', schema: listOf(smsMessageSchema) } },
    },
    async ({ c, principal, query }) => list(c, await service.list(principal, query)),
  );
}

function mountProvider(app: OpenAPIHono<AppEnv>, providers: SmsProviders): void {
  addRoute(
    app,
    {
      method: 'get',
      path: PROVIDER,
      action,
      summary: "Who sends the tenant's messages",
      errors: ['NOT_FOUND'],
      responses: { 200: shownProvider },
    },
    async ({ c, principal }) => data(c, await providers.get(principal)),
  );
  addRoute(
    app,
    {
      method: 'put',
      path: PROVIDER,
      action,
      summary: 'Set up or replace the provider',
      request: { body: putSmsProviderRequestSchema },
      responses: {
        200: { ...shownProvider, description: 'It replaced one' },
        201: { ...shownProvider, description: 'There was none' },
      },
    },
    async ({ c, principal, body }) => {
      const { provider, isNew } = await providers.put(principal, body);
      return data(c, provider, isNew ? 201 : 200);
    },
  );
  addRoute(
    app,
    {
      method: 'delete',
      path: PROVIDER,
      action,
      summary: 'Remove the provider and its token',
      errors: ['NOT_FOUND'],
      responses: { 204: { description: 'It is gone' } },
    },
    async ({ c, principal }) => {
      await providers.remove(principal);
      return c.body(null, 204);
    },
  );
}

function mountOptOuts(app: OpenAPIHono<AppEnv>, optOuts: SmsOptOuts): void {
  addRoute(
    app,
    {
      method: 'get',
      path: OPT_OUTS,
      action,
      summary: 'Numbers that want no messages of the tenant, by number',
      request: { query: smsOptOutsQuerySchema },
      responses: { 200: { description: 'One page', schema: listOf(smsOptOutSchema) } },
    },
    async ({ c, principal, query }) => list(c, await optOuts.list(principal, query)),
  );
  addRoute(
    app,
    {
      method: 'get',
      path: `${OPT_OUTS}/:number`,
      action,
      summary: 'Whether a number has opted out',
      request: { params: oneNumber },
      responses: { 200: shownOptOut },
    },
    async ({ c, principal, params }) => data(c, await optOuts.get(principal, params.number)),
  );
  addRoute(
    app,
    {
      method: 'put',
      path: `${OPT_OUTS}/:number`,
      action,
      summary: 'Send no more messages to a number',
      request: { params: oneNumber, body: putSmsOptOutRequestSchema, emptyBody: {} },
      responses: {
        200: { ...shownOptOut, description: 'It had opted out already' },
        201: { ...shownOptOut, description: 'It is new' },
      },
    },
    async ({ c, principal, params, body }) => {
      const { optOut, isNew } = await optOuts.put(principal, params.number, body);
      return data(c, optOut, isNew ? 201 : 200);
    },
  );
  addRoute(
    app,
    {
      method: 'delete',
      path: `${OPT_OUTS}/:number`,
      action,
      summary: 'Let a number have messages again',
      request: { params: oneNumber },
      responses: { 204: { description: 'It has not opted out any more' } },
    },
    async ({ c, principal, params }) => {
      await optOuts.remove(principal, params.number);
      return c.body(null, 204);
    },
  );
}
