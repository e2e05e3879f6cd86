import { createHash, randomUUID } from 'node:crypto';
import { demandSchema, type Demand } from '@pegasus-workflows/contracts';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createApp, createExecutionEngine } from '../../packages/server/src/index.js';
import { artifact } from '../server/artifacts.js';
import { failure, forEachDialect, testServer, type CallOptions, type TestServer } from '../server/support.js';

/** What the runner asks of the server, over HTTP. Nothing polls the task queues: every run stays open. */

const DEMAND = '/internal/v1/demand';
const WAIT_SECONDS = 55;
/** Well under {@link WAIT_SECONDS}: an answer that came without waiting. */
const AT_ONCE_MS = 20_000;

forEachDialect("the runner's API", (open) => {
  let server: TestServer;
  beforeAll(async () => {
    server = await testServer(await open());
  });
  afterAll(() => server?.close());

  const asRunner = <T>(path: string, options: CallOptions = {}) =>
    server.call<T>('GET', path, { key: server.settings.runnerToken, ...options });
  async function demand(query = ''): Promise<Demand> {
    const { status, body } = await asRunner(`${DEMAND}${query}`);
    expect({ status, body }).toMatchObject({ status: 200 });
    return demandSchema.parse(body);
  }
  const waitingAt = (cursor: string) => `?cursor=${cursor}&waitSeconds=${WAIT_SECONDS}`;
  const artifactPath = (tenantId: string, sha256: string) => `/internal/v1/artifacts/${tenantId}/${sha256}`;
  let versions = 0;
  async function publish(key = server.tenants.a.key) {
    const made = artifact('internal', `1.${++versions}.0`);
    const { status, body } = await server.publish(key, made);
    expect({ status, body }).toMatchObject({ status: 201 });
    return { ...body.data, zip: made.zip };
  }
  async function run(workflowId: string) {
    const path = `/api/v1/workflows/${workflowId}/run`;
    const reply = await server.call('POST', path, { key: server.tenants.a.key });
    expect(reply).toMatchObject({ status: 201 });
  }

  it.each([
    ['no token', () => undefined],
    ['an empty one', () => 'Bearer '],
    ['a wrong one', () => `Bearer ${'0'.repeat(64)}`],
    ['all of it but the last character', () => `Bearer ${server.settings.runnerToken.slice(0, -1)}`],
    ['the token and more', () => `Bearer ${server.settings.runnerToken}x`],
    ['the token by another scheme', () => `Basic ${server.settings.runnerToken}`],
    ['an API key with every role', () => `Bearer ${server.tenants.platform.key}`],
  ])('answers 401 to %s, whatever is asked', async (_what, header) => {
    const { artifactSha256 } = await publish();
    const authorization = header();
    const headers: Record<string, string> = authorization === undefined ? {} : { authorization };
    for (const path of [DEMAND, artifactPath(server.tenants.a.id, artifactSha256), '/internal/v1/nothing']) {
      const reply = await server.call('GET', path, { headers });
      expect(reply).toEqual(failure(401, 'UNAUTHENTICATED', 'Only the runner, by its token, may call this.'));
    }
  });

  it('answers 405 to another method, 404 to another path', async () => {
    const key = server.settings.runnerToken;
    expect(await server.call('POST', DEMAND, { key })).toEqual(
      failure(405, 'METHOD_NOT_ALLOWED', 'POST is not possible here; use GET or HEAD.'),
    );
    expect(await asRunner('/internal/v1/nothing')).toEqual(
      failure(404, 'NOT_FOUND', 'There is nothing at this path.'),
    );
  });

  describe('artifacts', () => {
    it("hands out a tenant's zip, byte for byte", async () => {
      const { artifactSha256, zip } = await publish();
      const response = await server.app.request(artifactPath(server.tenants.a.id, artifactSha256), {
        headers: { authorization: `Bearer ${server.settings.runnerToken}` },
      });
      expect(response.status).toBe(200);
      expect(response.headers.get('content-type')).toBe('application/zip');
      expect(response.headers.get('content-length')).toBe(String(zip.length));
      const bytes = Buffer.from(await response.arrayBuffer());
      expect(createHash('sha256').update(bytes).digest('hex')).toBe(artifactSha256);
    });

    it('answers 404, in the same words, to what is unknown and to what is of another tenant', async () => {
      const { artifactSha256 } = await publish();
      const global = await publish(server.tenants.platform.key);
      const { a, b } = server.tenants;
      for (const path of [
        artifactPath(a.id, 'f'.repeat(64)),
        artifactPath(b.id, artifactSha256),
        artifactPath(randomUUID(), artifactSha256),
        // Every tenant sees it, none but the platform's worker runs it.
        artifactPath(a.id, global.artifactSha256),
      ])
        expect(await asRunner(path)).toEqual(
          failure(404, 'NOT_FOUND', 'This tenant has no artifact with this SHA-256.'),
        );
    });

    it.each([
      ['tenantId', 'x', '0'.repeat(64)],
      ['sha256', randomUUID(), 'x'],
      ['sha256', randomUUID(), 'F'.repeat(64)],
      ['sha256', randomUUID(), '..%2f..%2fetc%2fpasswd'],
    ])('answers 400 to a wrong %s: %s %s', async (field, tenantId, sha256) => {
      expect(await asRunner(artifactPath(tenantId, sha256))).toEqual(
        failure(400, 'VALIDATION_ERROR', new RegExp(`^${field}: `)),
      );
    });
  });

  describe('demand', () => {
    it('wakes a waiting poll on a publish, then on the first run of it', async () => {
      const before = await demand();
      const forPublish = demand(waitingAt(before.cursor));
      const { id, artifactSha256 } = await publish();
      const published = await forPublish;
      expect(published.cursor).not.toBe(before.cursor);
      expect(published.artifacts).toContainEqual(
        expect.objectContaining({ artifactSha256, tenantId: server.tenants.a.id, reason: 'prewarm' }),
      );
      const forRun = demand(waitingAt(published.cursor));
      await run(id);
      expect((await forRun).artifacts).toContainEqual(
        expect.objectContaining({ artifactSha256, reason: 'open' }),
      );
    });

    it('answers at once without a cursor, and with one that is not the present one', async () => {
      const { cursor } = await demand();
      const asked = performance.now();
      await demand(`?waitSeconds=${WAIT_SECONDS}`);
      expect((await demand(waitingAt('nonsense'))).cursor).toBe(cursor);
      expect(performance.now() - asked).toBeLessThan(AT_ONCE_MS);
    });

    it('with nothing new says the same after the wait', async () => {
      const { cursor } = await demand();
      const asked = performance.now();
      expect((await demand(`?cursor=${cursor}&waitSeconds=1`)).cursor).toBe(cursor);
      expect(performance.now() - asked).toBeGreaterThan(900);
    });

    it('answers at once to a cursor from before a restart, with the open runs there are', async () => {
      const { id, artifactSha256 } = await publish();
      await run(id);
      await server.engine.settled();
      const { cursor } = await demand();
      const services = { ...server.services, metrics: new Registry() };
      const engine = createExecutionEngine(services);
      const restarted = createApp(services, engine);
      await engine.reconcile();
      const asked = performance.now();
      const response = await restarted.request(`${DEMAND}${waitingAt(cursor)}`, {
        headers: { authorization: `Bearer ${server.settings.runnerToken}` },
      });
      expect(performance.now() - asked).toBeLessThan(AT_ONCE_MS);
      const now = demandSchema.parse(await response.json());
      expect(now.cursor).not.toBe(cursor);
      expect(now.artifacts).toContainEqual(expect.objectContaining({ artifactSha256, reason: 'open' }));
      await engine.close();
    });

    it('lets go of a poll whose caller has gone, and of all when the server closes', async () => {
      const services = { ...server.services, metrics: new Registry() };
      const engine = createExecutionEngine(services);
      const app = createApp(services, engine);
      const { cursor } = engine.demand.snapshot();
      const gone = new AbortController();
      const poll = (signal?: AbortSignal) =>
        app.request(`${DEMAND}${waitingAt(cursor)}`, {
          headers: { authorization: `Bearer ${server.settings.runnerToken}` },
          ...(signal ? { signal } : {}),
        });
      const asked = performance.now();
      const polls = [poll(gone.signal), poll()];
      gone.abort();
      await polls[0];
      await engine.close();
      expect(await polls[1]).toMatchObject({ status: 200 });
      expect(performance.now() - asked).toBeLessThan(AT_ONCE_MS);
    });

    it.each([
      ['waitSeconds', 'waitSeconds=56'],
      ['waitSeconds', 'waitSeconds=-1'],
      ['waitSeconds', 'waitSeconds=soon'],
      ['cursor', `cursor=${'x'.repeat(201)}`],
    ])('answers 400 to a wrong %s', async (field, query) => {
      expect(await asRunner(`${DEMAND}?${query}`)).toEqual(
        failure(400, 'VALIDATION_ERROR', new RegExp(`^${field}: `)),
      );
    });
  });
});
