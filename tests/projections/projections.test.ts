import { LIMITS, type Projection } from '@pegasus-workflows/contracts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runtimeServer, type RuntimeServer } from '../runtime/support.js';
import { expectGolden } from '../server/golden.js';
import { failure, forEachDialect, testServer, type Reply, type TestServer } from '../server/support.js';

const BASE = '/api/v1/integration-projections/runtime';
const SECONDS = 1_000;

forEachDialect('projections', (open) => {
  let server: TestServer;
  let key: string;
  beforeAll(async () => {
    server = await testServer(await open());
    key = server.tenants.a.key;
  });
  afterAll(() => server?.close());

  type Call = { by?: string; headers?: Record<string, string> };
  const put = (path: string, state: unknown, { by = key, headers = {} }: Call = {}) =>
    server.call<Projection>('PUT', `${BASE}/${path}`, { key: by, body: { state }, headers });
  const get = (path: string, { by = key, headers = {} }: Call = {}) =>
    server.call<Projection>('GET', `${BASE}/${path}`, { key: by, headers });
  const remove = (path: string, { by = key, headers = {} }: Call = {}) =>
    server.call('DELETE', `${BASE}/${path}`, { key: by, headers });
  const ifMatch = (tag: string) => ({ headers: { 'if-match': tag } });

  it('are created, replaced with one version more, read and deleted', async () => {
    const created = await put('crm/order/A-1', { total: 7 });
    expect(created).toMatchObject({ status: 201, body: { data: { version: 1, state: { total: 7 } } } });
    await expectGolden('projection', created.body);
    const replaced = await put('crm/order/A-1', ['anything', null]);
    expect(replaced).toMatchObject({ status: 200, body: { data: { version: 2, id: created.body.data.id } } });
    const read = await get('crm/order/A-1');
    expect([read.body, read.headers.get('etag')]).toEqual([replaced.body, '"2"']);
    expect(await remove('crm/order/A-1')).toMatchObject({ status: 204, body: '' });
    const gone = failure(404, 'NOT_FOUND', 'There is no projection crm/order/A-1.');
    expect([await get('crm/order/A-1'), await remove('crm/order/A-1')]).toEqual([gone, gone]);
    expect(await put('crm/order/A-1', 'again')).toMatchObject({
      status: 201,
      body: { data: { version: 1 } },
    });
  });

  it.each([null, false, 0, '', 'text', '"quoted"', '123', [], {}, { deep: [{ ü: '😀' }] }, 1e300])(
    'keep the state %j as it is',
    async (state) => {
      await put('crm/value/one', state);
      expect((await get('crm/value/one')).body.data.state).toEqual(state);
    },
  );

  it('of one tenant do not exist for another', async () => {
    await put('crm/mine/1', 'secret');
    const by = server.tenants.b.key;
    expect(await get('crm/mine/1', { by })).toMatchObject({ status: 404 });
    expect(await remove('crm/mine/1', { by })).toMatchObject({ status: 404 });
    expect((await get('crm/mine', { by })).body).toEqual({ data: [], meta: { count: 0, next: null } });
    expect(await put('crm/mine/1', 'other', { by })).toMatchObject({ status: 201 });
    expect((await get('crm/mine/1')).body.data).toMatchObject({ state: 'secret', version: 1 });
  });

  it('refuse names that no URL carries, unknown fields, and a body without a state', async () => {
    const long = 'k'.repeat(256);
    expect(await put(`a.b:c_d-e/${long}/..._`, 1)).toMatchObject({ status: 201 });
    for (const path of [`crm/order/${long}k`, 'crm/order/a%20b', 'crm/order/a%2Fb', 'cr%C3%BC/order/a'])
      expect(await put(path, 1), path).toMatchObject({ status: 400 });
    const body = (given: unknown) => server.call('PUT', `${BASE}/crm/order/1`, { key, body: given });
    expect(await body({})).toEqual(failure(400, 'VALIDATION_ERROR', 'state: is required.'));
    expect(await body({ state: 1, version: 3 })).toEqual(failure(400, 'VALIDATION_ERROR', /version/));
    expect(await get('crm/order?after=..')).toEqual(failure(400, 'VALIDATION_ERROR', /^after: /));
    expect(await get('crm/order?before=1')).toEqual(failure(400, 'VALIDATION_ERROR', /before/));
  });

  it('refuse a state beyond its bound, counted in UTF-8, and take one that fills it', async () => {
    const most = LIMITS.projectionStateBytes - 2;
    expect(await put('crm/large/1', 'x'.repeat(most))).toMatchObject({ status: 201 });
    const tooLarge = failure(413, 'PAYLOAD_TOO_LARGE', /^state: has 262145 bytes/);
    expect(await put('crm/large/1', 'x'.repeat(most + 1))).toEqual(tooLarge);
    expect(await put('crm/large/1', 'ü'.repeat(most / 2) + 'x')).toEqual(tooLarge);
    const escaped = `{"state":"${'\\u0001'.repeat(1_000)}${'\\u0041'.repeat(200_000)}"}`;
    const headers = { 'content-type': 'application/json' };
    const path = `${BASE}/crm/large/2`;
    expect(await server.call('PUT', path, { key, body: escaped, headers })).toMatchObject({ status: 201 });
    expect((await get('crm/large/1')).body.data.version).toBe(1);
  });

  describe('with a condition', () => {
    it('change only what the caller has seen', async () => {
      const failed = failure(412, 'PRECONDITION_FAILED', /read it again/);
      expect(await put('crm/if/1', 'x', ifMatch('"1"'))).toEqual(failed);
      expect(await put('crm/if/1', 'x', ifMatch('*'))).toEqual(failed);
      const isNew = { headers: { 'if-none-match': '*' } };
      expect(await put('crm/if/1', 'one', isNew)).toMatchObject({ status: 201 });
      expect(await put('crm/if/1', 'two', isNew)).toEqual(failed);
      const second = await put('crm/if/1', 'two', ifMatch('"1"'));
      expect([second.status, second.headers.get('etag')]).toEqual([200, '"2"']);
      expect(await put('crm/if/1', 'three', ifMatch('"1"'))).toEqual(
        failure(412, 'PRECONDITION_FAILED', /is at version 2/),
      );
      expect(await remove('crm/if/1', ifMatch('"1"'))).toEqual(failed);
      expect(await put('crm/if/1', 'three', ifMatch('2'))).toEqual(
        failure(400, 'VALIDATION_ERROR', /If-Match/),
      );
      expect((await get('crm/if/1')).body.data).toMatchObject({ state: 'two', version: 2 });
      expect(await remove('crm/if/1', ifMatch('"2"'))).toMatchObject({ status: 204 });
      expect(await remove('crm/if/1', ifMatch('"2"'))).toMatchObject({ status: 404 });
    });

    it('are read again only when they have changed', async () => {
      await put('crm/cached/1', 'x');
      const cached = await get('crm/cached/1', { headers: { 'if-none-match': '"1"' } });
      expect([cached.status, cached.body, cached.headers.get('etag')]).toEqual([304, '', '"1"']);
      expect(await get('crm/cached/1', { headers: { 'if-none-match': '"2"' } })).toMatchObject({
        status: 200,
      });
    });

    it('lose no change of 50 writers at once (Projections invariant 1)', async () => {
      const WRITERS = 50;
      let lost = 0;
      const add = async (): Promise<void> => {
        for (;;) {
          const { status, body } = await get('crm/counter/1');
          const condition =
            status === 404 ? { headers: { 'if-none-match': '*' } } : ifMatch(`"${body.data.version}"`);
          const seen = status === 404 ? 0 : (body.data.state as { n: number }).n;
          const written = await put('crm/counter/1', { n: seen + 1 }, condition);
          if (written.status < 300) return;
          expect(written).toMatchObject({ status: 412 });
          lost++;
        }
      };
      await Promise.all(Array.from({ length: WRITERS }, add));
      expect((await get('crm/counter/1')).body.data).toMatchObject({ state: { n: WRITERS }, version: WRITERS });
      expect(lost).toBeGreaterThan(0);
    }, 120 * SECONDS); // prettier-ignore

    it('and without one, the last of many first writers stays, with every version counted', async () => {
      const replies = await Promise.all(Array.from({ length: 30 }, (_, i) => put('crm/race/1', i)));
      expect(replies.filter(({ status }) => status === 201)).toHaveLength(1);
      const versions = replies.map(({ body }) => body.data.version).sort((x, y) => x - y);
      expect(versions).toEqual(Array.from({ length: 30 }, (_, i) => i + 1));
    });
  });

  describe('in pages', () => {
    const page = (query: string) =>
      server.call('GET', `${BASE}/${query}`, { key }) as Promise<
        Reply<Projection[]> & { body: { meta: { count: number; next: string | null } } }
      >;
    const walk = async (collection: string, limit: number): Promise<string[][]> => {
      const pages: string[][] = [];
      for (let after: string | null = ''; after !== null;) {
        const from: string = after === '' ? '' : `&after=${encodeURIComponent(after)}`;
        const { body } = await page(`${collection}?limit=${limit}${from}`);
        expect(body.meta.count).toBe(body.data.length);
        pages.push(body.data.map(({ entityKey }) => entityKey));
        after = body.meta.next;
      }
      return pages;
    };

    it('each key is on exactly one page, whatever is added behind', async () => {
      const keys = ['a', 'B', 'c', '10', '9', 'a-b', 'a.b', 'a:b', '_'];
      for (const entityKey of keys) await put(`crm/paged/${entityKey}`, entityKey);
      const pages = await walk('crm/paged', 4);
      expect(pages.map(({ length }) => length)).toEqual([4, 4, 1]);
      expect(pages.flat().sort()).toEqual([...keys].sort());
      expect(await walk('crm/paged', 200)).toEqual([pages.flat()]);
      await expectGolden('projection-page', (await page('crm/paged?limit=1')).body);
      for (const limit of ['0', '201', 'x'])
        expect((await page(`crm/paged?limit=${limit}`)).status).toBe(400);
    });

    it('end early rather than be too large (Projections invariant 3)', async () => {
      const state = 'x'.repeat(LIMITS.projectionStateBytes - 2);
      for (let i = 10; i < 30; i++) await put(`crm/heavy/${i}`, state);
      expect((await walk('crm/heavy', 200)).map(({ length }) => length)).toEqual([16, 4]);
    });
  });

  describe('of a running execution', () => {
    let runtime: RuntimeServer;
    beforeAll(async () => void (runtime = await runtimeServer(server)), 120 * SECONDS);
    const actions = ['ReadIntegrationProjection', 'WriteIntegrationProjection'] as const;
    const at = 'crm/run/1';

    it('are written by a live run that declares it, and by no other', async () => {
      const eid = await runtime.start();
      const reader = await runtime.sign(eid, ['ReadIntegrationProjection']);
      expect(await put(at, 1, { by: reader })).toEqual(
        failure(403, 'FORBIDDEN', /WriteIntegrationProjection.*required_actions/),
      );
      const writer = await runtime.sign(eid, actions);
      expect(await put(at, 1, { by: writer })).toMatchObject({ status: 201 });
      expect(await get(at, { by: reader })).toMatchObject({ body: { data: { state: 1 } } });
    });

    it('a dry run is answered as a live one would be, and changes nothing (Projections invariant 2)', async () => {
      const eid = await runtime.start('dry_run');
      const by = await runtime.sign(eid, actions);
      await put(at, 'real');
      const { version } = (await get(at)).body.data;
      const replaced = await put(at, 'dry', { by });
      expect(replaced).toMatchObject({ status: 200, body: { data: { state: 'dry', version: version + 1 } } });
      expect(replaced.headers.get('etag')).toBe(`"${version + 1}"`);
      const created = await put('crm/run/new', 2, { by });
      expect(created).toMatchObject({ status: 201, body: { data: { version: 1, entityKey: 'new' } } });
      expect(await remove(at, { by })).toMatchObject({ status: 204 });
      expect(await remove('crm/run/new', { by })).toMatchObject({ status: 404 });
      const large = 'x'.repeat(LIMITS.projectionStateBytes);
      expect(await put(at, large, { by })).toMatchObject({ status: 413 });
      expect((await get(at)).body.data).toMatchObject({ state: 'real', version });
      expect(await get('crm/run/new')).toMatchObject({ status: 404 });
      const path = `/api/v1/workflows/${runtime.workflowId}/executions/${eid}/mutations`;
      const recorded = (await server.call<{ method: string }[]>('GET', path, { key })).body.data;
      expect(recorded.map(({ method }) => method)).toEqual([
        'projections.put',
        'projections.put',
        'projections.delete',
      ]);
      expect(recorded[0]).toMatchObject({
        capability: 'WriteIntegrationProjection',
        args: { integration: 'crm', entityType: 'run', key: '1', state: 'dry' },
        wouldReturn: { version: version + 1 },
      });
    });
  });
});
