import { randomBytes, randomUUID } from 'node:crypto';
import { type Connection, type ExternalAnswer } from '@pegasus-workflows/contracts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { schema } from '../../packages/server/src/index.js';
import { parseEgressExceptions } from '@pegasus-workflows/kit/egress';
import { expectGolden } from '../server/golden.js';
import { failure, forEachDialect, testServer, type TestServer } from '../server/support.js';
import { eventually } from '../support/wait.js';
import { ApiServer, json } from './api-server.js';

const TOKEN = 'a-bearer-token-of-the-tests';
const API_KEY = 'an-api-key-of-the-tests';
const CLIENT_SECRET = 's3cret/with:signs of the tests';

forEachDialect('outside APIs', (open) => {
  let server: TestServer;
  let api: ApiServer;
  let paths = 0;

  beforeAll(async () => {
    server = await testServer(await open());
    api = await ApiServer.start();
    server.settings.egress = { exceptions: parseEgressExceptions('127.0.0.1'), plainHttp: false };
    for (const [key, value] of Object.entries({ TOKEN, API_KEY, CLIENT_SECRET }))
      await asA('POST', '/workflow-secrets-configs/secrets', { key, value, group: 'crm' });
  });
  afterAll(async () => {
    await api?.[Symbol.asyncDispose]();
    await server?.close();
  });

  const asA = <T = any>(method: string, path: string, body?: unknown) =>
    server.call<T>(method, `/api/v1${path}`, { key: server.tenants.a.key, body });
  const secret = (key: string) => ({ group: 'crm', key });
  const NONE = { auth: 'NONE' };
  const BEARER = { auth: 'BEARER', authConfig: { tokenSecret: secret('TOKEN') } };
  const KEY = { auth: 'API_KEY', authConfig: { header: 'X-Api-Key', valueSecret: secret('API_KEY') } };
  const oauth = (tokenPath: string, over: object = {}) => ({
    auth: 'OAUTH2_CLIENT_CREDENTIALS',
    authConfig: {
      tokenUrl: `${api.url}${tokenPath}`,
      clientId: 'client id',
      clientSecret: secret('CLIENT_SECRET'),
      ...over,
    },
  });
  const create = (request: object) => asA<Connection>('POST', '/external-connections', request);
  /** A connection of this authentication to `/v1` of the API. */
  async function connection(auth: object, over: object = {}): Promise<string> {
    const name = `c-${randomUUID()}`;
    const made = await create({ name, baseUrl: `${api.url}/v1/`, ...auth, ...over });
    expect(made).toMatchObject({ status: 201 });
    return name;
  }
  const call = (connection: string, request: object = {}) =>
    asA<ExternalAnswer>('POST', '/external-calls', { connection, path: '/things', ...request });
  /** A path below `/v1` that no other test has. */
  const fresh = () => `/p${paths++}`;

  describe('a call', () => {
    it('sends path, query, headers and JSON below the base URL, and answers what comes back', async () => {
      const path = fresh();
      api.on(`/v1${path}/a%2Fb`, () => json(201, { made: 7 }, { 'x-request-id': 'r', 'set-cookie': 's=1' }));
      const reply = await call(await connection(BEARER), {
        method: 'POST',
        path: `${path}/a%2Fb`,
        query: { q: 'a&b', n: [1, true] },
        headers: { 'X-Trace': 't' },
        body: { ü: [1, null] },
      });
      expect(reply).toMatchObject({ status: 200 });
      expect(reply.body.data).toMatchObject({
        status: 201,
        body: { made: 7 },
        bodyEncoding: 'json',
        attempts: 1,
        headers: { 'x-request-id': 'r' },
      });
      expect(reply.body.data.headers).not.toHaveProperty('set-cookie');
      const [seen] = api.of(`/v1${path}/a%2Fb`);
      expect(seen!.path).toBe(`/v1${path}/a%2Fb?q=a%26b&n=1&n=true`);
      expect(JSON.parse(seen!.body.toString())).toEqual({ ü: [1, null] });
      expect(seen!.headers).toMatchObject({
        authorization: `Bearer ${TOKEN}`,
        'content-type': 'application/json',
        'x-trace': 't',
      });
    });

    it.each([
      ['text', 'grüße', 'text/plain; charset=utf-8', Buffer.from('grüße')],
      [
        'base64',
        Buffer.from([0, 255, 1]).toString('base64'),
        'application/octet-stream',
        Buffer.from([0, 255, 1]),
      ],
    ])('carries %s there and back', async (bodyEncoding, body, contentType, bytes) => {
      const path = fresh();
      api.on(`/v1${path}`, ({ body, headers }) => ({
        status: 200,
        headers: { 'content-type': headers['content-type']! },
        body,
      }));
      const reply = await call(await connection(KEY), { method: 'PUT', path, body, bodyEncoding });
      expect(reply.body.data).toMatchObject({ body, bodyEncoding });
      expect(api.of(`/v1${path}`)[0]).toMatchObject({
        body: bytes,
        headers: { 'content-type': contentType, 'x-api-key': API_KEY },
      });
    });

    it('has an answer for every status, and the path alias for older clients', async () => {
      const path = fresh();
      api.on(`/v1${path}`, () => json(404, { no: 'such' }));
      const name = await connection(NONE);
      const reply = await asA('POST', `/integrations/${name}/call-external`, { path });
      expect(reply).toMatchObject({ status: 200, body: { data: { status: 404, body: { no: 'such' } } } });
      await expectGolden('external-answer', {
        data: { ...reply.body.data, durationMs: 12, headers: { 'content-type': 'application/json' } },
      });
      expect(api.of(`/v1${path}`)[0]!.headers).not.toHaveProperty('authorization');
    });

    it.each([
      [{ path: '/../admin' }, /^path: /],
      [{ path: '/%2e%2e/admin' }, /^path: /],
      [{ path: '/a/..%2fadmin' }, /^path: /],
      [{ path: '/%252e%252e/admin' }, /^path: /],
      [{ path: '//evil.test/' }, /^path: /],
      [{ path: '/a?b=c' }, /^path: /],
      [{ path: '/a\\..\\b' }, /^path: /],
      [{ headers: { Authorization: 'x' } }, /^headers: "Authorization"/],
      [{ headers: { 'X-Forwarded-For': 'x' } }, /^headers: /],
      [{ headers: { cookie: 'x' } }, /^headers: /],
      [{ headers: { 'x-api-key': 'x' } }, /^headers: "X-Api-Key" carries/],
      [{ headers: { 'x-a': 'b\r\nx-c: d' } }, /line break/],
      [{ body: 1 }, /^body: must be left out of a GET/],
      [{ method: 'POST', body: 1, bodyEncoding: 'text' }, /^body: must be a string/],
      [{ method: 'POST', body: '*', bodyEncoding: 'base64' }, /^body: must be base64/],
    ])('is refused as %j, and nothing is sent', async (request, sentence) => {
      const before = api.seen.length;
      expect(await call(await connection(KEY), request)).toEqual(failure(400, 'VALIDATION_ERROR', sentence));
      expect(api.seen).toHaveLength(before);
    });

    it('takes a body of 1 MiB, whatever it is, and an answer of 5 MiB', async () => {
      const path = fresh();
      api.on(`/v1${path}`, () => ({ status: 200, body: randomBytes(5 * 1024 * 1024) }));
      const name = await connection(NONE);
      const body = Buffer.alloc(1024 * 1024, 255).toString('base64');
      const reply = await call(name, { method: 'POST', path, body, bodyEncoding: 'base64' });
      expect(reply).toMatchObject({ status: 200, body: { data: { bodyEncoding: 'base64' } } });
      const larger = Buffer.alloc(1024 * 1024 + 1).toString('base64');
      expect(await call(name, { method: 'POST', path, body: larger, bodyEncoding: 'base64' })).toMatchObject({
        status: 413,
      });
      api.on(`/v1${path}`, () => ({ status: 200, body: Buffer.alloc(5 * 1024 * 1024 + 1) }));
      expect(await call(name, { path, maxAttempts: 1 })).toEqual(
        failure(502, 'UPSTREAM_ERROR', /larger than/),
      );
    });

    it('does not answer the credential that the other side repeats', async () => {
      const path = fresh();
      api.on(`/v1${path}`, ({ headers }) => json(200, headers, { 'x-echo': headers.authorization! }));
      const reply = await call(await connection(BEARER), { path });
      expect(reply.body.data).toMatchObject({ body: { authorization: 'Bearer [masked]' } });
      expect(JSON.stringify(reply.body)).not.toContain(TOKEN);
    });
  });

  describe('attempts (invariant 2)', () => {
    it('are repeated for idempotent methods and calls with a key', async () => {
      for (const request of [{ method: 'GET' }, { method: 'POST', idempotencyKey: 'k-1', body: {} }]) {
        const path = fresh();
        api.on(`/v1${path}`, (_request, nth) => (nth < 3 ? json(503, {}) : json(200, { nth })));
        const reply = await call(await connection(NONE), { path, ...request });
        expect(reply.body.data).toMatchObject({ status: 200, body: { nth: 3 }, attempts: 3 });
        const keys = api.of(`/v1${path}`).map(({ headers }) => headers['idempotency-key']);
        expect(new Set(keys)).toEqual(new Set([request.idempotencyKey]));
      }
    });

    it('are not for others: one that may have arrived is made once', async () => {
      const name = await connection(NONE);
      for (const method of ['POST', 'PATCH']) {
        const path = fresh();
        api.on(`/v1${path}`, () => json(503, {}));
        expect((await call(name, { path, method, body: {} })).body.data).toMatchObject({
          status: 503,
          attempts: 1,
        });
        api.on(`/v1${path}`, () => 'break');
        expect(await call(name, { path, method, body: {} })).toEqual(
          failure(502, 'UPSTREAM_ERROR', /broke the connection/),
        );
        expect(api.of(`/v1${path}`)).toHaveLength(2);
      }
    });

    it('wait as long as they are asked to, and end where that is too long (invariant 3)', async () => {
      const path = fresh();
      api.on(`/v1${path}`, (_request, nth) =>
        nth === 1 ? json(429, {}, { 'retry-after': '1' }) : json(429, {}, { 'retry-after': '600' }),
      );
      const reply = await call(await connection(NONE), { path });
      expect(reply.body.data).toMatchObject({ status: 429, attempts: 2, headers: { 'retry-after': '600' } });
      expect(reply.body.data.durationMs).toBeGreaterThanOrEqual(1_000);
    });

    it('end after their own time, and after as many as were asked for', async () => {
      const path = fresh();
      api.on(`/v1${path}`, () => 'hang');
      expect(await call(await connection(NONE), { path, timeoutSeconds: 1, maxAttempts: 2 })).toEqual(
        failure(502, 'UPSTREAM_ERROR', /did not answer within 1000 ms/),
      );
      expect(api.of(`/v1${path}`)).toHaveLength(2);
    });

    it('of one tenant are at most 32 at once (invariant 4)', async () => {
      const path = fresh();
      let release = () => {};
      const wait = new Promise<void>((resolve) => (release = resolve));
      api.on(`/v1${path}`, async () => {
        await wait;
        return json(200, {});
      });
      const name = await connection(NONE);
      const calls = Array.from({ length: 32 }, () => call(name, { path }));
      await eventually(() => expect(api.of(`/v1${path}`)).toHaveLength(32));
      const limited = await call(name, { path });
      expect(limited).toEqual(failure(429, 'RATE_LIMITED', /32 external calls/));
      expect(limited.headers.get('retry-after')).toBe('1');
      release();
      expect((await Promise.all(calls)).every(({ status }) => status === 200)).toBe(true);
      expect((await call(name, { path })).status).toBe(200);
    });
  });

  describe('client credentials (oauth invariants)', () => {
    it('are exchanged once for many calls at once, and again when the token is refused', async () => {
      const [tokenPath, path] = [fresh(), fresh()];
      api.on(tokenPath, (_request, nth) =>
        json(200, { access_token: `token-number-${nth}`, token_type: 'Bearer', expires_in: 3600 }),
      );
      let valid = 'Bearer token-number-1';
      api.on(`/v1${path}`, ({ headers }) => json(headers.authorization === valid ? 200 : 401, {}));
      const name = await connection(oauth(tokenPath, { scope: 'read write', audience: 'crm' }));
      const replies = await Promise.all(Array.from({ length: 6 }, () => call(name, { path })));
      expect(replies.map(({ body }) => body.data.status)).toEqual([200, 200, 200, 200, 200, 200]);
      expect(api.of(tokenPath)).toHaveLength(1);
      const [exchange] = api.of(tokenPath);
      expect(Object.fromEntries(new URLSearchParams(exchange!.body.toString()))).toEqual({
        grant_type: 'client_credentials',
        scope: 'read write',
        audience: 'crm',
      });
      const basic = Buffer.from(exchange!.headers.authorization!.slice(6), 'base64').toString();
      expect(basic).toBe('client+id:s3cret%2Fwith%3Asigns+of+the+tests');
      valid = 'Bearer token-number-2';
      expect((await call(name, { path, method: 'POST', body: {} })).body.data).toMatchObject({
        status: 200,
        attempts: 2,
      });
      valid = 'none';
      expect((await call(name, { path })).body.data).toMatchObject({ status: 401, attempts: 2 });
      expect(api.of(tokenPath)).toHaveLength(3);
    });

    it('go into the form where the endpoint wants them there; a token is fetched anew before its end', async () => {
      const tokenPath = fresh();
      api.on(tokenPath, () => json(200, { access_token: 'short-lived', expires_in: '60' }));
      const name = await connection(oauth(tokenPath, { authStyle: 'body' }));
      await call(name);
      server.turnClock(20_000);
      await call(name);
      expect(api.of(tokenPath)).toHaveLength(1);
      server.turnClock(35_000);
      await call(name);
      expect(api.of(tokenPath)).toHaveLength(2);
      server.resetClock();
      const [exchange] = api.of(tokenPath);
      expect(Object.fromEntries(new URLSearchParams(exchange!.body.toString()))).toMatchObject({
        client_id: 'client id',
        client_secret: CLIENT_SECRET,
      });
      expect(exchange!.headers).not.toHaveProperty('authorization');
    });

    it.each([
      [json(401, { error: 'invalid_client' }), /answered 401/],
      [json(200, { access_token: 'x', token_type: 'mac' }), /no bearer token/],
      [{ status: 200, body: '<html>' }, /no bearer token/],
      [{ status: 302, headers: { location: 'http://127.0.0.1:1/' } }, /answered 302/],
      ['break' as const, /broke the connection/],
    ])(
      'that are answered with %j are an UPSTREAM_ERROR, which is not remembered',
      async (reply, sentence) => {
        const tokenPath = fresh();
        api.on(tokenPath, (_request, nth) => (nth === 1 ? reply : json(200, { access_token: 'good-token' })));
        const name = await connection(oauth(tokenPath));
        expect(await call(name)).toEqual(failure(502, 'UPSTREAM_ERROR', sentence));
        expect((await call(name)).body.data).toMatchObject({ status: 200 });
      },
    );
  });

  describe('places that may not be reached', () => {
    it('are refused when they are written and when they are called', async () => {
      const name = `c-${randomUUID()}`;
      for (const baseUrl of [
        'http://169.254.169.254/',
        'https://10.0.0.1/x',
        'https://[::1]/',
        'http://0x7f.2/',
      ])
        expect(await create({ name, baseUrl, ...NONE }), baseUrl).toEqual(
          failure(422, 'EXTERNAL_ADDRESS_REFUSED', /is refused/),
        );
      expect(
        await create({ name, baseUrl: api.url, ...oauth('x', { tokenUrl: 'https://192.168.0.1/' }) }),
      ).toEqual(failure(422, 'EXTERNAL_ADDRESS_REFUSED', /is refused/));
      const path = fresh();
      api.on(`/v1${path}`, () => ({ status: 302, headers: { location: 'http://127.0.0.2:1/' } }));
      expect(await call(await connection(BEARER), { path })).toEqual(
        failure(422, 'EXTERNAL_ADDRESS_REFUSED', /"127.0.0.2" is refused/),
      );
      const moved = await connection(NONE);
      await server.services.db.system((tx) =>
        tx.update(schema.externalConnections).set({ baseUrl: 'https://169.254.169.254' }),
      );
      expect(await call(moved)).toEqual(failure(422, 'EXTERNAL_ADDRESS_REFUSED', /is refused/));
    });

    it('are reached by no redirect with the credentials', async () => {
      const [path, other] = [fresh(), await ApiServer.start()];
      api.on(`/v1${path}`, () => ({ status: 307, headers: { location: `${other.url}/elsewhere` } }));
      expect((await call(await connection(KEY), { path })).body.data).toMatchObject({ status: 200 });
      expect(other.of('/elsewhere')[0]!.headers).not.toHaveProperty('x-api-key');
      await other[Symbol.asyncDispose]();
    });
  });

  describe('connections', () => {
    it('are made, shown, listed, changed and deleted, by name or id', async () => {
      const name = `crm.${randomUUID()}`;
      const made = await create({ name, baseUrl: 'https://93.184.215.14/api', ...KEY });
      expect(made.status).toBe(201);
      await expectGolden('connection', { data: { ...made.body.data, name: 'crm' } });
      expect(await create({ name, baseUrl: api.url, ...NONE })).toEqual(failure(409, 'CONFLICT', /already/));
      const { id } = made.body.data;
      const one = `/external-connections/${id}`;
      expect((await asA('GET', `/external-connections/${name}`)).body).toEqual(made.body);
      expect((await asA('GET', one)).body).toEqual(made.body);
      expect((await asA('GET', '/external-connections')).body.data).toContainEqual(made.body.data);
      expect(await asA('PATCH', one, { auth: 'BEARER' })).toMatchObject({ status: 400 });
      expect(await asA('PATCH', one, { name: 'other' })).toMatchObject({ status: 400 });
      const changed = await asA('PATCH', one, {
        auth: 'BEARER',
        authConfig: { tokenSecret: { key: 'T' } },
        enabled: false,
      });
      expect(changed.body.data).toMatchObject({
        name,
        baseUrl: 'https://93.184.215.14/api',
        auth: 'BEARER',
        authConfig: { tokenSecret: { group: 'global', key: 'T' } },
        enabled: false,
      });
      expect(await call(name)).toEqual(failure(409, 'CONFLICT', /disabled/));
      expect(await asA('DELETE', one)).toMatchObject({ status: 204 });
      expect(await asA('DELETE', one)).toMatchObject({ status: 404 });
      expect(await call(name)).toEqual(failure(404, 'NOT_FOUND', /no such connection/));
    });

    it('say which secret is missing', async () => {
      const name = await connection({ auth: 'BEARER', authConfig: { tokenSecret: { key: 'NOT_SET' } } });
      expect(await call(name)).toEqual(
        failure(400, 'REQUIREMENTS_MISSING', /needs the secret global\/NOT_SET/),
      );
      expect((await asA('POST', `/external-connections/${name}/test`)).body.data).toMatchObject({
        ok: false,
        status: null,
        error: expect.stringContaining('global/NOT_SET'),
      });
    });

    it('are tested with one read', async () => {
      const name = await connection(BEARER);
      const path = fresh();
      api.on(`/v1${path}`, ({ headers }) =>
        json(headers.authorization === `Bearer ${TOKEN}` ? 200 : 401, {}),
      );
      const test = async (name: string) =>
        (await asA('POST', `/external-connections/${name}/test`, { path })).body.data;
      expect(await test(name)).toMatchObject({ ok: true, status: 200, error: null });
      expect(await test(await connection(NONE))).toMatchObject({ ok: false, status: 401 });
      api.on(`/v1${path}`, () => json(503, {}));
      const before = api.of(`/v1${path}`).length;
      expect(await test(name)).toMatchObject({ ok: false, status: 503 });
      expect(api.of(`/v1${path}`)).toHaveLength(before + 1);
    });

    it('of one tenant are no other’s', async () => {
      const name = await connection(NONE);
      const reply = await server.call('POST', '/api/v1/external-calls', {
        key: server.tenants.b.key,
        body: { connection: name, path: '/x' },
      });
      expect(reply.status).toBe(404);
    });
  });
});
