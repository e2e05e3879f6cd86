import { randomUUID } from 'node:crypto';
import { type CreatedApiKey, type CreatedTenant, type Member, type Role } from '@pegasus-workflows/contracts';
import { eq } from 'drizzle-orm';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { schema } from '../../packages/server/src/index.js';
import { failure, forEachDialect, testServer, type TestServer } from '../server/support.js';

forEachDialect('members and keys', (open) => {
  let server: TestServer;
  let admin: string;
  let platform: string;
  beforeAll(async () => {
    server = await testServer(await open());
    admin = server.tenants.a.key;
    platform = server.tenants.platform.key;
  });
  afterAll(() => server?.close());

  const addMember = async (roles: Role[], key = admin): Promise<Member> => {
    const body = { kind: 'SERVICE_ACCOUNT', name: `robot-${randomUUID()}`, roles };
    const reply = await server.call<Member>('POST', '/api/v1/members', { key, body });
    expect(reply.status).toBe(201);
    return reply.body.data;
  };
  const addKey = async (memberId: string, roles: Role[], over = {}): Promise<CreatedApiKey> => {
    const body = { memberId, roles, ...over };
    const reply = await server.call<CreatedApiKey>('POST', '/api/v1/keys', { key: admin, body });
    expect(reply).toMatchObject({ status: 201 });
    expect(reply.headers.get('cache-control')).toBe('no-store');
    return reply.body.data;
  };
  const patchMember = (id: string, body: object) =>
    server.call('PATCH', `/api/v1/members/${id}`, { key: admin, body });
  const statusOf = async (key: string, path = '/api/v1/whoami') =>
    (await server.call('GET', path, { key })).status;

  it('shows a key once, and in no list', async () => {
    const member = await addMember(['workflow_developer']);
    const { key, ...listed } = await addKey(member.id, ['workflow_developer'], { name: 'ci' });
    expect(key).toMatch(/^vnd_[0-9A-Za-z]{40}$/);
    const reply = await server.call('GET', `/api/v1/keys?memberId=${member.id}`, { key: admin });
    expect(reply.body.data).toEqual([listed]);
    expect(await statusOf(key)).toBe(200);
  });

  it('allows a key what both it and its member may, from the next call on', async () => {
    const member = await addMember(['tenant_admin']);
    const { key } = await addKey(member.id, ['tenant_admin']);
    expect(await statusOf(key, '/api/v1/members')).toBe(200);
    expect((await patchMember(member.id, { roles: ['integration_publisher'] })).status).toBe(200);
    expect(await statusOf(key, '/api/v1/members')).toBe(403);
    const { actions } = (await server.call('GET', '/api/v1/whoami', { key })).body.data;
    expect(actions).toEqual(['ReadIntegrationConfig', 'PublishIntegrationConfig']);
  });

  it('refuses every key of a member that is disabled or removed, from the next call on', async () => {
    const member = await addMember(['workflow_developer']);
    const { key, id } = await addKey(member.id, ['workflow_developer']);
    await patchMember(member.id, { disabled: true });
    expect(await statusOf(key)).toBe(401);
    await patchMember(member.id, { disabled: false });
    expect(await statusOf(key)).toBe(200);
    const gone = await server.call('DELETE', `/api/v1/members/${member.id}`, { key: admin });
    expect(gone.status).toBe(204);
    expect(await statusOf(key)).toBe(401);
    const { body } = await server.call('GET', `/api/v1/keys?all=true&memberId=${member.id}`, { key: admin });
    expect(body.data).toEqual([expect.objectContaining({ id, revokedAt: expect.any(String) })]);
    expect((await patchMember(member.id, { disabled: false })).status).toBe(404);
  });

  it('gives no key more than its member may have', async () => {
    const member = await addMember(['integration_publisher']);
    const body = { memberId: member.id, roles: ['workflow_developer'] };
    expect(await server.call('POST', '/api/v1/keys', { key: admin, body })).toEqual(
      failure(409, 'CONFLICT', /more than the member may/),
    );
  });

  it('takes an e-mail address and a service account name once, and again after a removal', async () => {
    const person = { kind: 'USER', email: 'Ada@Example.com', roles: ['workflow_developer'] };
    const add = (body: object) => server.call<Member>('POST', '/api/v1/members', { key: admin, body });
    const ada = await add(person);
    expect(ada).toMatchObject({
      status: 201,
      body: { data: { email: 'ada@example.com', name: 'ada@example.com' } },
    });
    expect((await add({ ...person, email: 'ada@example.com' })).status).toBe(409);
    await server.call('DELETE', `/api/v1/members/${ada.body.data.id}`, { key: admin });
    expect((await add(person)).status).toBe(201);
    const robot = { kind: 'SERVICE_ACCOUNT', name: 'same', roles: ['workflow_developer'] };
    expect([(await add(robot)).status, (await add(robot)).status]).toEqual([201, 409]);
  });

  it('lets the old key work until the overlap of a rotation ends, and not after', async () => {
    const member = await addMember(['workflow_developer']);
    const old = await addKey(member.id, ['workflow_developer'], { name: 'deploy' });
    const rotate = (id: string, body: object) =>
      server.call<CreatedApiKey>('POST', `/api/v1/keys/${id}/rotate`, { key: admin, body });
    const { status, body } = await rotate(old.id, { overlapSeconds: 60 });
    expect(status).toBe(201);
    expect(body.data).toMatchObject({
      name: 'deploy',
      rotatedFromId: old.id,
      roles: old.roles,
      expiresAt: null,
    });
    expect([await statusOf(old.key), await statusOf(body.data.key)]).toEqual([200, 200]);
    expect(await rotate(old.id, {})).toEqual(failure(409, 'CONFLICT', /has been rotated already/));
    server.turnClock(61_000);
    expect([await statusOf(old.key), await statusOf(body.data.key)]).toEqual([401, 200]);
    server.resetClock();
    const last = await rotate(body.data.id, { overlapSeconds: 0 });
    expect([await statusOf(body.data.key), await statusOf(last.body.data.key)]).toEqual([401, 200]);
    expect((await rotate(body.data.id, {})).status).toBe(409);
  });

  it('keeps the last working key of an administrator, also when two are taken away at once', async () => {
    const { key: root } = server.tenants.platform;
    const made = await server.call<CreatedTenant>('POST', '/api/v1/tenants', {
      key: root,
      body: { slug: `last-${server.services.db.dialect}` },
    });
    const { adminKey } = made.body.data;
    const key = adminKey.key;
    const revoke = (id: string) => server.call('DELETE', `/api/v1/keys/${id}`, { key });
    expect(await revoke(adminKey.id)).toEqual(failure(409, 'CONFLICT', /without a working key/));
    const member = `/api/v1/members/${adminKey.memberId}`;
    for (const body of [{ disabled: true }, { roles: ['workflow_developer'] }])
      expect((await server.call('PATCH', member, { key, body })).status).toBe(409);
    expect((await server.call('DELETE', member, { key })).status).toBe(409);
    const second = await server.call<CreatedApiKey>('POST', '/api/v1/keys', {
      key,
      body: { memberId: adminKey.memberId, roles: ['tenant_admin'] },
    });
    const both = await Promise.all([revoke(adminKey.id), revoke(second.body.data.id)]);
    // The second may find its own key revoked already; the tenant has one that works either way.
    expect(both.filter(({ status }) => status === 204)).toHaveLength(1);
    const works = [await statusOf(key), await statusOf(second.body.data.key)];
    expect(works.filter((status) => status === 200)).toHaveLength(1);
  });

  it('says 404 of members and keys of another tenant', async () => {
    const member = await addMember(['workflow_developer']);
    const { id } = await addKey(member.id, ['workflow_developer']);
    const stranger = server.tenants.b.key;
    const calls = [
      server.call('PATCH', `/api/v1/members/${member.id}`, { key: stranger, body: { disabled: true } }),
      server.call('DELETE', `/api/v1/members/${member.id}`, { key: stranger }),
      server.call('POST', `/api/v1/keys/${id}/rotate`, { key: stranger, body: {} }),
      server.call('DELETE', `/api/v1/keys/${id}`, { key: stranger }),
      server.call('POST', '/api/v1/keys', {
        key: stranger,
        body: { memberId: member.id, roles: ['workflow_developer'] },
      }),
    ];
    for (const { status } of await Promise.all(calls)) expect(status).toBe(404);
  });

  it('pages through keys, newest first', async () => {
    const member = await addMember(['workflow_developer']);
    const ids: string[] = [];
    for (let i = 0; i < 3; i++) ids.unshift((await addKey(member.id, ['workflow_developer'])).id);
    const page = async (rest: string) =>
      (
        await server.call('GET', `/api/v1/keys?memberId=${member.id}&limit=2${rest}`, { key: admin })
      ).body.data.map(({ id }: { id: string }) => id);
    const first = await page('');
    const second = await page(`&before=${first[1]}`);
    expect([...first, ...second].sort()).toEqual([...ids].sort());
  });

  it('keeps tenants to the platform tenant, and lets everybody see their own', async () => {
    const made = await server.call<CreatedTenant>('POST', '/api/v1/tenants', {
      key: platform,
      body: { slug: 'acme', displayName: 'Acme', quotas: { maxOpenExecutions: 3 } },
    });
    expect(made).toMatchObject({
      status: 201,
      body: { data: { slug: 'acme', quotas: { maxOpenExecutions: 3 } } },
    });
    const { id, adminKey } = made.body.data;
    const path = `/api/v1/tenants/${id}`;
    const own = await server.call('GET', '/api/v1/tenant', { key: adminKey.key });
    expect(own).toMatchObject({ status: 200, body: { data: { id, displayName: 'Acme' } } });
    for (const [method, at, body] of [
      ['GET', '/api/v1/tenants', undefined],
      ['GET', path, undefined],
      ['POST', '/api/v1/tenants', { slug: 'mine' }],
      ['PATCH', path, { quotas: { maxOpenExecutions: null } }],
      ['POST', `${path}/admin-key`, undefined],
    ] as const)
      expect((await server.call(method, at, { key: adminKey.key, body })).status).toBe(403);
    expect(
      (await server.call('POST', '/api/v1/tenants', { key: platform, body: { slug: 'acme' } })).status,
    ).toBe(409);

    const patch = (at: string, body: object) => server.call('PATCH', at, { key: platform, body });
    expect((await patch(path, { disabled: true })).body.data.disabledAt).toEqual(expect.any(String));
    expect(await statusOf(adminKey.key)).toBe(401);
    await patch(path, { disabled: false });
    expect(await statusOf(adminKey.key)).toBe(200);
    expect((await patch(`/api/v1/tenants/${server.tenants.platform.id}`, { disabled: true })).status).toBe(
      409,
    );

    const again = await server.call<CreatedApiKey>('POST', `${path}/admin-key`, { key: platform });
    expect(await statusOf(again.body.data.key, '/api/v1/members')).toBe(200);
    const listed = await server.call('GET', '/api/v1/tenants', { key: platform });
    expect(listed.body.data.map(({ slug }: { slug: string }) => slug)).toContain('acme');
  });

  it('keeps when a key was last used, by one write for many uses, and forgets no key for it', async () => {
    const { key, id } = await addKey((await addMember(['workflow_developer'])).id, ['workflow_developer']);
    const stored = () =>
      server.services.db.system((tx) => tx.select().from(schema.apiKeys).where(eq(schema.apiKeys.id, id)));
    for (let i = 0; i < 3; i++) await statusOf(key);
    expect((await stored())[0]!.lastUsedAt).toBeNull();
    await server.keyUsage.flush();
    expect((await stored())[0]!.lastUsedAt).toEqual(expect.any(Date));
    const { body } = await server.call('GET', `/api/v1/audit?object=api_keys/${id}`, { key: admin });
    expect(body.data.map(({ operation }: { operation: string }) => operation)).toEqual(['INSERT']);
  });
});
