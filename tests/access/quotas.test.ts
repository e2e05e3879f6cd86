import { type QuotaUse } from '@pegasus-workflows/contracts';
import { eq } from 'drizzle-orm';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { schema } from '../../packages/server/src/index.js';
import { artifact } from '../server/artifacts.js';
import { expectGolden } from '../server/golden.js';
import { failure, forEachDialect, testServer, type TestServer } from '../server/support.js';

const SECRETS = '/api/v1/workflow-secrets-configs';

forEachDialect('quotas', (open) => {
  let server: TestServer;
  beforeAll(async () => {
    server = await testServer(await open());
  });
  afterAll(() => server?.close());
  afterEach(() => limitTo(null));

  const limitTo = async (maxStorageBytes: number | null): Promise<void> => {
    const { a, platform } = server.tenants;
    const body = { quotas: { maxStorageBytes } };
    const reply = await server.call('PATCH', `/api/v1/tenants/${a.id}`, { key: platform.key, body });
    expect(reply).toMatchObject({ status: 200, body: { data: { quotas: { maxStorageBytes } } } });
  };
  const use = async (): Promise<QuotaUse> => {
    const reply = await server.call<QuotaUse>('GET', '/api/v1/quotas', { key: server.tenants.a.key });
    expect(reply).toMatchObject({ status: 200 });
    return reply.body.data;
  };
  const stored = async () => (await use()).storageBytes;
  const put = (path: string, body: object, method = 'POST') =>
    server.call(method, path, { key: server.tenants.a.key, body });
  const over = failure(429, 'STORAGE_QUOTA_EXCEEDED', /would store \d+ bytes; it may store \d+/);

  it('are told with what is used of each', async () => {
    const { a } = server.tenants;
    const fresh = await server.call('GET', '/api/v1/quotas', { key: server.tenants.b.key });
    await expectGolden('quota-use', fresh.body);
    const made = artifact('told');
    await server.publish(a.key, made);
    await put(`${SECRETS}/configs`, { key: 'told', value: 'seven c' });
    await server.services.db.tenant(a.id, (tx) =>
      tx.insert(schema.integrationProjections).values({
        tenantId: a.id,
        integrationId: 'shop',
        entityType: 'order',
        entityKey: '1',
        state: 'x'.repeat(98),
      }),
    );
    const reserved = (await server.reserve(a.key, artifact('reserved'))).body.data;
    const found = await stored();
    expect(found).toMatchObject({
      artifacts: made.zip.length,
      storedValues: 7,
      projections: 100,
      integrations: 0,
    });
    expect(found.uploads).toBe(artifact('reserved').zip.length);
    expect(found.used).toBe(found.artifacts + found.uploads + found.storedValues + found.projections);
    await server.services.db.tenant(a.id, (tx) =>
      tx.delete(schema.workflowUploads).where(eq(schema.workflowUploads.workflowId, reserved.workflowId)),
    );
    expect((await stored()).uploads).toBe(0);
  });

  it('of storage refuse a reservation that would be over, and keep nothing of it', async () => {
    const made = artifact('refused');
    const { used } = await stored();
    await limitTo(used + made.zip.length - 1);
    expect(await server.reserve(server.tenants.a.key, made)).toEqual(over);
    expect((await stored()).used).toBe(used);
    await limitTo(used + made.zip.length);
    expect((await server.publish(server.tenants.a.key, made)).status).toBe(201);
    expect((await stored()).used).toBe(used + made.zip.length);
  });

  it('of storage let one of several reservations at once in, when one fits (invariant 1)', async () => {
    const names = ['first', 'other', 'third', 'forth'].map((name) => artifact(name));
    const { used } = await stored();
    const size = Math.max(...names.map(({ zip }) => zip.length));
    await limitTo(used + size);
    const replies = await Promise.all(names.map((made) => server.reserve(server.tenants.a.key, made)));
    expect(replies.map(({ status }) => status).sort()).toEqual([201, 429, 429, 429]);
    expect((await stored()).used).toBeLessThanOrEqual(used + size);
  });

  it('of storage, when lowered after the reservation, refuse the finalize and keep no bytes', async () => {
    const { key } = server.tenants.a;
    const made = artifact('lowered');
    const { workflowId, uploadUrl } = (await server.reserve(key, made)).body.data;
    await server.put(uploadUrl, made.zip);
    const { stored: before } = await server.snapshot();
    await limitTo(1);
    expect(await server.finalize(key, workflowId, made.manifest)).toEqual(over);
    expect((await server.snapshot()).stored).toEqual(before);
    // The upload is as it was: with a larger quota it can be finalized.
    await limitTo(null);
    expect((await server.finalize(key, workflowId, made.manifest)).status).toBe(201);
  });

  it('of storage refuse a projection, new or larger, and keep the one that is there', async () => {
    const at = '/api/v1/integration-projections/runtime/shop/parcel/7';
    expect((await put(at, { state: 'small' }, 'PUT')).status).toBe(201);
    const { used } = await stored();
    await limitTo(used + 10);
    expect(await put(at, { state: 'l'.repeat(30) }, 'PUT')).toEqual(over);
    expect(await put(at.replace('7', '8'), { state: 'l'.repeat(30) }, 'PUT')).toEqual(over);
    expect((await stored()).used).toBe(used);
    expect((await put(at, { state: 'smaller' }, 'PUT')).status).toBe(200);
  });

  it('of storage refuse a secret, a configuration value and a fork', async () => {
    const { a, platform } = server.tenants;
    const global = (await server.publish(platform.key, artifact('global'))).body.data;
    await put(`${SECRETS}/configs/replaced`, { value: 'short' }, 'PUT');
    const { used } = await stored();
    await limitTo(used + 10);
    const value = 'v'.repeat(11);
    expect(await put(`${SECRETS}/secrets`, { key: 'big', value })).toEqual(over);
    expect(await put(`${SECRETS}/configs`, { key: 'big', value })).toEqual(over);
    expect(await put(`${SECRETS}/configs/replaced`, { value: value + value }, 'PUT')).toEqual(over);
    expect(await put(`/api/v1/workflows/${global.id}/fork`, {})).toEqual(over);
    expect((await stored()).used).toBe(used);
    expect((await put(`${SECRETS}/configs`, { key: 'small', value: '1234567890' })).status).toBe(201);
    const gone = await server.call('DELETE', `${SECRETS}/configs/small`, { key: a.key });
    expect([gone.status, (await stored()).used]).toEqual([204, used]);
  });

  it('of storage count an artifact once, however many versions have it (invariant 3)', async () => {
    const { platform } = server.tenants;
    const made = artifact('shared');
    const global = (await server.publish(platform.key, made)).body.data;
    const { artifacts } = await stored();
    expect((await put(`/api/v1/workflows/${global.id}/fork`, {})).status).toBe(201);
    expect((await stored()).artifacts).toBe(artifacts + made.zip.length);
    const other = await server.call('GET', '/api/v1/quotas', { key: server.tenants.b.key });
    expect(other.body.data.storageBytes.used).toBe(0);
  });
});
