import { type CodecPayloads } from '@pegasus-workflows/contracts';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createApp, createExecutionEngine } from '../../packages/server/src/index.js';
import { Registry } from 'prom-client';
import { failure, openAnyDialect, testServer, type TestServer } from '../server/support.js';

/** Temporal's remote codec protocol, as its UI and command line speak it. */
const base64 = (text: string): string => Buffer.from(text).toString('base64');
const word = (text: string) => ({
  metadata: { encoding: base64('json/plain') },
  data: base64(JSON.stringify(text)),
});

let server: TestServer;
let mine: CodecPayloads;
let theirs: CodecPayloads;
beforeAll(async () => {
  server = await testServer(await openAnyDialect(), undefined, { PEGASUS_PAYLOAD_ENCRYPTION: 'on' });
  mine = await call('encode', server.tenants.a.key, { payloads: [word('a')] });
  theirs = await call('encode', server.tenants.b.key, { payloads: [word('b')] });
});
afterAll(() => server?.close());

const post = (what: 'encode' | 'decode', key: string | undefined, body: unknown) =>
  server.call('POST', `/api/v1/codec/${what}`, { key, body, headers: { 'x-namespace': 'default' } });
async function call(what: 'encode' | 'decode', key: string, body: CodecPayloads): Promise<CodecPayloads> {
  const reply = await post(what, key, body);
  expect(reply).toMatchObject({ status: 200 });
  return reply.body as unknown as CodecPayloads;
}

it('encrypts and decodes with the keys of the caller’s tenant, and lets what is plain pass', async () => {
  expect(Buffer.from(mine.payloads[0]!.metadata['encoding']!, 'base64').toString()).toBe('binary/encrypted');
  expect(JSON.stringify(mine)).not.toContain(word('a').data);
  const both = { payloads: [...mine.payloads, word('plain')] };
  expect(await call('decode', server.tenants.a.key, both)).toEqual({ payloads: [word('a'), word('plain')] });
  expect(await call('decode', server.tenants.a.key, { payloads: [] })).toEqual({ payloads: [] });
});

it('decodes of several tenants’ payloads the caller’s own alone, and refuses a caller with none', async () => {
  const both = { payloads: [...mine.payloads, ...theirs.payloads] };
  const [a, b] = [server.tenants.a.key, server.tenants.b.key];
  expect(await call('decode', a, both)).toEqual({ payloads: [word('a'), ...theirs.payloads] });
  expect(await call('decode', b, both)).toEqual({ payloads: [...mine.payloads, word('b')] });
  expect(await post('decode', b, mine)).toEqual(failure(403, 'FORBIDDEN', /None of these payloads/));
  expect(await post('decode', server.tenants.platform.key, both)).toEqual(
    failure(403, 'FORBIDDEN', /None of these payloads/),
  );
});

it('asks for a key with the action that reading executions needs, and for payloads', async () => {
  const { key } = await server.keyOf(['integration_publisher']);
  expect(await post('decode', key, mine)).toEqual(failure(403, 'FORBIDDEN', /ReadWorkflow/));
  expect(await post('decode', undefined, mine)).toEqual(failure(401, 'UNAUTHENTICATED', /API key/));
  const odd = { payloads: [{ metadata: { encoding: '$$' }, data: '' }] };
  expect(await post('decode', server.tenants.a.key, odd)).toEqual(
    failure(400, 'VALIDATION_ERROR', /encoding/),
  );
});

it('shows a payload that cannot be read as a marker, among those that can', async () => {
  const [sealed] = mine.payloads;
  const bytes = Buffer.from(sealed!.data, 'base64');
  bytes[20]! ^= 1;
  const damaged = { ...sealed!, data: bytes.toString('base64') };
  const { payloads } = await call('decode', server.tenants.a.key, { payloads: [damaged, sealed!] });
  const marker = JSON.parse(Buffer.from(payloads[0]!.data, 'base64').toString()) as object;
  expect(marker).toEqual({
    unreadablePayload: {
      keyId: expect.any(String),
      reason: expect.stringContaining('is not what was encrypted'),
    },
  });
  expect(payloads[1]).toEqual(word('a'));
});

it('answers a browser’s preflight for the origins of the settings alone', async () => {
  const services = { ...server.services, metrics: new Registry() };
  const origin = 'https://temporal.example.com';
  const settings = { ...server.settings, codecOrigins: [origin] };
  const app = createApp(
    { ...services, settings },
    createExecutionEngine({ ...services, metrics: new Registry() }),
  );
  const preflight = (to: typeof app, from: string) =>
    to.request('/api/v1/codec/decode', {
      method: 'OPTIONS',
      headers: {
        origin: from,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization,content-type,x-namespace',
      },
    });
  const allowed = await preflight(app, origin);
  expect(allowed.status).toBe(204);
  expect(allowed.headers.get('access-control-allow-origin')).toBe(origin);
  expect(allowed.headers.get('access-control-allow-headers')?.toLowerCase()).toContain('authorization');
  for (const [to, from] of [
    [app, 'https://elsewhere.example.com'],
    [server.app, origin],
  ] as const)
    expect((await preflight(to, from)).headers.get('access-control-allow-origin')).toBeNull();
  // What is refused must be readable by the page, too.
  const refused = await app.request('/api/v1/codec/decode', { method: 'POST', headers: { origin } });
  expect([refused.status, refused.headers.get('access-control-allow-origin')]).toEqual([401, origin]);
});
