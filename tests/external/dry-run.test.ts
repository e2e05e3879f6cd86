import { randomUUID } from 'node:crypto';
import { type Action, type RecordedMutation } from '@pegasus-workflows/contracts';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { schema } from '../../packages/server/src/index.js';
import { parseEgressExceptions } from '@pegasus-workflows/kit/egress';
import { runtimeServer, type RuntimeServer } from '../runtime/support.js';
import { failure, openAnyDialect, testServer, type TestServer } from '../server/support.js';
import { ApiServer, json } from './api-server.js';

/** What reaches beyond the platform, called by a run with its token: live, and by a dry run. */

const SECONDS = 1_000;
let server: TestServer;
let runtime: RuntimeServer;
let api: ApiServer;

beforeAll(async () => {
  server = await testServer(await openAnyDialect());
  runtime = await runtimeServer(server);
  api = await ApiServer.start();
  server.settings.egress = { exceptions: parseEgressExceptions('127.0.0.1'), plainHttp: false };
  server.settings.sms = { defaultProvider: 'LOG', perMinute: 100, perRecipientPerHour: 100 };
  const made = await server.call('POST', '/api/v1/external-connections', {
    key: server.tenants.a.key,
    body: { name: 'crm', baseUrl: api.url, auth: 'NONE' },
  });
  expect(made.status).toBe(201);
}, 120 * SECONDS);
afterAll(async () => {
  await api?.[Symbol.asyncDispose]();
  await server?.close();
});

const ACTIONS: Action[] = ['SendSms', 'CallExternal'];
const callAs = (token: string) => (path: string, body: object) =>
  server.call('POST', `/api/v1${path}`, { key: token, body });
const messages = () => server.services.db.system((tx) => tx.select().from(schema.smsMessages));

it('a dry run reads from outside, and changes and sends nothing', async () => {
  const eid = await runtime.start('dry_run');
  const call = callAs(await runtime.sign(eid, ACTIONS));
  api.on('/things', () => json(200, { things: 3 }));
  expect(await call('/external-calls', { connection: 'crm', path: '/things' })).toMatchObject({
    status: 200,
    body: { data: { status: 200, body: { things: 3 }, attempts: 1 } },
  });
  const before = api.seen.length;
  const post = { method: 'POST', path: '/things', body: { a: 1 } };
  const notMade = { status: 202, headers: {}, body: null, bodyEncoding: 'none', attempts: 0, durationMs: 0 };
  const first = await call('/external-calls', { connection: 'crm', ...post });
  expect(first).toMatchObject({ status: 200, body: { data: notMade } });
  expect(await call('/integrations/crm/call-external', post)).toMatchObject({ body: { data: notMade } });
  expect(await call('/external-calls', { connection: 'erp', ...post })).toEqual(
    failure(404, 'NOT_FOUND', /no such connection/),
  );
  expect(await call('/external-calls', { connection: 'crm', ...post, path: '/../x' })).toMatchObject({
    status: 400,
  });
  expect(api.seen).toHaveLength(before);

  const sms = { to: '+4915112345678', body: 'Hello', dedupKey: randomUUID() };
  expect(await call('/sms/send', sms)).toMatchObject({ status: 202, body: { data: { status: 'SENT' } } });
  expect(await messages()).toEqual([]);

  const recorded = await server.call<RecordedMutation[]>(
    'GET',
    `/api/v1/workflows/${runtime.workflowId}/executions/${eid}/mutations`,
    { key: server.tenants.a.key },
  );
  expect(recorded.body.data.map(({ method, args }) => [method, args['path'] ?? args['to']])).toEqual([
    ['externalCalls.call', '/things'],
    ['externalCalls.call', '/things'],
    ['sms.send', sms.to],
  ]);
}, 120 * SECONDS); // prettier-ignore

it('a live run sends as itself, and only what its workflow declares', async () => {
  const eid = await runtime.start();
  const call = callAs(await runtime.sign(eid, ['SendSms']));
  const { id } = (await call('/sms/send', { to: '+4915112345679', body: 'Hello' })).body.data;
  expect(await messages()).toEqual([expect.objectContaining({ id, executionId: eid, status: 'SENT' })]);
  expect(await call('/external-calls', { connection: 'crm', path: '/' })).toMatchObject({ status: 403 });
}, 120 * SECONDS); // prettier-ignore
