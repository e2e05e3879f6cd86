import { RUNTIME_ACTIONS } from '@pegasus-workflows/contracts';
import { runtimeTokens } from '@pegasus-workflows/kit';
import { isPegasusApiError, PegasusClient } from 'pegasus-workflows-sdk/client';
import { createLocalPlatform } from 'pegasus-workflows-sdk/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { artifact } from '../server/artifacts.js';
import { forEachDialect, testServer, type TestServer } from '../server/support.js';

/**
 * What activities are tested against offline answers as the platform does: the same calls of the same client, in the
 * same state, once against a real server with a real execution's token and once against the local platform.
 */
const ORDER_SCHEMA = { type: 'object', required: ['orderId'], properties: { orderId: { type: 'string' } } };
const OPTED_OUT = '+491700000000';
const NUMBER = '+491701234567';

type Call = [name: string, make: (client: PegasusClient) => Promise<unknown>];

/** In this order, for later ones meet what earlier ones have changed. */
const CALLS: Call[] = [
  ['a secret', ({ secrets }) => secrets.get('API_KEY')],
  ['a secret of a group', ({ secrets }) => secrets.get('API_KEY', { group: 'crm' })],
  ['a missing secret', ({ secrets }) => secrets.get('NONE')],
  ['a key that is none', ({ secrets }) => secrets.get('not-a-key')],
  ['configuration', ({ configs }) => configs.get('CURRENCY')],
  ['missing configuration', ({ configs }) => configs.get('API_KEY')],
  ['emit', ({ events }) => events.emit('order.placed', { orderId: 'A' })],
  ['emit a built-in type', ({ events }) => events.emit('invoice.paid', { invoiceId: 7 })],
  ['emit once', ({ events }) => events.emit('order.placed', { orderId: 'B' }, { idempotencyKey: 'k' })],
  ['emit again', ({ events }) => events.emit('order.placed', { orderId: 'B' }, { idempotencyKey: 'k' })],
  ['emit what does not fit', ({ events }) => events.emit('order.placed', { orderId: 7 })],
  ['emit what does not fit a built-in type', ({ events }) => events.emit('invoice.paid', { invoiceId: {} })],
  ['emit an unknown type', ({ events }) => events.emit('order.lost', {})],
  ['put', ({ projections }) => projections.put('shop', 'order', 'A', { paid: true })],
  ['replace', ({ projections }) => projections.put('shop', 'order', 'given', { paid: true }, { ifVersion: 1 })],
  ['replace a version that is gone', ({ projections }) => projections.put('shop', 'order', 'given', 0, { ifVersion: 9 })],
  ['put what must be new', ({ projections }) => projections.put('shop', 'order', 'given', 0, { ifVersion: 0 })],
  ['put a name that is none', ({ projections }) => projections.put('shop', 'order', 'a b', 0)],
  ['put what is too large', ({ projections }) => projections.put('shop', 'order', 'A', 'x'.repeat(300_000))],
  ['put what a record cannot hold', ({ projections }) => projections.put('shop', 'order', 'L', 'x'.repeat(9_000))],
  ['get', ({ projections }) => projections.get('shop', 'order', 'given')],
  ['get what is not there', ({ projections }) => projections.get('shop', 'order', 'none')],
  ['list', ({ projections }) => projections.list('shop', 'order', { limit: 1 })],
  ['delete', ({ projections }) => projections.delete('shop', 'order', 'given')],
  ['delete what is not there', ({ projections }) => projections.delete('shop', 'order', 'none')],
  ['send', ({ sms }) => sms.send({ to: NUMBER, body: 'hello' })],
  ['send once', ({ sms }) => sms.send({ to: NUMBER, body: 'hello', dedupKey: 'd' })],
  ['send again', ({ sms }) => sms.send({ to: NUMBER, body: 'hello', dedupKey: 'd' })],
  ['send to who wants none', ({ sms }) => sms.send({ to: OPTED_OUT, body: 'hello' })],
  ['call an API with a body it cannot have', ({ externalCalls }) => externalCalls.call({ connection: 'shop', path: '/', body: 1 })],
  ['call an API with a header of the platform', ({ externalCalls }) => externalCalls.call({ connection: 'shop', path: '/', headers: { Host: 'a' } })],
  ['call an API with a query in its path', ({ externalCalls }) => externalCalls.call({ connection: 'shop', path: '/?a' })],
  ['call an unknown API', ({ externalCalls }) => externalCalls.call({ connection: 'none', path: '/' })],
  ['send to no number', ({ sms }) => sms.send({ to: '0170', body: '' })],
]; // prettier-ignore

/** What leaves the platform when it is no dry run. */
const CALLS_OUTSIDE: Call[] = [
  ['write to an API', ({ externalCalls }) => externalCalls.call({ connection: 'shop', method: 'POST', path: '/orders', body: { id: 1 }, idempotencyKey: 'k' })],
]; // prettier-ignore

/** What each call came to, whatever it was. */
async function outcomes(client: PegasusClient, calls = CALLS): Promise<Record<string, unknown>> {
  const results: [string, unknown][] = [];
  for (const [name, make] of calls) {
    const result = await make(client).catch((error: unknown) => {
      if (isPegasusApiError(error)) return { status: error.status, code: error.code, message: error.message };
      return String(error);
    });
    results.push([name, comparable(result)]);
  }
  return Object.fromEntries(results);
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const TIME = /^\d{4}-\d\d-\d\dT[\d:.]+Z$/;

/** Without what is another one each time: ids and times become their kind, and who changed what nobody. */
function comparable(value: unknown): unknown {
  if (typeof value === 'string') return UUID.test(value) ? '<id>' : TIME.test(value) ? '<time>' : value;
  if (Array.isArray(value)) return value.map(comparable);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([name]) => name !== 'updatedByUserId' && name !== 'at');
  return Object.fromEntries(entries.map(([name, part]) => [name, comparable(part)]));
}

forEachDialect('the local platform of tests', (open) => {
  let server: TestServer;
  beforeAll(async () => {
    server = await testServer(await open());
  });
  afterAll(() => server?.close());

  /** The state that both begin with, made as people make it, and a token of a run in this mode. */
  async function platformOf(tenant: TestServer['tenants']['a'], mode: 'live' | 'dry_run') {
    const fetch = (url: string, init: RequestInit) => Promise.resolve(server.app.request(url, init));
    const clientOf = (token: string) =>
      new PegasusClient({ baseUrl: 'http://pegasus.test', token, fetch, maxRetries: 0 });
    const admin = clientOf(tenant.key);
    await admin.secrets.set('API_KEY', 's1');
    await admin.secrets.set('API_KEY', 's2', { group: 'crm' });
    await admin.configs.set('CURRENCY', 'EUR');
    await admin.eventTypes.create({ name: 'order.placed', payloadSchema: ORDER_SCHEMA });
    await admin.connections.create({ name: 'shop', baseUrl: 'https://shop.example', auth: 'NONE' });
    await admin.sms.putProvider({ kind: 'LOG' });
    await admin.sms.optOut(OPTED_OUT);
    const published = await server.publish(tenant.key, artifact());
    const workflowId = published.body.data.id;
    const tokens = runtimeTokens(server.settings.runnerToken);
    const tokenOf = async (runMode: 'live' | 'dry_run') => {
      const { id: executionId } = await admin.workflows.run(workflowId, { mode: runMode });
      const claims = { executionId, tenantId: tenant.id, workflowId, actions: [...RUNTIME_ACTIONS] };
      return { executionId, token: await tokens.sign(claims, 300, server.services.clock()) };
    };
    const given = await tokenOf('live');
    await clientOf(given.token).projections.put('shop', 'order', 'given', { paid: false });
    const run = await tokenOf(mode);
    return { admin, workflowId, executionId: run.executionId, client: clientOf(run.token) };
  }

  const local = (dryRun: boolean) =>
    createLocalPlatform({
      secrets: [
        { key: 'API_KEY', value: 's1' },
        { key: 'API_KEY', group: 'crm', value: 's2' },
      ],
      configs: { CURRENCY: 'EUR' },
      eventTypes: [{ name: 'order.placed', payloadSchema: ORDER_SCHEMA }],
      projections: [{ integration: 'shop', entityType: 'order', key: 'given', state: { paid: false } }],
      sms: { optedOut: [OPTED_OUT] },
      connections: { shop: () => ({}) },
      dryRun,
    });

  it('in a dry run answers and records as the server does', async () => {
    const real = await platformOf(server.tenants.a, 'dry_run');
    const platform = local(true);
    const calls = [...CALLS, ...CALLS_OUTSIDE];
    expect(await outcomes(platform.client(), calls)).toEqual(await outcomes(real.client, calls));
    const recorded = await real.admin.executions.mutations(real.workflowId, real.executionId);
    expect(recorded.length).toBeGreaterThan(8);
    expect(comparable(platform.mutations)).toEqual(comparable(recorded));
  });

  it('in a live run answers as the server does', async () => {
    const real = await platformOf(server.tenants.b, 'live');
    const platform = local(false);
    expect(await outcomes(platform.client())).toEqual(await outcomes(real.client));
  });
});
