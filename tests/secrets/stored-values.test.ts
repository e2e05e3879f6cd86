import { ARTIFACT_PATHS } from '@pegasus-workflows/contracts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { schema } from '../../packages/server/src/index.js';
import { artifact } from '../server/artifacts.js';
import { type ZipEntry } from '../server/zip.js';
import { failure, forEachDialect, testServer, type TestServer } from '../server/support.js';

const BASE = '/api/v1/workflow-secrets-configs';
const VALUE = 'zz-the-plain-value-4711';

forEachDialect('secrets and configuration', (open) => {
  let server: TestServer;
  let key: string;
  beforeAll(async () => {
    server = await testServer(await open());
    key = server.tenants.a.key;
  });
  afterAll(() => server?.close());

  it('are write-once, listed without value, and stored sealed (StoredValues invariants 1, 2)', async () => {
    const body = { key: 'API_KEY', value: VALUE, description: 'of the bank' };
    const set = await server.call('POST', `${BASE}/secrets`, { key, body });
    expect(set).toMatchObject({ status: 201, body: { data: { group: 'global', isSecret: true } } });
    expect(JSON.stringify(set.body)).not.toContain(VALUE);
    const again = await server.call('POST', `${BASE}/secrets`, { key, body });
    expect(again).toEqual(failure(409, 'CONFLICT', /write-once; delete it/));
    const listed = await server.call('GET', `${BASE}/secrets`, { key });
    expect(listed.body.meta).toEqual({ count: 1 });
    expect(JSON.stringify(listed.body)).not.toContain(VALUE);
    const read = await server.call('GET', `${BASE}/runtime/secrets/API_KEY`, { key });
    expect([read.body, read.headers.get('cache-control')]).toEqual([{ data: { value: VALUE } }, 'no-store']);
    const rows = await server.services.db.system(async (tx) => [
      ...(await tx.select().from(schema.storedValues)),
      ...(await tx.select().from(schema.auditLog)),
    ]);
    expect(JSON.stringify(rows)).not.toContain(VALUE);
  });

  it('of one tenant do not exist for another', async () => {
    const other = { key: server.tenants.b.key };
    expect((await server.call('GET', `${BASE}/runtime/secrets/API_KEY`, other)).status).toBe(404);
    expect((await server.call('DELETE', `${BASE}/secrets/API_KEY`, other)).status).toBe(404);
    expect((await server.call('GET', `${BASE}/secrets`, other)).body.data).toEqual([]);
  });

  it('refuse unknown fields and bad keys', async () => {
    for (const body of [
      { key: 'A', value: '' },
      { key: '1A', value: 'x' },
      { key: 'A', value: 'x', more: 1 },
      { key: 'A', value: 'x'.repeat(65_537) },
    ])
      expect((await server.call('POST', `${BASE}/secrets`, { key, body })).status).toBe(400);
    const longest = { key: 'LONGEST', value: '\u0001'.repeat(65_536) };
    expect((await server.call('POST', `${BASE}/secrets`, { key, body: longest })).status).toBe(201);
  });

  it('PUT of a config creates, then replaces; POST creates only', async () => {
    const put = (value: string) =>
      server.call('PUT', `${BASE}/configs/URL`, { key, body: { value, group: 'crm' } });
    expect(await put('one')).toMatchObject({ status: 201, body: { data: { value: 'one', group: 'crm' } } });
    expect(await put('')).toMatchObject({ status: 200, body: { data: { value: '' } } });
    const post = { key: 'URL', value: 'x', group: 'crm' };
    expect((await server.call('POST', `${BASE}/configs`, { key, body: post })).status).toBe(409);
    const read = await server.call('GET', `${BASE}/runtime/configs/URL?group=crm`, { key });
    expect(read.body).toEqual({ data: { value: '' } });
    expect((await server.call('DELETE', `${BASE}/configs/URL?group=crm`, { key })).status).toBe(204);
    expect((await server.call('DELETE', `${BASE}/configs/URL?group=crm`, { key })).status).toBe(404);
  });

  describe('what a workflow needs', () => {
    it('is checked before a run, each missing value named, and shown in the summary', async () => {
      const toml = `
required_secrets = [{ key = "API_KEY" }, { key = "TOKEN", group = "crm", description = "of the CRM" }]
required_configs = [{ key = "REGION" }]
`;
      const declaring = (entries: ZipEntry[]) =>
        entries.map((entry) =>
          entry.name === ARTIFACT_PATHS.manifest ? { ...entry, data: entry.data + toml } : entry,
        );
      const requiredSecrets = [{ key: 'API_KEY' }, { key: 'TOKEN', group: 'crm', description: 'of the CRM' }];
      const requiredConfigs = [{ key: 'REGION' }];
      const made = artifact('needy', '1.0.0', declaring, { requiredSecrets, requiredConfigs });
      const published = await server.publish(key, made);
      const { id } = published.body.data;
      const run = (headers = {}) => server.call('POST', `/api/v1/workflows/${id}/run`, { key, headers });
      const refused = await run();
      expect(refused).toEqual(
        failure(400, 'REQUIREMENTS_MISSING', /secret crm\/TOKEN, config global\/REGION/),
      );
      expect(refused.body.problems).toEqual(['secret crm/TOKEN: of the CRM', 'config global/REGION']);
      expect((await server.snapshot()).executions).toEqual([]);
      const summary = await server.call('GET', '/api/v1/workflows/requirements-summary', { key });
      expect(summary.body.data).toMatchObject({ totalMissing: 2, workflows: [{ missingCount: 2 }] });
      const secret = { key: 'TOKEN', value: 'x', group: 'crm' };
      await server.call('POST', `${BASE}/secrets`, { key, body: secret });
      await server.call('PUT', `${BASE}/configs/REGION`, { key, body: { value: 'eu' } });
      const repeatable = { 'idempotency-key': 'once' };
      const first = await run(repeatable);
      expect(first.status).toBe(201);
      await server.call('DELETE', `${BASE}/configs/REGION`, { key });
      expect((await run(repeatable)).body.data.id).toBe(first.body.data.id);
      expect((await run()).status).toBe(400);
    });
  });

  it('master keys are counted for the platform tenant alone', async () => {
    const ask = (by: string) => server.call('GET', '/api/v1/master-keys', { key: by });
    expect((await ask(key)).status).toBe(403);
    expect((await ask(server.tenants.platform.key)).body.data).toEqual({
      currentKeyId: 'test',
      keys: [{ keyId: 'test', present: true, current: true, values: 3, removable: false }],
    });
  });
});
