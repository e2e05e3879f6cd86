import { randomUUID } from 'node:crypto';
import { temporalWorkflowId } from '@pegasus-workflows/contracts';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { routeTable, schema, type RouteEntry } from '../../packages/server/src/index.js';
import { artifact } from './artifacts.js';
import { forEachDialect, testServer, type TestServer } from './support.js';

/** Calls that name no object in their path: what tenant B gets where tenant A has something. */
const WITHOUT_ID: Record<string, number> = {
  'POST /api/v1/workflows/upload-url': 201,
  'POST /api/v1/workflows': 404,
  'GET /api/v1/workflows': 200,
  'GET /api/v1/workflows/requirements-summary': 200,
};
/** Calls that need no key: what they say to a caller who brings nothing. */
const PUBLIC: Record<string, number> = {
  'GET /health': 200,
  'GET /ready': 200,
  'GET /metrics': 200,
  'PUT /uploads/:workflowId': 403,
  'GET /downloads/:sha256/:filename': 403,
};
const RUNNER: Record<string, number> = {
  'GET /internal/v1/demand': 200,
  'GET /internal/v1/artifacts/:tenantId/:sha256': 404,
};

forEachDialect('tenant matrix', (open) => {
  let server: TestServer;
  let ids: Record<string, string>;
  let finalizeBody: object;
  const labelOf = ({ method, path }: RouteEntry) => `${method} ${path}`;
  const routes = () => routeTable(server.app);
  const keyed = () => routes().filter(({ action }) => action !== 'public' && action !== 'runner');

  beforeAll(async () => {
    server = await testServer(await open());
    const { a, b } = server.tenants;
    const { id: workflowId, artifactSha256 } = (await server.publish(a.key, artifact())).body.data;
    const pending = artifact('demo', '1.1.0');
    const reserved = (await server.reserve(a.key, pending)).body.data;
    await server.put(reserved.uploadUrl, pending.zip);
    finalizeBody = { workflowId: reserved.workflowId, manifest: pending.manifest };
    const eid = randomUUID();
    await server.services.db.tenant(a.id, (tx) =>
      tx.insert(schema.executions).values({
        id: eid,
        tenantId: a.id,
        workflowId,
        status: 'COMPLETED',
        temporalWorkflowId: temporalWorkflowId(a.id, 'demo', eid),
        triggerSource: 'USER',
        finishedAt: new Date(),
      }),
    );
    ids = {
      id: workflowId,
      eid,
      tenantId: b.id,
      sha256: artifactSha256,
      workflowId,
      filename: 'demo-1.0.0.zip',
    };
  });
  afterAll(() => server?.close());

  /** The status of every route, with the ids of tenant A filled in. */
  async function statuses(entries: readonly RouteEntry[], key: string | undefined, headers = {}) {
    const found: Record<string, number> = {};
    for (const entry of entries) {
      const path = entry.path.replace(/:(\w+)/g, (_all, name: string) => ids[name] ?? 'unknown');
      const body = bodyOf(entry);
      const reply = await server.call(entry.method, path, { key, headers, ...(body ? { body } : {}) });
      found[labelOf(entry)] = reply.status;
      if (reply.status >= 400 && labelOf(entry) !== 'GET /ready') {
        expect(reply.body, labelOf(entry)).toMatchObject({
          error: expect.any(String),
          code: expect.any(String),
        });
        expect(JSON.stringify(reply.body)).not.toContain(server.tenants.a.id);
      }
    }
    return found;
  }
  const bodyOf = (entry: RouteEntry): object | undefined => {
    if (labelOf(entry) === 'POST /api/v1/workflows') return finalizeBody;
    if (labelOf(entry).endsWith('/upload-url')) return { name: 'b', version: '1.0.0', sizeBytes: 1 };
    if (/\/(signal|query|update)$/.test(entry.path)) return { name: 'anything' };
    if (entry.path.endsWith('/reset')) return { to: 'last-workflow-task' };
    return entry.hasBody ? {} : undefined;
  };
  const all = (entries: readonly RouteEntry[], status: number) =>
    Object.fromEntries(entries.map((entry) => [labelOf(entry), status]));

  it('answers 401 to no key, to nonsense, to an unknown key and to the runner token', async () => {
    const before = await server.snapshot();
    const wrong = [undefined, 'x', `vnd_${'0'.repeat(40)}`, server.settings.runnerToken];
    for (const key of wrong) expect(await statuses(keyed(), key)).toEqual(all(keyed(), 401));
    expect(await statuses(keyed(), undefined, { authorization: 'Basic Zm9v' })).toEqual(all(keyed(), 401));
    expect(await server.snapshot()).toEqual(before);
  });

  it('answers 403 to a key that lacks the action', async () => {
    const before = await server.snapshot();
    const { key } = await server.keyOf(['integration_publisher']);
    expect(await statuses(keyed(), key)).toEqual(all(keyed(), 403));
    expect(await server.snapshot()).toEqual(before);
  });

  it("answers 404 to another tenant's ids, and changes nothing", async () => {
    const before = await server.snapshot();
    const expected = Object.fromEntries(
      keyed().map((entry) => [labelOf(entry), entry.path.includes(':') ? 404 : WITHOUT_ID[labelOf(entry)]]),
    );
    expect(await statuses(keyed(), server.tenants.b.key)).toEqual(expected);
    const after = await server.snapshot();
    // upload-url reserved a name in tenant B, and that is all.
    const others = after.uploads.filter(({ tenantId }) => tenantId !== server.tenants.b.id);
    expect({ ...after, uploads: others }).toEqual(before);
    const listed = await server.call('GET', '/api/v1/workflows', { key: server.tenants.b.key });
    expect(listed.body).toEqual({ data: [], meta: { count: 0 } });
  });

  it('keeps the runner’s API to the runner, and one tenant’s artifact from another’s worker', async () => {
    const runner = routes().filter(({ action }) => action === 'runner');
    for (const key of [undefined, server.tenants.a.key, 'x'])
      expect(await statuses(runner, key)).toEqual(all(runner, 401));
    expect(await statuses(runner, server.settings.runnerToken)).toEqual(RUNNER);
  });

  it('lists every call that needs no key', async () => {
    const open = routes().filter(({ action }) => action === 'public');
    expect(await statuses(open, undefined)).toEqual(PUBLIC);
  });
});
