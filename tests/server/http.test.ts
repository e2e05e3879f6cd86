import { randomUUID } from 'node:crypto';
import { request } from 'node:http';
import { LIMITS } from '@pegasus-workflows/contracts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectGolden } from './golden.js';
import { failure, openAnyDialect, testServer, type TestServer } from './support.js';

describe('HTTP conventions', () => {
  let server: TestServer;
  let key: string;
  const UPLOAD_URL = '/api/v1/workflows/upload-url';
  const json = { 'content-type': 'application/json' };

  beforeAll(async () => {
    server = await testServer(await openAnyDialect());
    key = server.tenants.a.key;
  });
  afterAll(() => server?.close());

  it('says 404 where nothing is, and 405 with Allow where another method is', async () => {
    expect(await server.call('GET', '/api/v1/nothing', { key })).toEqual(
      failure(404, 'NOT_FOUND', 'There is nothing at this path.'),
    );
    const reply = await server.call('DELETE', '/api/v1/workflows', { key });
    expect(reply).toEqual(
      failure(405, 'METHOD_NOT_ALLOWED', 'DELETE is not possible here; use GET or HEAD or POST.'),
    );
    expect(reply.headers.get('allow')).toBe('GET, HEAD, POST');
    // A stranger learns nothing about what is there.
    expect(await server.call('GET', '/api/v1/nothing')).toMatchObject({ status: 401 });
  });

  it.each<[string, string | Uint8Array, Record<string, string>, number, string, string | RegExp]>([
    ['malformed JSON', '{"name":', json, 400, 'VALIDATION_ERROR', 'The body is not valid JSON.'],
    [
      'bytes that are not UTF-8',
      new Uint8Array([0x22, 0xff, 0x22]),
      json,
      400,
      'VALIDATION_ERROR',
      'The body is not valid JSON.',
    ],
    [
      'another content type',
      'name=x',
      { 'content-type': 'text/plain' },
      415,
      'UNSUPPORTED_MEDIA_TYPE',
      /application\/json/,
    ],
    ['an empty body', '', json, 400, 'VALIDATION_ERROR', 'the body: is required.'],
    ['an array', '[]', json, 400, 'VALIDATION_ERROR', 'the body: expected object, received array.'],
    [
      'deep nesting',
      `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`,
      {},
      413,
      'PAYLOAD_TOO_LARGE',
      /at most 262144 bytes/,
    ],
    [
      'nesting below the size limit',
      '['.repeat(66) + ']'.repeat(66),
      json,
      400,
      'VALIDATION_ERROR',
      'The body is nested 66 levels deep; at most 65 are allowed.',
    ],
    ['a NUL character', '{"name":"a\\u0000"}', json, 400, 'VALIDATION_ERROR', /NUL character/],
    ['half a surrogate pair', '{"name":"a\\ud800"}', json, 400, 'VALIDATION_ERROR', /surrogate/],
    [
      'a body over the limit',
      `"${'x'.repeat(LIMITS.requestBodyBytes)}"`,
      json,
      413,
      'PAYLOAD_TOO_LARGE',
      /at most 262144 bytes/,
    ],
  ])('refuses %s', async (_name, body, headers, status, code, sentence) => {
    const before = await server.snapshot();
    expect(await server.call('POST', UPLOAD_URL, { key, body, headers: { ...json, ...headers } })).toEqual(
      failure(status, code, sentence),
    );
    expect(await server.snapshot()).toEqual(before);
  });

  it('takes a backslash before "u0000" and a whole surrogate pair for the text they are', async () => {
    const body = '{"name":"a\\\\u0000\\ud83d\\ude00"}';
    const reply = await server.call('POST', UPLOAD_URL, { key, body, headers: json });
    expect(reply).toEqual(failure(400, 'VALIDATION_ERROR', /^name: must be 1 to 64/));
  });

  it('stops reading a body without an announced length at the limit', async () => {
    const url = new URL(UPLOAD_URL, await server.listen());
    const status = await new Promise((resolve, reject) => {
      const sending = request(url, { method: 'POST', headers: { ...json, authorization: `Bearer ${key}` } });
      sending.on('response', (response) => {
        resolve(response.statusCode);
        sending.destroy();
      });
      sending.on('error', reject);
      const chunk = Buffer.alloc(64 * 1024, 'x');
      const more = (): void => {
        if (!sending.destroyed) sending.write(chunk, more);
      };
      more();
    });
    expect(status).toBe(413);
  });

  it('names the wrong field of a path and of a query', async () => {
    expect(await server.call('GET', '/api/v1/workflows/nonsense', { key })).toEqual(
      failure(400, 'VALIDATION_ERROR', /^id: invalid UUID\.$/),
    );
  });

  it('passes a sane correlation id through, and makes one for the rest', async () => {
    const id = (given?: string) =>
      server.call('GET', '/health', { headers: given ? { 'x-correlation-id': given } : {} });
    expect((await id('trace-1')).headers.get('x-correlation-id')).toBe('trace-1');
    for (const given of [undefined, 'x'.repeat(200), 'a b', '{"x":1}'])
      expect((await id(given)).headers.get('x-correlation-id')).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('hides what went wrong inside, and gives the correlation id to find it by', async () => {
    const broken = await testServer(await openAnyDialect());
    try {
      const { key: brokenKey } = broken.tenants.a;
      broken.services.db.tenant = () => Promise.reject(new Error('relation "secret" does not exist'));
      const headers = { 'x-correlation-id': 'trace-2' };
      const reply = await broken.call('GET', '/api/v1/workflows', { key: brokenKey, headers });
      await expectGolden('error-internal', reply.body);
      expect(reply.status).toBe(500);
    } finally {
      await broken.close();
    }
  });

  it('has the golden shape of a plain failure and of one with problems', async () => {
    await expectGolden('error', (await server.call('GET', '/api/v1/workflows')).body);
    const body = { name: 'demo', version: '1.0.0', sizeBytes: 1 };
    const { workflowId } = (await server.call('POST', UPLOAD_URL, { key, body })).body.data;
    const manifest = {
      name: 'demo',
      version: '1.0.0',
      entryPoints: ['demo/workflow:x'],
      diagram: 'flowchart LR',
    };
    const reply = await server.finalize(key, workflowId, manifest);
    await expectGolden('error-problems', reply.body);
  });

  it('serves health, readiness, metrics, the OpenAPI document and its page, all from here', async () => {
    expect(await server.call('GET', '/health')).toMatchObject({ status: 200, body: { status: 'ok' } });
    expect(await server.call('GET', '/ready')).toMatchObject({
      status: 200,
      body: { status: 'ready', checks: { database: 'ok', temporal: 'ok' } },
    });
    const metrics = await server.text('/metrics');
    expect(metrics).toMatch(/pegasus_http_requests_total\{method="GET",route="\/health",status="200"\} \d/);
    const { body: document } = (await server.call('GET', '/openapi.json')) as { body: any };
    expect(document.openapi).toBe('3.1.0');
    expect(document.paths['/api/v1/workflows/{id}/run'].post.security).toEqual([{ bearer: [] }]);
    const page = await server.text('/docs');
    expect(page).toContain('/api/v1/workflows/{id}/run');
    expect(page).not.toMatch(/(?:src|href)="(?:https?:)?\/\//);
  });

  it('documents every failure of a call by its status, and leaves none to be guessed', async () => {
    const { body: document } = (await server.call('GET', '/openapi.json')) as { body: any };
    const operations: any[] = Object.values(document.paths).flatMap((item) => Object.values(item as object));
    for (const { responses } of operations) {
      expect(Object.keys(responses)).not.toContain('default');
      expect(Object.keys(responses)).toContain('500');
    }
    const { responses } = document.paths['/api/v1/workflows/{id}/run'].post;
    expect(responses['409'].description).toBe('`CONFLICT`');
    expect(Object.keys(responses)).toEqual(
      expect.arrayContaining([
        '201',
        '400',
        '401',
        '403',
        '404',
        '409',
        '413',
        '415',
        '423',
        '429',
        '502',
        '503',
      ]),
    );
    expect(document.paths['/health'].get.responses).not.toHaveProperty('401');
  });

  it.each([
    ['DELETE', '/api/v1/workflows/requirements-summary', 'GET, HEAD'],
    ['GET', '/api/v1/workflows/upload-url', 'POST'],
    ['PATCH', `/api/v1/workflows/${randomUUID()}/triggers/take-over`, 'POST'],
  ])('%s %s is no call: the name of another is not taken for an id', async (method, path, allow) => {
    const { status, headers } = await server.call(method, path, { key: server.tenants.a.key });
    expect(status).toBe(405);
    expect(headers.get('allow')).toBe(allow);
  });

  it('is not ready, but alive, without its database', async () => {
    const alone = await testServer(await openAnyDialect());
    try {
      alone.services.db.ping = () => Promise.reject(new Error('gone'));
      expect(await alone.call('GET', '/ready')).toMatchObject({
        status: 503,
        body: { status: 'unavailable', checks: { database: 'unavailable', temporal: 'ok' } },
      });
      expect(await alone.call('GET', '/health')).toMatchObject({ status: 200 });
    } finally {
      await alone.close();
    }
  });
});
