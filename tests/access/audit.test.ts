import { randomUUID } from 'node:crypto';
import { type AuditEntry, type CreatedApiKey, type CreatedTenant } from '@pegasus-workflows/contracts';
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { revokeKey } from '../../packages/server/src/index.js';
import { artifact } from '../server/artifacts.js';
import { failure, forEachDialect, testServer, type TestServer } from '../server/support.js';

forEachDialect('the audit log over HTTP', (open) => {
  let server: TestServer;
  let workflowId: string;
  beforeAll(async () => {
    server = await testServer(await open());
    workflowId = (await server.publish(server.tenants.a.key, artifact())).body.data.id;
  });
  afterAll(() => server?.close());

  const read = async (query = '', key = server.tenants.a.key): Promise<AuditEntry[]> => {
    const reply = await server.call<AuditEntry[]>('GET', `/api/v1/audit${query}`, { key });
    expect(reply).toMatchObject({ status: 200 });
    return reply.body.data;
  };

  /** Every column of every row, of every tenant. */
  const wholeLog = async (): Promise<string> => {
    await server.services.audit.flush();
    const { rows } = await server.services.db.system((tx) =>
      tx.execute<{ text: string }>(
        sql`select coalesce(string_agg(audit_log::text, ' '), '') as text from audit_log`,
      ),
    );
    return rows[0]!.text;
  };

  it('has who changed what, with the names of the columns', async () => {
    const { key, principalId } = server.tenants.a;
    const body = { kind: 'SERVICE_ACCOUNT', name: 'audited', roles: ['workflow_developer'] };
    const { id } = (await server.call('POST', '/api/v1/members', { key, body })).body.data;
    await server.call('PATCH', `/api/v1/members/${id}`, { key, body: { disabled: true } });
    const [changed, made] = await read(`?object=principals/${id}`);
    expect(made).toMatchObject({
      outcome: 'DONE',
      operation: 'INSERT',
      actor: { kind: 'KEY', memberId: principalId, memberName: 'a' },
      object: { kind: 'principals', id, name: 'audited' },
      action: 'ManageMembers',
      method: 'POST',
      route: '/api/v1/members',
    });
    expect(changed).toMatchObject({ operation: 'UPDATE', fields: ['disabled_at'] });
  });

  it('has a refused call, folded, with its route and without its path', async () => {
    const { key, id } = await server.keyOf(['integration_publisher']);
    for (let i = 0; i < 3; i++)
      expect((await server.call('DELETE', `/api/v1/members/${randomUUID()}`, { key })).status).toBe(403);
    expect(await read(`?outcome=REFUSED&actor=${id}`)).toEqual([
      expect.objectContaining({
        code: 'FORBIDDEN',
        action: 'ManageMembers',
        method: 'DELETE',
        route: '/api/v1/members/:id',
        count: 3,
      }),
    ]);
  });

  it('tells a tenant of its dead keys, and the platform tenant alone of unknown ones', async () => {
    const { key, id } = await server.keyOf(['workflow_developer']);
    await server.services.db.tenant(server.tenants.a.id, (tx) => revokeKey(tx, id, new Date()));
    await server.call('GET', '/api/v1/workflows', { key });
    const route = '/api/v1/workflows/:id/run';
    await server.call('POST', `/api/v1/workflows/${workflowId}/run`, {
      key: `vnd_${'0'.repeat(40)}`,
      body: {},
    });
    expect(await read(`?outcome=REFUSED&actor=${id}`)).toEqual([
      expect.objectContaining({ code: 'UNAUTHENTICATED', route: '/api/v1/workflows' }),
    ]);
    const { key: platform } = server.tenants.platform;
    const strangers = await read('?tenantId=none', platform);
    expect(strangers).toContainEqual(
      expect.objectContaining({
        tenantId: null,
        route,
        actor: expect.objectContaining({ kind: 'ANONYMOUS' }),
      }),
    );
    expect(await read('?limit=200')).not.toContainEqual(expect.objectContaining({ tenantId: null }));
    expect(await server.call('GET', '/api/v1/audit?tenantId=none', { key: server.tenants.a.key })).toEqual(
      failure(403, 'FORBIDDEN', /Only the platform tenant/),
    );
  });

  it('has an act that changes no row, whether or not it could be done', async () => {
    const { key } = server.tenants.a;
    await server.call('GET', `/api/v1/workflows/${workflowId}/download-url`, { key });
    const eid = randomUUID();
    await server.call('POST', `/api/v1/workflows/${workflowId}/executions/${eid}/cancel`, { key });
    expect(await read('?outcome=ASKED')).toEqual([
      expect.objectContaining({ operation: 'cancel', object: { kind: 'executions', id: eid, name: null } }),
      expect.objectContaining({
        operation: 'download-url',
        object: { kind: 'workflows', id: workflowId, name: null },
      }),
    ]);
  });

  it('pages by seq and filters by time', async () => {
    const everything = await read('?limit=200');
    const first = await read('?limit=2');
    const second = await read(`?limit=2&before=${first[1]!.seq}`);
    expect([...first, ...second].map(({ seq }) => seq)).toEqual(everything.slice(0, 4).map(({ seq }) => seq));
    expect(await read('?until=2020-01-01T00:00:00.000Z')).toEqual([]);
    expect((await read('?since=2020-01-01T00:00:00.000Z&limit=200')).length).toBe(everything.length);
  });

  it('holds no value: no secret, configuration or signing secret, whatever is done with it', async () => {
    const { key } = server.tenants.a;
    const ok = async (method: string, path: string, body?: object): Promise<any> => {
      const reply = await server.call(method, `/api/v1${path}`, { key, ...(body ? { body } : {}) });
      expect(reply.status, `${method} ${path}`).toBeLessThan(300);
      return reply.body.data;
    };
    const value = (kind: string) => `${kind}-${randomUUID()}`;
    const [secret, config, later, shared] = ['secret', 'config', 'later', 'shared'].map(value);
    const base = '/workflow-secrets-configs';
    await ok('POST', `${base}/secrets`, { key: 'audited', value: secret });
    await ok('DELETE', `${base}/secrets/audited`);
    await ok('POST', `${base}/configs`, { key: 'audited', value: config });
    await ok('PUT', `${base}/configs/audited`, { value: later });
    await ok('DELETE', `${base}/configs/audited`);
    await ok('POST', '/event-types', { name: 'audited.sent' });
    const bearer = await ok('POST', '/integrations/bearer/ingress', {
      auth: 'BEARER',
      eventType: 'audited.sent',
    });
    const hmac = await ok('POST', '/integrations/hmac/ingress', {
      preset: 'github',
      eventType: 'audited.sent',
      secret: shared,
    });
    const rotatedBearer = await ok('POST', '/integrations/bearer/ingress/rotate');
    await ok('DELETE', '/integrations/hmac/ingress');
    const webhook = await ok('POST', '/webhooks', { url: 'https://example.com/', statuses: ['FAILED'] });
    const rotated = await ok('POST', `/webhooks/${webhook.id}/rotate-secret`);
    await ok('DELETE', `/webhooks/${webhook.id}`);

    const shown = [bearer, rotatedBearer, webhook, rotated].map(({ secret: text }) => text as string);
    for (const text of shown) expect(text).toEqual(expect.stringMatching(/.{20}/));
    expect(hmac.secret).toBeNull();
    const text = await wholeLog();
    expect(text).toContain('audited');
    for (const one of [secret!, config!, later!, shared!]) expect(text).not.toContain(one);
    for (const one of shown) expect(text).not.toContain(one.slice(12));
  });

  it('holds no value: no key, whoever made it', async () => {
    const { key, principalId } = server.tenants.a;
    const made = await server.call<CreatedApiKey>('POST', '/api/v1/keys', {
      key,
      body: { memberId: principalId, roles: ['workflow_developer'] },
    });
    const rotated = await server.call<CreatedApiKey>('POST', `/api/v1/keys/${made.body.data.id}/rotate`, {
      key,
    });
    const tenant = await server.call<CreatedTenant>('POST', '/api/v1/tenants', {
      key: server.tenants.platform.key,
      body: { slug: 'silent' },
    });
    const text = await wholeLog();
    const values = [key, made.body.data.key, rotated.body.data.key, tenant.body.data.adminKey.key];
    // The audit log names keys by their first ten characters, as lists do.
    for (const value of values) expect(text).not.toContain(value.slice(10));
  });
});
