import { randomUUID } from 'node:crypto';
import { actionsOf, ROLES, temporalWorkflowId, type Action, type Role } from '@pegasus-workflows/contracts';
import { eq } from 'drizzle-orm';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  createKey,
  revokeKey,
  routeTable,
  schema,
  type RouteEntry,
} from '../../packages/server/src/index.js';
import { artifact } from './artifacts.js';
import { forEachDialect, testServer, type TestServer } from './support.js';

/** Calls that name no object in their path: what tenant B gets where tenant A has something. */
const WITHOUT_ID: Record<string, number> = {
  'POST /api/v1/workflows/upload-url': 201,
  'POST /api/v1/workflows': 404,
  'GET /api/v1/workflows': 200,
  'GET /api/v1/workflows/requirements-summary': 200,
  'GET /api/v1/workflow-secrets-configs/secrets': 200,
  'POST /api/v1/workflow-secrets-configs/secrets': 400,
  'GET /api/v1/workflow-secrets-configs/configs': 200,
  'POST /api/v1/workflow-secrets-configs/configs': 400,
  'PUT /api/v1/workflow-secrets-configs/configs/:key': 400,
  'GET /api/v1/master-keys': 403,
  'GET /api/v1/whoami': 200,
  'GET /api/v1/tenant': 200,
  'GET /api/v1/members': 200,
  'POST /api/v1/members': 201,
  'GET /api/v1/keys': 200,
  'POST /api/v1/keys': 404,
  'GET /api/v1/audit': 200,
  'GET /api/v1/executions/stream': 200,
  'GET /api/v1/executions/batches': 200,
  'POST /api/v1/executions/batches/cancel': 400,
  'POST /api/v1/executions/batches/retry': 400,
  'POST /api/v1/executions/batches/terminate': 400,
};
/** Calls that the platform tenant alone may make, whatever roles a key of another tenant has. */
const PLATFORM_ONLY = /^\/api\/v1\/tenants(\/|$)/;
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
    const { id: keyId } = await server.keyOf(['workflow_developer']);
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
    const [trigger] = await server.services.db.tenant(a.id, (tx) =>
      tx
        .insert(schema.triggers)
        .values({ tenantId: a.id, workflowId, kind: 'SCHEDULE', cronExpression: '0 0 1 1 *' })
        .returning(),
    );
    ids = {
      tid: trigger!.id,
      id: workflowId,
      eid,
      tenantId: b.id,
      sha256: artifactSha256,
      workflowId,
      filename: 'demo-1.0.0.zip',
      'members/:id': a.principalId,
      'keys/:id': keyId,
      'tenants/:id': a.id,
    };
  });
  afterAll(() => server?.close());

  /** The status of every route, with the ids of tenant A filled in. */
  async function statuses(entries: readonly RouteEntry[], key: string | undefined, headers = {}) {
    const found: Record<string, number> = {};
    for (const entry of entries) {
      const path = entry.path.replace(
        /(\w+)\/:(\w+)/g,
        (_all, kind: string, name: string) => `${kind}/${ids[`${kind}/:${name}`] ?? ids[name] ?? 'unknown'}`,
      );
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
    if (labelOf(entry).endsWith('/upload-url'))
      return { name: `b${randomUUID().slice(0, 8)}`, version: '1.0.0', sizeBytes: 1 };
    if (labelOf(entry) === 'POST /api/v1/members')
      return { kind: 'SERVICE_ACCOUNT', name: randomUUID(), roles: ['integration_publisher'] };
    if (labelOf(entry) === 'POST /api/v1/keys')
      return { memberId: ids['members/:id'], roles: ['integration_publisher'] };
    if (labelOf(entry) === 'POST /api/v1/tenants') return { slug: 'another' };
    if (labelOf(entry).endsWith(':id/triggers')) return { kind: 'SCHEDULE', cronExpression: '0 0 1 1 *' };
    if (entry.path.endsWith('/backfill')) return { from: '2026-01-01T00:00:00Z', to: '2026-01-01T00:00:00Z' };
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

  /** A key of a new member of a tenant. `memberRoles` null: the key says it alone. */
  async function keyOfMember(
    tenantId: string,
    roles: Role[],
    over: { memberRoles?: Role[]; expiresAt?: Date } = {},
  ) {
    const { memberRoles = null, expiresAt } = over;
    return server.services.db.tenant(tenantId, async (tx) => {
      const [member] = await tx
        .insert(schema.principals)
        .values({ tenantId, kind: 'SERVICE_ACCOUNT', name: randomUUID(), roles: memberRoles })
        .returning();
      const made = await createKey(tx, { tenantId, principalId: member!.id, roles, expiresAt });
      return { ...made, memberId: member!.id };
    });
  }

  it('answers 401 to every key that works no more', async () => {
    const { db, clock } = server.services;
    const { a } = server.tenants;
    const makeDead: Record<string, () => Promise<string>> = {
      revoked: async () => {
        const { key, id } = await keyOfMember(a.id, ['tenant_admin']);
        await db.tenant(a.id, (tx) => revokeKey(tx, id, clock()));
        return key;
      },
      expired: async () => (await keyOfMember(a.id, ['tenant_admin'], { expiresAt: new Date(1) })).key,
      'of a disabled member': async () => {
        const { key, memberId } = await keyOfMember(a.id, ['tenant_admin']);
        const { principals } = schema;
        await db.tenant(a.id, (tx) =>
          tx.update(principals).set({ disabledAt: clock() }).where(eq(principals.id, memberId)),
        );
        return key;
      },
      'of a removed member': async () => {
        const { key, memberId } = await keyOfMember(a.id, ['tenant_admin']);
        const { principals } = schema;
        await db.tenant(a.id, (tx) =>
          tx.update(principals).set({ removedAt: clock() }).where(eq(principals.id, memberId)),
        );
        return key;
      },
      'of a disabled tenant': async () => {
        const [gone] = await db.system((tx) =>
          tx.insert(schema.tenants).values({ slug: 'gone', disabledAt: clock() }).returning(),
        );
        return (await keyOfMember(gone!.id, ['tenant_admin'])).key;
      },
    };
    for (const [what, make] of Object.entries(makeDead))
      expect(await statuses(keyed(), await make()), what).toEqual(all(keyed(), 401));
  });

  const needs = ({ action }: RouteEntry, held: ReadonlySet<Action>) =>
    action === 'any-key' || held.has(action as Action);
  /** What a key of tenant B gets for tenant A's ids. */
  const expected = (held: ReadonlySet<Action>) =>
    Object.fromEntries(
      keyed().map((entry) => {
        if (!needs(entry, held) || PLATFORM_ONLY.test(entry.path)) return [labelOf(entry), 403];
        const status = WITHOUT_ID[labelOf(entry)] ?? (entry.path.includes(':') ? 404 : undefined);
        return [labelOf(entry), status];
      }),
    );

  it('answers 403 to a key that lacks the action, about its own tenant’s things too', async () => {
    const before = await server.snapshot();
    for (const role of ROLES) {
      const lacking = keyed().filter((entry) => !needs(entry, actionsOf([role])));
      const { key } = await keyOfMember(server.tenants.a.id, [role]);
      expect(await statuses(lacking, key), role).toEqual(all(lacking, 403));
    }
    expect(await server.snapshot()).toEqual(before);
  });

  /** All that tenant A has, but for when its keys were last used. */
  const ofTenantA = () =>
    server.services.db.tenant(server.tenants.a.id, async (tx) => ({
      tenants: await tx.select().from(schema.tenants),
      members: await tx.select().from(schema.principals).orderBy(schema.principals.id),
      keys: (await tx.select().from(schema.apiKeys).orderBy(schema.apiKeys.id)).map((row) => ({
        ...row,
        lastUsedAt: null,
      })),
    }));

  it("answers each role, about another tenant's ids, with what it may not and what is not there, and changes nothing", async () => {
    const before = await server.snapshot();
    const access = await ofTenantA();
    for (const role of ROLES) {
      const { key } = await keyOfMember(server.tenants.b.id, [role]);
      expect(await statuses(keyed(), key), role).toEqual(expected(actionsOf([role])));
      const narrowed = await keyOfMember(server.tenants.b.id, ['tenant_admin'], { memberRoles: [role] });
      expect(await statuses(keyed(), narrowed.key), `member with ${role}`).toEqual(
        expected(actionsOf([role])),
      );
    }
    const after = await server.snapshot();
    // upload-url reserved names in tenant B, and that is all.
    const others = after.uploads.filter(({ tenantId }) => tenantId !== server.tenants.b.id);
    expect({ ...after, uploads: others }).toEqual(before);
    expect(await ofTenantA()).toEqual(access);
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
