import { type Ingress, type IngressWithSecret } from '@pegasus-workflows/contracts';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { schema } from '../../packages/server/src/index.js';
import { expectGolden } from '../server/golden.js';
import { failure, forEachDialect, testServer, type TestServer } from '../server/support.js';

const PATH = '/api/v1/integrations/crm/ingress';

forEachDialect('managing ingresses', (open) => {
  let server: TestServer;
  beforeAll(async () => {
    server = await testServer(await open());
  });
  afterAll(() => server?.close());

  const asA = <T = Ingress>(method: string, path: string, body?: unknown) =>
    server.call<T>(method, path, { key: server.tenants.a.key, body });
  const asB = (method: string, path: string, body?: unknown) =>
    server.call(method, path, { key: server.tenants.b.key, body });
  const rows = () => server.services.db.system((tx) => tx.select().from(schema.integrationIngress));

  it('creates, shows, lists, changes, rotates and deletes one; the secret shows once (service invariant 1)', async () => {
    const created = await asA<IngressWithSecret>('POST', PATH, { auth: 'BEARER', dedupPath: 'id' });
    expect(created).toMatchObject({ status: 201, body: { data: { auth: 'BEARER', enabled: true } } });
    expect(created.headers.get('cache-control')).toBe('no-store');
    const { secret, ...shown } = created.body.data;
    expect(secret).toMatch(/^pgi_[\w-]{43}$/);
    expect(shown).toMatchObject({
      integrationId: 'crm',
      eventType: 'pegasus_event.received',
      url: `http://pegasus.test/ingress/${shown.id}`,
      secretPrefix: secret!.slice(0, 8),
    });
    await expectGolden('ingress', { data: { ...shown, secretPrefix: 'pgi_AAAA' } });
    expect((await asA('GET', PATH)).body.data).toEqual(shown);
    expect((await asA('GET', '/api/v1/integrations/ingress')).body).toEqual({
      data: [shown],
      meta: { count: 1 },
    });

    const changed = await asA('PATCH', PATH, { dedupPath: null, enabled: false });
    expect(changed).toMatchObject({ status: 200, body: { data: { dedupPath: null, enabled: false } } });
    const rotated = await asA<IngressWithSecret>('POST', `${PATH}/rotate`, { overlapSeconds: 60 });
    expect(rotated).toMatchObject({
      status: 200,
      body: { data: { previousSecretExpiresAt: expect.any(String) } },
    });
    expect(rotated.headers.get('cache-control')).toBe('no-store');
    expect(rotated.body.data.secret).not.toBe(secret);
    const stored = JSON.stringify(await rows());
    for (const value of [secret!, rotated.body.data.secret!]) expect(stored).not.toContain(value);
    const audit = await server.services.db.system((tx) => tx.select().from(schema.auditLog));
    expect(
      audit.filter((row) => row.objectKind === 'integration_ingress').map((row) => row.operation),
    ).toEqual(['INSERT', 'UPDATE', 'UPDATE']);
    expect(JSON.stringify(audit)).not.toContain(secret);

    expect((await asA('DELETE', PATH)).status).toBe(204);
    expect(await asA('GET', PATH)).toEqual(failure(404, 'NOT_FOUND', /has no ingress/));
    expect(await asA('DELETE', PATH)).toEqual(failure(404, 'NOT_FOUND', /has no ingress/));
  });

  it('has one per integration and tenant (service invariant 3), and knows nothing of other tenants', async () => {
    expect((await asA('POST', PATH, { preset: 'github' })).status).toBe(201);
    expect(await asA('POST', PATH, { preset: 'stripe' })).toEqual(failure(409, 'CONFLICT', /has an ingress/));
    for (const [method, path, body] of [
      ['GET', PATH],
      ['PATCH', PATH, {}],
      ['POST', `${PATH}/rotate`, {}],
      ['DELETE', PATH],
    ] as const)
      expect(await asB(method, path, body), method).toEqual(failure(404, 'NOT_FOUND', /has no ingress/));
    expect((await asB('POST', PATH, { preset: 'stripe' })).status).toBe(201);
    expect((await asB('DELETE', PATH)).status).toBe(204);
    expect((await asA('DELETE', PATH)).status).toBe(204);
  });

  it('keeps a secret that the partner dictates, and never answers it', async () => {
    const secret = 'a-secret-of-the-partner';
    const created = await asA<IngressWithSecret>('POST', PATH, { preset: 'shopify', secret });
    expect(created).toMatchObject({ status: 201, body: { data: { secret: null, secretPrefix: null } } });
    expect(JSON.stringify([created, await rows()])).not.toContain(secret);
    const rotated = await asA<IngressWithSecret>('POST', `${PATH}/rotate`, { secret: 'another-of-theirs' });
    expect(rotated.body.data).toMatchObject({ secret: null, secretPrefix: null });
    expect((await asA('DELETE', PATH)).status).toBe(204);
  });

  it.each([
    ['no kind of proof', {}, /auth: must be BEARER or HMAC/],
    [
      'a signature with a token',
      { auth: 'BEARER', signature: { header: 'x' } },
      /signature: must be left out/,
    ],
    ['HMAC without its scheme', { auth: 'HMAC' }, /signature: is required/],
    ['a secret for a token', { auth: 'BEARER', secret: 'abcdefgh' }, /secret: must be left out/],
    [
      'an unsigned time',
      { auth: 'HMAC', signature: { header: 'x', timestampHeader: 'y' } },
      /does not sign a time/,
    ],
    [
      'a secret that is no base64',
      { preset: 'standard-webhooks', secret: 'no base64 !' },
      /secret: must be base64/,
    ],
    ['a path that is none', { auth: 'BEARER', dedupPath: 'a..b' }, /dedupPath: must be a dotted path/],
    [
      'a credential in the event',
      { auth: 'BEARER', keepHeaders: ['Authorization'] },
      /may carry a credential/,
    ],
    [
      'a header that is ours',
      { auth: 'BEARER', acknowledgement: { headers: { date: 'x' } } },
      /set by the platform/,
    ],
    ['a field there is not', { auth: 'BEARER', evenType: 'x' }, /unknown field "evenType"/],
  ])('refuses %s', async (_what, body, sentence) => {
    expect(await asA('POST', PATH, body)).toEqual(failure(400, 'VALIDATION_ERROR', sentence));
    expect(await rows()).toEqual([]);
  });

  it('refuses an integration that cannot be one', async () => {
    expect(await asA('POST', '/api/v1/integrations/a%20b/ingress', { auth: 'BEARER' })).toEqual(
      failure(400, 'VALIDATION_ERROR', /id: must be 1 to 256 letters/),
    );
  });

  it('does not let the kind of proof change', async () => {
    expect((await asA('POST', PATH, { auth: 'BEARER' })).status).toBe(201);
    expect(await asA('PATCH', PATH, { auth: 'HMAC' })).toEqual(
      failure(400, 'VALIDATION_ERROR', /unknown field/),
    );
    expect(await asA('PATCH', PATH, { signature: { header: 'x' } })).toEqual(
      failure(400, 'VALIDATION_ERROR', /bearer token/),
    );
    expect(await asA('POST', `${PATH}/rotate`, { secret: 'abcdefgh' })).toEqual(
      failure(400, 'VALIDATION_ERROR', /secret: must be left out/),
    );
    expect((await asA('DELETE', PATH)).status).toBe(204);
  });
});
