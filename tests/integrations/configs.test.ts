import { eq } from 'drizzle-orm';
import { integrationConfigs, tenants } from '../../packages/server/src/infra/schema.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectGolden } from '../server/golden.js';
import { failure, forEachDialect, openAnyDialect, testServer, type TestServer } from '../server/support.js';
import { brokenConfig, order, shopConfig } from './shop.js';

const BASE = '/api/v1/integrations';

forEachDialect('integration configurations', (open) => {
  let server: TestServer;
  let a: string;
  let b: string;
  let platform: string;
  let made = 0;
  /** An integration that no other test has. */
  const fresh = () => `shop-${(made += 1)}`;

  beforeAll(async () => {
    server = await testServer(await open());
    const { a: first, b: second, platform: third } = server.tenants;
    [a, b, platform] = [first.key, second.key, third.key];
  });
  afterAll(() => server?.close());

  const publish = (id: string, body: object = shopConfig(), key = a, headers: Record<string, string> = {}) =>
    server.call('POST', `${BASE}/${id}/config`, { key, body, headers });
  const active = (id: string, key = a) => server.call('GET', `${BASE}/${id}/config`, { key });
  const versions = (id: string, key = a) => server.call('GET', `${BASE}/${id}/config/versions`, { key });
  const validate = (id: string, body: object, key = a) =>
    server.call('POST', `${BASE}/${id}/validate`, { key, body });
  const idsOf = async (id: string, given: object, key = a) =>
    (await validate(id, { order: order(given) }, key)).body.data.issues.map((issue: any) => issue.ruleId);
  const numbersOf = async (id: string, key = a) =>
    (await versions(id, key)).body.data.map(({ version, active: is }: any) => `${version}${is ? '*' : ''}`);

  it('are published, read back as they were, and listed', async () => {
    const id = fresh();
    const first = await publish(id, { ...shopConfig(), displayName: 'Shop' });
    expect(first).toMatchObject({
      status: 201,
      body: { data: { version: 1, active: true, visibility: 'TENANT' } },
    });
    await expectGolden('integration-version', first.body);
    const read = await active(id);
    expect([read.status, read.headers.get('etag')]).toEqual([200, '"1"']);
    expect(read.body.data).toMatchObject({ ...shopConfig(), displayName: 'Shop', version: 1 });
    expect(Object.keys(read.body.data.mapping)).toEqual(['number', 'status', 'total']);
    expect(Object.keys(read.body.data.rules[0])).toEqual(['id', 'description', 'field', 'message', 'when']);
    await publish(id, shopConfig(2_000));
    const listed = await versions(id);
    expect(await numbersOf(id)).toEqual(['2*', '1']);
    expect(Object.keys(listed.body.data[0])).not.toContain('mapping');
    const old = await server.call('GET', `${BASE}/${id}/config/versions/1`, { key: a });
    expect(old.body.data).toMatchObject({ version: 1, active: false, rules: shopConfig().rules });
    const all = await server.call('GET', `${BASE}/configs`, { key: a });
    expect(all.body.data.find((one: any) => one.integrationId === id)).toMatchObject({
      version: 2,
      overlaysGlobal: false,
    });
  });

  it('that the gate refuses leave the active one, also under two publishers at once (invariants 1 and 2)', async () => {
    const id = fresh();
    await publish(id);
    const refused = await publish(id, brokenConfig());
    expect(refused).toEqual(
      failure(
        422,
        'GATE_FAILED',
        'The gate refuses this configuration: 1 of 4 cases of the corpus failed. Nothing was published.',
      ),
    );
    expect(refused.body).toMatchObject({
      report: {
        ok: false,
        problems: [],
        corpus: {
          total: 4,
          passed: 3,
          failures: [
            {
              name: 'wrong',
              reason: 'behavioral',
              detail: 'expected and not there: "big"',
              change: [{ where: '/corpus/3/input/order/Total', from: '10', to: '1001' }],
            },
          ],
        },
      },
    });
    await expectGolden('error-gate', refused.body);
    expect(await numbersOf(id)).toEqual(['1*']);
    const other = server.call('POST', `${BASE}/${id}/config`, { key: a, body: shopConfig(5_000) });
    const [worse, better] = await Promise.all([publish(id, brokenConfig()), other]);
    const outcomes = [worse.status, better.status];
    // The gate of a tenant runs once at a time: whoever comes second is told to come again.
    expect([
      [422, 201],
      [422, 429],
      [429, 201],
    ]).toContainEqual(outcomes);
    expect(await numbersOf(id)).toEqual(better.status === 201 ? ['2*', '1'] : ['1*']);
  });

  it('are checked without being written, and the report says it all', async () => {
    const id = fresh();
    const check = (body: object) => server.call('POST', `${BASE}/${id}/config/validate`, { key: a, body });
    const good = await check(shopConfig());
    expect(good).toMatchObject({ status: 200, body: { data: { ok: true, problems: [] } } });
    await expectGolden('gate-report', (await check({ ...brokenConfig(), mapping: { number: 'No' } })).body);
    expect((await check({})).body.data.problems).toEqual([
      { stage: 'schema', where: '/mapping', problem: 'is required' },
      { stage: 'schema', where: '/rules', problem: 'is required' },
      { stage: 'schema', where: '/corpus', problem: 'is required' },
    ]);
    expect(await check({ ...shopConfig(), gate: 'off' })).toEqual(failure(400, 'VALIDATION_ERROR', /gate/));
    expect(await active(id)).toMatchObject({ status: 404 });
  });

  it('are replaced only over the version that the publisher names (invariant 3)', async () => {
    const id = fresh();
    expect(await publish(id, shopConfig(), a, { 'if-match': '"1"' })).toEqual(
      failure(412, 'PRECONDITION_FAILED', /there is none/),
    );
    expect(await publish(id, shopConfig(), a, { 'if-none-match': '*' })).toMatchObject({ status: 201 });
    expect(await publish(id, shopConfig(), a, { 'if-none-match': '*' })).toMatchObject({ status: 412 });
    expect(await publish(id, shopConfig(), a, { 'if-match': '"1"' })).toMatchObject({ status: 201 });
    expect(await publish(id, shopConfig(), a, { 'if-match': '"1"' })).toEqual(
      failure(412, 'PRECONDITION_FAILED', /it is at version 2/),
    );
    expect(await numbersOf(id)).toEqual(['2*', '1']);
  });

  it('go back to an old version as a new one', async () => {
    const id = fresh();
    await publish(id, shopConfig(1_000));
    await publish(id, shopConfig(2_000));
    const rolled = await server.call('POST', `${BASE}/${id}/config/rollback/1`, { key: a });
    expect(rolled).toMatchObject({ status: 201, body: { data: { version: 3, rolledBackFrom: 1 } } });
    expect((await active(id)).body.data).toMatchObject(shopConfig(1_000));
    const unknown = await server.call('POST', `${BASE}/${id}/config/rollback/9`, { key: a });
    expect(unknown).toEqual(failure(404, 'NOT_FOUND', /no version 9/));
    expect(await server.call('POST', `${BASE}/${id}/config/rollback/x`, { key: a })).toMatchObject({
      status: 400,
    });
  });

  it('pass the gate of today, also when they go back (invariant 1)', async () => {
    const id = fresh();
    await publish(id);
    // As an older release may have passed it: what this one refuses.
    await server.services.db.system((tx) =>
      tx.insert(integrationConfigs).values({
        tenantId: server.tenants.a.id,
        integrationId: id,
        version: 2,
        visibility: 'TENANT',
        parts: JSON.stringify({ mapping: { number: 'No' }, rules: [] }),
        corpus: '[]',
      }),
    );
    await publish(id);
    const rolled = await server.call('POST', `${BASE}/${id}/config/rollback/2`, { key: a });
    expect(rolled).toEqual(failure(422, 'GATE_FAILED', /\/mapping\/number gives no value/));
    expect(await numbersOf(id)).toEqual(['3*', '2', '1']);
  });

  it('of a tenant stand before a GLOBAL one, and give way to it when they are dropped', async () => {
    const id = fresh();
    expect(await publish(id, shopConfig(100), platform)).toMatchObject({
      status: 201,
      body: { data: { visibility: 'GLOBAL' } },
    });
    expect(await idsOf(id, { Total: '500' })).toEqual(['big']);
    const fork = (query = '') => server.call('POST', `${BASE}/${id}/config/fork${query}`, { key: a });
    expect(await fork()).toMatchObject({
      status: 201,
      body: { data: { visibility: 'TENANT', forkedFromVersion: 1 } },
    });
    expect(await fork()).toEqual(failure(409, 'CONFLICT', /force=true/));
    expect(await fork('?force=true')).toMatchObject({ status: 201, body: { data: { version: 2 } } });
    await publish(id, shopConfig(1_000));
    const summary = async (key: string) =>
      (await server.call('GET', `${BASE}/configs`, { key })).body.data.filter(
        (one: any) => one.integrationId === id,
      );
    expect(await summary(a)).toMatchObject([{ visibility: 'TENANT', version: 3, overlaysGlobal: true }]);
    expect(await summary(b)).toMatchObject([{ visibility: 'GLOBAL', version: 1, overlaysGlobal: false }]);
    expect([await idsOf(id, { Total: '500' }), await idsOf(id, { Total: '500' }, b)]).toEqual([[], ['big']]);

    const drop = (key: string, query = '') => server.call('DELETE', `${BASE}/${id}/config${query}`, { key });
    expect(await drop(platform)).toEqual(failure(409, 'DEPENDENTS_EXIST', /^1 tenant has a configuration/));
    expect(await drop(a)).toMatchObject({ status: 204 });
    expect(await drop(a)).toEqual(failure(404, 'NOT_FOUND', /no configuration/));
    expect(await idsOf(id, { Total: '500' })).toEqual(['big']);
    await publish(id, shopConfig(1_000));
    expect(await drop(platform, '?force=true')).toMatchObject({ status: 204 });
    expect(await numbersOf(id)).toEqual(['1*']);
    expect(await active(id, b)).toMatchObject({ status: 404 });
  });

  it('of a tenant keep the floor of the GLOBAL one (invariant 4)', async () => {
    const id = fresh();
    const floor = { fields: { number: { type: 'string', required: true } } };
    expect(await publish(id, { ...shopConfig(), floor }, platform)).toMatchObject({ status: 201 });
    const weaker = { ...shopConfig(), floor: { fields: { number: { required: false } } } };
    expect(await publish(id, weaker)).toEqual(
      failure(422, 'GATE_FAILED', /floor\/fields\/number\/required must be true/),
    );
    const { number: _left, ...mapping } = shopConfig().mapping;
    expect(await publish(id, { ...shopConfig(), mapping, inbound: undefined })).toEqual(
      failure(422, 'GATE_FAILED', /makes no field "number", which the floor requires/),
    );
    expect(await publish(id, shopConfig())).toMatchObject({ status: 201 });
    expect(await idsOf(id, { No: undefined })).toEqual(['floor.required']);
  });

  it('of one tenant do not exist for another', async () => {
    const id = fresh();
    await publish(id);
    const gone = failure(404, 'NOT_FOUND', `There is no configuration of ${id}.`);
    expect([await active(id, b), await versions(id, b)]).toEqual([gone, gone]);
    expect(await server.call('POST', `${BASE}/${id}/config/fork`, { key: b })).toMatchObject({ status: 404 });
    expect(await server.call('POST', `${BASE}/${id}/config/rollback/1`, { key: b })).toMatchObject({
      status: 404,
    });
    expect((await validate(id, { order: order({ Total: '5000' }) }, b)).body.data).toEqual({
      valid: true,
      issues: [],
      degraded: true,
    });
    const map = (way: string) =>
      server.call('POST', `${BASE}/${id}/map-${way}`, { key: b, body: { data: order() } });
    expect([await map('from-external'), await map('to-external')]).toEqual([gone, gone]);
  });

  it('say what they need, and what of it is not set', async () => {
    const id = fresh();
    const requiredSecrets = ['PARTNER_KEY', { group: 'shop', key: 'HMAC' }];
    await publish(id, { ...shopConfig(), requiredSecrets, requiredConfigs: ['PARTNER_URL'] });
    const body = { key: 'PARTNER_KEY', value: 'set' };
    await server.call('POST', '/api/v1/workflow-secrets-configs/secrets', { key: a, body });
    const read = async (key: string) =>
      (await server.call('GET', `${BASE}/requirements-summary`, { key })).body.data.integrations.find(
        (one: any) => one.integrationId === id,
      );
    expect(await read(a)).toEqual({
      integrationId: id,
      version: 1,
      visibility: 'TENANT',
      requirements: [
        { kind: 'SECRET', group: 'global', key: 'PARTNER_KEY', present: true },
        { kind: 'SECRET', group: 'shop', key: 'HMAC', present: false },
        { kind: 'CONFIG', group: 'global', key: 'PARTNER_URL', present: false },
      ],
      missingCount: 2,
    });
    expect(await read(b)).toBeUndefined();
    expect(await publish(id, { ...shopConfig(), requiredSecrets: [1] })).toEqual(
      failure(400, 'VALIDATION_ERROR', 'requiredSecrets.0: must be a key, or {"group", "key"}.'),
    );
  });

  it('count for what the tenant stores', async () => {
    const id = fresh();
    const { a: tenant } = server.tenants;
    const limit = (maxStorageBytes: number | null) =>
      server.services.db.system((tx) =>
        tx.update(tenants).set({ maxStorageBytes }).where(eq(tenants.id, tenant.id)),
      );
    await limit(1);
    try {
      expect(await publish(id)).toEqual(failure(429, 'STORAGE_QUOTA_EXCEEDED', /it may store 1/));
    } finally {
      await limit(null);
    }
    expect(await active(id)).toMatchObject({ status: 404 });
  });

  it('are in the audit log', async () => {
    const id = fresh();
    await publish(id);
    await server.call('DELETE', `${BASE}/${id}/config`, { key: a });
    const { body } = await server.call('GET', '/api/v1/audit?limit=50', { key: a });
    const own = body.data.filter((entry: any) => entry.object?.name === id);
    expect(own.map((entry: any) => [entry.operation, entry.action])).toEqual([
      ['DELETE', 'PublishIntegrationConfig'],
      ['INSERT', 'PublishIntegrationConfig'],
    ]);
  });

  describe('at run time', () => {
    it('check a record, take the one before from its projection, and map both ways', async () => {
      const id = fresh();
      await publish(id);
      const checked = await validate(id, { order: order({ Total: '5000' }) });
      expect(checked).toMatchObject({ status: 200, body: { data: { valid: false, degraded: false } } });
      await expectGolden('record-verdict', checked.body);
      expect(
        (await validate(id, { order: order(), prior: order({ State: 'S' }) })).body.data.issues,
      ).toMatchObject([{ ruleId: 'reopened', kind: 'behavioral', severity: 'error' }]);
      expect(await idsOf(id, {})).toEqual([]);
      const place = `/api/v1/integration-projections/runtime/${id}/order/A-1`;
      await server.call('PUT', place, { key: a, body: { state: order({ State: 'S' }) } });
      expect(await idsOf(id, {})).toEqual(['reopened']);
      expect((await validate(id, { order: order(), prior: null })).body.data.valid).toBe(true);

      const map = (way: string, data: unknown) =>
        server.call('POST', `${BASE}/${id}/map-${way}-external`, { key: a, body: { data } });
      const canonical = { number: 'A-1', status: 'open', total: 10 };
      expect((await map('from', order())).body.data).toEqual({
        canonical,
        valid: true,
        issues: [],
        degraded: false,
      });
      expect((await map('to', canonical)).body.data).toMatchObject({ external: order(), valid: true });
      expect((await map('from', 'no record')).body.data).toMatchObject({ canonical: {} });
      expect(await map('from', undefined)).toEqual(failure(400, 'VALIDATION_ERROR', 'data: is required.'));
    });

    it('follow a publish at once', async () => {
      const id = fresh();
      for (const most of [100, 1_000, 10, 2_000]) {
        await publish(id, shopConfig(most));
        expect(await idsOf(id, { Total: '500' }), `after ${most}`).toEqual(most < 500 ? ['big'] : []);
      }
    });

    it('let a record pass that they cannot check, and say so (invariant 3)', async () => {
      const id = fresh();
      await server.services.db.system((tx) =>
        tx.insert(integrationConfigs).values({
          tenantId: server.tenants.a.id,
          integrationId: id,
          version: 1,
          visibility: 'TENANT',
          parts: JSON.stringify({ mapping: 1, rules: 2 }),
          corpus: '[]',
        }),
      );
      expect((await validate(id, { order: order() })).body.data).toEqual({
        valid: true,
        issues: [],
        degraded: true,
      });
      expect(await server.text('/metrics')).toMatch(/pegasus_integration_records_unchecked_total [1-9]/);
      const map = await server.call('POST', `${BASE}/${id}/map-from-external`, {
        key: a,
        body: { data: order() },
      });
      expect(map).toMatchObject({ status: 500 });
    });
  });

  it('come with floors and a JSON Schema of the mapping', async () => {
    const floors = await server.call('GET', `${BASE}/floors`, { key: a });
    expect(floors.body.data.map(({ id }: any) => id)).toEqual(['order', 'invoice']);
    expect((await server.call('GET', `${BASE}/floors/order`, { key: a })).body.data).toEqual(
      floors.body.data[0],
    );
    expect(await server.call('GET', `${BASE}/floors/none`, { key: a })).toMatchObject({ status: 404 });
    const { body } = await server.call('GET', `${BASE}/mapping-schema`, { key: a });
    expect(body.data).toMatchObject({ $schema: expect.stringContaining('json-schema.org'), type: 'object' });
  });
});

it('are not published while that is switched off, and are still checked', async () => {
  const server = await testServer(await openAnyDialect(), undefined, {
    INTEGRATION_CONFIG_PUBLISH_ENABLED: 'false',
  });
  try {
    const { key } = server.tenants.a;
    const call = (path: string) =>
      server.call('POST', `${BASE}/shop/config${path}`, { key, body: shopConfig() });
    expect(await call('')).toEqual(failure(403, 'FEATURE_DISABLED', /switched off/));
    expect(await call('/validate')).toMatchObject({ status: 200, body: { data: { ok: true } } });
  } finally {
    await server.close();
  }
});
