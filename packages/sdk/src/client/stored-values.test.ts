import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PegasusClient } from './index.js';
import { json, localServer, uuid, type Answer, type LocalServer } from './testing-support/local-server.js';

const AT = '2026-01-01T00:00:00.000Z';
const metadata = {
  id: uuid(1),
  group: 'global',
  key: 'API_KEY',
  description: null,
  createdByUserId: null,
  createdAt: AT,
  updatedAt: AT,
};
const secret = { ...metadata, isSecret: true };
const config = { ...metadata, value: 'eu', isSecret: false };
const projection = (version: number, state: unknown) => ({
  id: uuid(2),
  integrationId: 'shop',
  entityType: 'order',
  entityKey: 'A:1',
  state,
  version,
  updatedByUserId: null,
  createdAt: AT,
  updatedAt: AT,
});
const BASE = '/api/v1/workflow-secrets-configs';
const RUNTIME = '/api/v1/integration-projections/runtime';

describe('secrets, configuration and projections', () => {
  let server: LocalServer;
  let client: PegasusClient;
  beforeEach(async () => {
    server = await localServer();
    client = new PegasusClient({ baseUrl: server.url, token: 'vnd_secret' });
  });
  afterEach(() => server.close());

  const one = (data: object): Answer => json(200, { data });
  const many = (...rows: object[]): Answer => json(200, { data: rows, meta: { count: rows.length } });
  const page = (next: string | null, ...rows: object[]): Answer =>
    json(200, { data: rows, meta: { count: rows.length, next } });
  const missing = json(404, { error: 'There is none.', code: 'NOT_FOUND' });
  const changed = json(412, { error: 'It is another.', code: 'PRECONDITION_FAILED' });
  const gone: Answer = (_request, response) => void response.writeHead(204).end();
  const asked = () => server.requests.map(({ method, url }) => `${method} ${url}`);
  const conditions = () =>
    server.requests
      .filter(({ method }) => method !== 'GET')
      .map(({ headers }) => headers['if-match'] ?? headers['if-none-match']);

  it('are set, listed and read by key and group', async () => {
    server.answer(one(secret), many(secret), one({ value: 'plain' }), one(config), one({ value: '' }), gone);
    expect(await client.secrets.set('API_KEY', 'plain')).toEqual(secret);
    expect(await client.secrets.list()).toEqual([secret]);
    expect(await client.secrets.get('API_KEY', { group: 'a b&c' })).toBe('plain');
    expect(await client.configs.set('API_KEY', 'eu', { description: 'where' })).toEqual(config);
    expect(await client.configs.get('API_KEY')).toBe('');
    await client.configs.delete('API_KEY', { group: 'crm' });
    expect(asked()).toEqual([
      `POST ${BASE}/secrets`,
      `GET ${BASE}/secrets`,
      `GET ${BASE}/runtime/secrets/API_KEY?group=a+b%26c`,
      `PUT ${BASE}/configs/API_KEY`,
      `GET ${BASE}/runtime/configs/API_KEY`,
      `DELETE ${BASE}/configs/API_KEY?group=crm`,
    ]);
    expect(JSON.parse(server.requests[3]!.body)).toEqual({ value: 'eu', description: 'where' });
  });

  it('a projection that is not there is undefined to find, and an error to get', async () => {
    server.answer(missing);
    expect(await client.projections.find('shop', 'order', 'A:1')).toBeUndefined();
    await expect(client.projections.get('shop', 'order', 'A:1')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(asked()[0]).toBe(`GET ${RUNTIME}/shop/order/A%3A1`);
  });

  it('all projections come page by page', async () => {
    server.answer(page('A:1', projection(1, 'a')), page(null, projection(2, 'b')));
    const states = [];
    for await (const { state } of client.projections.all('shop', 'order')) states.push(state);
    expect(states).toEqual(['a', 'b']);
    expect(asked()).toEqual([`GET ${RUNTIME}/shop/order`, `GET ${RUNTIME}/shop/order?after=A%3A1`]);
  });

  it('names that a path would lose are refused before any call', async () => {
    for (const key of ['.', '..', '', 'a/b', 'ü'])
      await expect(client.projections.get('shop', 'order', key)).rejects.toThrow(/^projections: key: must/);
    await expect(client.projections.list('..', 'order')).rejects.toThrow(TypeError);
    expect(asked()).toEqual([]);
  });

  it('an update begins anew when somebody was faster, with what they have written', async () => {
    server.answer(missing, changed, one(projection(3, 5)), one(projection(4, 6)));
    const seen: unknown[] = [];
    const updated = await client.projections.update('shop', 'order', 'A:1', (state) => {
      seen.push(state);
      return Number(state ?? 0) + 1;
    });
    expect([updated.version, seen, conditions()]).toEqual([4, [undefined, 5], ['*', '"3"']]);
    expect(JSON.parse(server.requests[3]!.body)).toEqual({ state: 6 });
  });

  it('an update gives up after its attempts; a conditional change is never repeated by itself', async () => {
    server.answer(one(projection(1, 0)), changed);
    const update = client.projections.update('shop', 'order', 'A:1', () => 1, { maxAttempts: 1 });
    await expect(update).rejects.toMatchObject({ code: 'PRECONDITION_FAILED' });
    server.answer(json(503, { error: 'Later.', code: 'SERVICE_UNAVAILABLE' }));
    const before = server.requests.length;
    const put = client.projections.put('shop', 'order', 'A:1', 1, { ifVersion: 1 });
    await expect(put).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE' });
    expect(server.requests.length).toBe(before + 1);
  });
});
