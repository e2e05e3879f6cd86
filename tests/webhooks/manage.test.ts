import { randomUUID } from 'node:crypto';
import { type WebhookWithSecret } from '@pegasus-workflows/contracts';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { schema } from '../../packages/server/src/index.js';
import { expectGolden } from '../server/golden.js';
import { failure, forEachDialect, testServer, type TestServer } from '../server/support.js';

const REQUEST = { url: 'https://192.0.43.8/hooks?team=4711', statuses: ['FAILED'] };

forEachDialect('managing webhooks', (open) => {
  let server: TestServer;
  beforeAll(async () => {
    server = await testServer(await open());
  });
  afterAll(() => server?.close());

  const as = (tenant: 'a' | 'b') => (method: string, path: string, body?: unknown) =>
    server.call(method, `/api/v1/webhooks${path}`, { key: server.tenants[tenant].key, body });
  const asA = as('a');
  const asB = as('b');

  it('creates, shows, lists, changes, rotates and deletes; the secret shows once (service invariant 1)', async () => {
    const created = await asA('POST', '', { ...REQUEST, description: 'on call' });
    expect(created.status).toBe(201);
    expect(created.headers.get('cache-control')).toBe('no-store');
    const { secret, ...shown } = created.body.data as WebhookWithSecret;
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    await expectGolden('webhook', { data: shown });
    expect((await asA('GET', `/${shown.id}`)).body.data).toEqual(shown);
    expect((await asA('GET', '')).body).toEqual({ data: [shown], meta: { count: 1 } });
    expect((await asB('GET', '')).body).toEqual({ data: [], meta: { count: 0 } });
    const changed = await asA('PATCH', `/${shown.id}`, { statuses: ['COMPLETED'], description: null });
    expect(changed.body.data).toMatchObject({ statuses: ['COMPLETED'], description: null, url: REQUEST.url });
    const rotated = (await asA('POST', `/${shown.id}/rotate-secret`)).body.data.secret as string;
    const stored = await server.services.db.system(async (tx) => [
      await tx.select().from(schema.webhooks),
      await tx.select().from(schema.auditLog),
    ]);
    for (const value of [secret, rotated]) expect(JSON.stringify(stored)).not.toContain(value);
    expect((await asA('DELETE', `/${shown.id}`)).status).toBe(204);
    expect(await asA('DELETE', `/${shown.id}`)).toEqual(
      failure(404, 'NOT_FOUND', 'There is no such webhook.'),
    );
  });

  it("knows nothing of another tenant's", async () => {
    const { id } = (await asA('POST', '', REQUEST)).body.data;
    for (const [method, path, body] of [
      ['GET', `/${id}`],
      ['PATCH', `/${id}`, { enabled: false }],
      ['DELETE', `/${id}`],
      ['POST', `/${id}/rotate-secret`],
      ['POST', `/${id}/test`],
      ['GET', `/${id}/deliveries`],
      ['POST', `/${id}/deliveries/${randomUUID()}/redeliver`],
    ] as const)
      expect(await asB(method, path, body), `${method} ${path}`).toEqual(
        failure(404, 'NOT_FOUND', 'There is no such webhook.'),
      );
    expect((await asA('GET', `/${id}`)).body.data.enabled).toBe(true);
    expect(await asA('POST', `/${id}/deliveries/${randomUUID()}/redeliver`)).toEqual(
      failure(404, 'NOT_FOUND', 'This webhook has no such delivery.'),
    );
    expect((await asA('DELETE', `/${id}`)).status).toBe(204);
  });

  it.each([
    ['http://127.0.0.1:8080/', 422, /refused/],
    ['https://localhost/', 422, /refused/],
    ['https://169.254.169.254/latest/meta-data', 422, /refused/],
    ['https://[::ffff:10.0.0.1]/', 422, /refused/],
    ['https://0x7f.1/', 422, /refused/],
    ['http://192.0.43.8/', 422, /plain http/],
    ['ftp://192.0.43.8/', 400, /url: must be an https URL/],
    ['https://user:password@192.0.43.8/', 400, /url: must have no user name/],
    ['https://192.0.43.8/#part', 400, /no fragment/],
  ])('refuses %s', async (url, status, sentence) => {
    const reply = await asA('POST', '', { ...REQUEST, url });
    expect(reply).toMatchObject({ status, body: { error: expect.stringMatching(sentence) } });
    expect((await asA('GET', '')).body.data).toEqual([]);
  });

  it.each([
    [{ ...REQUEST, statuses: [] }, /statuses: must name at least one/],
    [{ ...REQUEST, statuses: ['RUNNING'] }, /statuses\.0/],
    [{ ...REQUEST, statuses: ['FAILED', 'FAILED'] }, /each status once/],
    [{ statuses: ['FAILED'] }, /url/],
    [{ ...REQUEST, secret: 'mine' }, /unknown field "secret"/],
  ])('refuses what it cannot mean: %j', async (body, sentence) => {
    expect(await asA('POST', '', body)).toEqual(failure(400, 'VALIDATION_ERROR', sentence));
  });

  it('has at most fifty of a tenant (service invariant 3)', async () => {
    for (let i = 0; i < 50; i++) expect((await asA('POST', '', REQUEST)).status).toBe(201);
    expect(await asA('POST', '', REQUEST)).toEqual(failure(409, 'CONFLICT', /50 webhooks/));
  });
});
