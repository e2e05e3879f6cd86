import { randomInt, randomUUID } from 'node:crypto';
import { actionsOf, ROLES, RUNTIME_ACTIONS, type Action, type Role } from '@pegasus-workflows/contracts';
import { eq, getTableName } from 'drizzle-orm';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  createKey,
  revokeKey,
  routeTable,
  schema,
  type RouteEntry,
} from '../../packages/server/src/index.js';
import { belongingsOfA, type Ids } from './matrix/belongings.js';
import { columnsOf, tenantTables } from './matrix/rows.js';
import { openRun } from './matrix/runs.js';
import { forEachDialect, testServer, type TestServer } from './support.js';

/**
 * Calls that name no object in their path, or make one of a name that the caller chooses: what tenant B gets where
 * tenant A has something.
 */
const WITHOUT_ID: Record<string, number> = {
  'POST /api/v1/workflows/upload-url': 201,
  'POST /api/v1/workflows': 404,
  'GET /api/v1/workflows': 200,
  'GET /api/v1/workflows/requirements-summary': 200,
  'GET /api/v1/workflow-secrets-configs/secrets': 200,
  'POST /api/v1/workflow-secrets-configs/secrets': 201,
  'GET /api/v1/workflow-secrets-configs/configs': 200,
  'POST /api/v1/workflow-secrets-configs/configs': 201,
  'PUT /api/v1/workflow-secrets-configs/configs/:key': 201,
  'GET /api/v1/master-keys': 403,
  'GET /api/v1/integration-projections/runtime/:integration/:entityType': 200,
  'PUT /api/v1/integration-projections/runtime/:integration/:entityType/:key': 201,
  'GET /api/v1/whoami': 200,
  'GET /api/v1/tenant': 200,
  'GET /api/v1/quotas': 200,
  'GET /api/v1/members': 200,
  'POST /api/v1/members': 201,
  'GET /api/v1/keys': 200,
  'POST /api/v1/keys': 404,
  'GET /api/v1/audit': 200,
  'GET /api/v1/external-connections': 200,
  'POST /api/v1/external-connections': 201,
  'POST /api/v1/external-calls': 404,
  // No provider is set up.
  'POST /api/v1/sms/send': 404,
  'GET /api/v1/sms/messages': 200,
  'GET /api/v1/sms/provider': 404,
  'PUT /api/v1/sms/provider': 201,
  'DELETE /api/v1/sms/provider': 204,
  'GET /api/v1/sms/opt-outs': 200,
  'PUT /api/v1/sms/opt-outs/:number': 201,
  // No host offers tenant B a workspace.
  'POST /api/v1/agents/dispatches': 404,
  'GET /api/v1/agents/dispatches': 200,
  'GET /api/v1/agents/workspaces': 200,
  'GET /api/v1/executions/stream': 200,
  'GET /api/v1/executions/batches': 200,
  'POST /api/v1/executions/batches/cancel': 202,
  'POST /api/v1/executions/batches/retry': 202,
  'POST /api/v1/executions/batches/terminate': 202,
  'GET /api/v1/event-types': 200,
  'POST /api/v1/event-types': 201,
  'GET /api/v1/events': 200,
  'GET /api/v1/events/dead-letters': 200,
  'POST /api/v1/events/dead-letters/replay': 200,
  'GET /api/v1/integrations/ingress': 200,
  'GET /api/v1/integrations/configs': 200,
  'GET /api/v1/integrations/requirements-summary': 200,
  'GET /api/v1/integrations/floors': 200,
  'GET /api/v1/integrations/floors/:floor': 200,
  'GET /api/v1/integrations/mapping-schema': 200,
  // A configuration's name is the tenant's own, and a record of no configuration is let pass.
  'POST /api/v1/integrations/:id/config': 201,
  'POST /api/v1/integrations/:id/config/validate': 200,
  'POST /api/v1/integrations/:id/validate': 200,
  // The event type that it names is tenant A's.
  'POST /api/v1/integrations/:id/ingress': 400,
  'GET /api/v1/payload-keys': 200,
  'POST /api/v1/payload-keys/rotate': 201,
  'POST /api/v1/codec/decode': 200,
  'POST /api/v1/codec/encode': 200,
  'GET /api/v1/webhooks': 200,
  'POST /api/v1/webhooks': 201,
};
/** What is the same for every tenant. */
const NAMED_BY_ALL: Record<string, string> = { ':floor': 'order' };
/** Bodies of calls that an empty object is no body for; `ids` are tenant A's. */
const BODIES: Record<string, (ids: Ids) => object> = {
  'POST /api/v1/agents/dispatches': () => ({
    workspace: 'shop',
    task: { role: 'coder', prompt: 'Mend it.', permissionMode: 'ask' },
  }),
  'POST /api/v1/agents/dispatches/:id/answer': () => ({ questionId: 'call_1', answer: 'refused' }),
  'PUT /internal/v1/agents/hosts/:hostId': () => ({ workspaces: [], models: [] }),
  'POST /internal/v1/agents/dispatches/:tenantId/:id/report': () => ({
    ...{ at: 1, events: [], state: 'RUNNING', question: null, result: null, tokensIn: 0, tokensOut: 0 },
  }),
  'POST /internal/v1/closed-runs': () => ({ runs: [{ workflowId: 'a', runId: 'b' }] }),
  'POST /internal/v1/eager-tasks': (ids) => ({ supervisorId: ids['tenants/:id'], taskQueues: [] }),
  'POST /internal/v1/execution-logs': (ids) => ({
    producer: randomUUID(),
    sequence: 1,
    tenantId: ids['tenants/:id'],
    entries: [{ at: 1, level: 'info', source: 'process', message: 'hello' }],
  }),
  'POST /internal/v1/quarantines': (ids) => ({
    reportId: randomUUID(),
    tenantId: ids['tenants/:id'],
    artifactSha256: '0'.repeat(64),
    cause: 'CRASHED',
    crashes: 1,
    windowSeconds: 1,
    exitCode: 1,
    signal: null,
  }),
  'POST /api/v1/workflows/upload-url': () => ({ name: fresh(), version: '1.0.0', sizeBytes: 1 }),
  'POST /api/v1/workflows/:id/fork': () => ({}),
  'POST /api/v1/workflow-secrets-configs/secrets': () => ({ key: fresh(), value: 'v' }),
  'POST /api/v1/workflow-secrets-configs/configs': () => ({ key: fresh(), value: 'v' }),
  'PUT /api/v1/workflow-secrets-configs/configs/:key': () => ({ value: 'v' }),
  'POST /api/v1/members': () => ({
    kind: 'SERVICE_ACCOUNT',
    name: fresh(),
    roles: ['integration_publisher'],
  }),
  'POST /api/v1/keys': (ids) => ({ memberId: ids['members/:id'], roles: ['integration_publisher'] }),
  'POST /api/v1/tenants': () => ({ slug: 'another' }),
  'POST /api/v1/event-types': () => ({ name: fresh() }),
  'POST /api/v1/integrations/:id/ingress': () => ({ auth: 'BEARER', eventType: 'parcel.sent' }),
  'PUT /api/v1/integration-projections/runtime/:integration/:entityType/:key': () => ({ state: 'known' }),
  'PUT /api/v1/sms/provider': () => ({ kind: 'LOG' }),
  'POST /api/v1/sms/send': () => ({ to: freshNumber(), body: 'hello' }),
  'POST /api/v1/external-connections': () => ({
    name: fresh(),
    baseUrl: 'https://example.com',
    auth: 'NONE',
  }),
  'POST /api/v1/external-calls': (ids) => ({
    connection: ids['external-connections/:id'],
    method: 'POST',
    path: '/orders',
  }),
  'POST /api/v1/integrations/:id/config': () => ({ mapping: {}, rules: [], corpus: [] }),
  'POST /api/v1/integrations/:id/validate': () => ({ order: {} }),
  'POST /api/v1/integrations/:id/map-to-external': () => ({ data: {} }),
  'POST /api/v1/integrations/:id/map-from-external': () => ({ data: {} }),
  'POST /api/v1/integrations/:id/deliver-to-external': () => ({ data: {} }),
  'POST /api/v1/integrations/:id/call-external': () => ({ method: 'POST', path: '/orders' }),
  'POST /api/v1/executions/batches/cancel': () => ({ filter: { workflowName: fresh() } }),
  'POST /api/v1/executions/batches/retry': () => ({ filter: { workflowName: fresh() } }),
  'POST /api/v1/executions/batches/terminate': () => ({ filter: { workflowName: fresh() } }),
  'POST /api/v1/codec/decode': () => ({ payloads: [] }),
  'POST /api/v1/codec/encode': () => ({ payloads: [] }),
  'POST /api/v1/webhooks': () => ({ url: 'https://example.com/told', statuses: ['FAILED'] }),
  'POST /api/v1/workflows/:id/triggers': () => ({ kind: 'SCHEDULE', cronExpression: '0 0 1 1 *' }),
  'POST /api/v1/workflows/:id/triggers/:tid/backfill': () => ({
    from: '2026-01-01T00:00:00Z',
    to: '2026-01-01T00:00:00Z',
  }),
  'POST /api/v1/workflows/:id/executions/:eid/signal': () => ({ name: 'anything' }),
  'POST /api/v1/workflows/:id/executions/:eid/query': () => ({ name: 'anything' }),
  'POST /api/v1/workflows/:id/executions/:eid/update': () => ({ name: 'anything' }),
  'POST /api/v1/workflows/:id/executions/:eid/reset': () => ({ to: 'last-workflow-task' }),
};
/** Calls that the platform tenant alone may make, whatever roles a key of another tenant has. */
const PLATFORM_ONLY = /^\/api\/v1\/tenants(\/|$)/;
/** Calls that need no key: what they say to a caller who brings nothing. */
const PUBLIC: Record<string, number> = {
  'GET /health': 200,
  'GET /ready': 200,
  'GET /metrics': 200,
  'PUT /uploads/:workflowId': 403,
  'POST /ingress/:ingressId': 401,
  'GET /downloads/:sha256/:filename': 403,
};
/** What tenant A's own key gets of tenant A's things, where reading them is not 200. */
const OWN: Record<string, number> = {
  'GET /api/v1/master-keys': 403,
  // The run is over and its history gone.
  'GET /api/v1/workflows/:id/executions/:eid/handlers': 409,
  'GET /api/v1/workflows/:id/executions/:eid/history/export': 409,
  'GET /api/v1/workflows/:id/executions/:eid/updates/:updateId': 409,
};
const RUNNER: Record<string, number> = {
  'GET /internal/v1/demand': 200,
  'POST /internal/v1/closed-runs': 204,
  'POST /internal/v1/eager-tasks': 200,
  'GET /internal/v1/artifacts/:tenantId/:sha256': 404,
  'GET /internal/v1/tenants/:tenantId/payload-keys': 200,
  'GET /internal/v1/tenants/:tenantId/blobs/:sha256': 404,
  // The bytes have another SHA-256 than the one in the path.
  'PUT /internal/v1/tenants/:tenantId/blobs/:sha256': 400,
  'POST /internal/v1/execution-logs': 200,
  'POST /internal/v1/quarantines': 204,
  'PUT /internal/v1/agents/hosts/:hostId': 204,
  'POST /internal/v1/agents/dispatches/:tenantId/:id/report': 204,
};

const RUNTIME: ReadonlySet<string> = new Set(RUNTIME_ACTIONS);
const fresh = () => `n${randomUUID().slice(0, 8)}`;
const freshNumber = () => `+49151${randomInt(10_000_000, 100_000_000)}`;
const unknownParameter = ({ method, path }: RouteEntry, parameter: string) =>
  `${method} ${path}: nothing of tenant A is known for ${parameter}; make one in tests/server/matrix/belongings.ts and return it as '${parameter}'.`;

forEachDialect('tenant matrix', (open) => {
  let server: TestServer;
  let ids: Ids;
  let finalizeBody: object;
  const labelOf = ({ method, path }: RouteEntry) => `${method} ${path}`;
  const routes = () => routeTable(server.app);
  const keyed = () => routes().filter(({ action }) => action !== 'public' && action !== 'runner');

  beforeAll(async () => {
    server = await testServer(await open());
    ({ ids, finalizeBody } = await belongingsOfA(server));
  });
  afterAll(() => server?.close());

  /** The path with the ids of tenant A filled in; of what a tenant names itself, with a new name. */
  const pathOf = (entry: RouteEntry): string => {
    const parts = entry.path.split('/');
    const value = (part: string, before: string): string => {
      if (!part.startsWith(':')) return part;
      if (labelOf(entry) in WITHOUT_ID)
        return NAMED_BY_ALL[part] ?? (part === ':number' ? freshNumber() : fresh());
      const found = ids[`${before}/${part}`] ?? ids[part.slice(1)];
      if (found === undefined) throw new Error(unknownParameter(entry, `${before}/${part}`));
      return found;
    };
    return parts.map((part, i) => value(part, parts[i - 1] ?? '')).join('/');
  };

  /** The status of every route, with the ids of tenant A filled in. */
  async function statuses(entries: readonly RouteEntry[], key: string | undefined, headers = {}) {
    const found: Record<string, number> = {};
    for (const entry of entries) {
      const body = bodyOf(entry);
      const reply = await server.call(entry.method, pathOf(entry), {
        key,
        headers,
        ...(body ? { body } : {}),
      });
      found[labelOf(entry)] = reply.status;
      if (reply.status >= 400 && labelOf(entry) !== 'GET /ready') {
        expect(reply.body, labelOf(entry)).toMatchObject({
          error: expect.any(String),
          code: expect.any(String),
        });
        expect(JSON.stringify(reply.body), labelOf(entry)).not.toContain(server.tenants.a.id);
      }
    }
    return found;
  }
  const bodyOf = (entry: RouteEntry): object | undefined => {
    if (!entry.hasBody) return undefined;
    if (labelOf(entry) === 'POST /api/v1/workflows') return finalizeBody;
    return BODIES[labelOf(entry)]?.(ids) ?? {};
  };
  const all = (entries: readonly RouteEntry[], status: number) =>
    Object.fromEntries(entries.map((entry) => [labelOf(entry), status]));

  it('knows every call', () => {
    const labels = new Set(routes().map(labelOf));
    for (const entry of keyed()) {
      if (entry.path.includes(':') || PLATFORM_ONLY.test(entry.path) || labelOf(entry) in WITHOUT_ID)
        continue;
      expect.fail(
        `Add to WITHOUT_ID what tenant B gets: "'${labelOf(entry)}': 200,", or whatever its status is; and to BODIES a valid body, if it needs one.`,
      );
    }
    const gone = [...Object.keys({ ...WITHOUT_ID, ...BODIES, ...PUBLIC, ...RUNNER })].filter(
      (label) => !labels.has(label),
    );
    expect(gone, 'lines about calls that are not there').toEqual([]);
  });

  it('has every act on a run in the audit log', () => {
    // Those change no row that a trigger watches. A query changes nothing at all.
    const acts = keyed().filter(
      ({ method, path }) => method !== 'GET' && /\/executions\/:eid\/(?!query$)/.test(path),
    );
    expect(acts.length).toBeGreaterThan(5);
    expect(acts.filter(({ audited }) => audited === undefined)).toEqual([]);
  });

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
        return [labelOf(entry), WITHOUT_ID[labelOf(entry)] ?? 404];
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

  /** All that tenant A has, by table, but for when its keys were last used, and what it sees in the log. */
  const rowsOfTenantA = () =>
    server.services.db.tenant(server.tenants.a.id, async (tx) => {
      const found: Record<string, unknown[]> = {};
      for (const table of tenantTables()) {
        const rows = await tx.select().from(table).orderBy(columnsOf(table)[0]!);
        found[getTableName(table)] = rows.map((row) => ({ ...row, lastUsedAt: null }));
      }
      return { ...found, audit_log: [] };
    });

  it("answers each role, about another tenant's ids, with what it may not and what is not there, and changes nothing", async () => {
    const before = await server.snapshot();
    const rows = await rowsOfTenantA();
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
    expect(await rowsOfTenantA()).toEqual(rows);
    const listed = await server.call('GET', '/api/v1/workflows', { key: server.tenants.b.key });
    expect(listed.body).toEqual({ data: [], meta: { count: 0 } });
  });

  it('answers each role, about its own tenant’s things, whatever it may read', async () => {
    const reads = keyed().filter(({ method }) => method === 'GET');
    for (const role of ROLES) {
      const held = actionsOf([role]);
      const { key } = await keyOfMember(server.tenants.a.id, [role]);
      const wanted = reads.map((entry) => {
        const may = needs(entry, held) && !PLATFORM_ONLY.test(entry.path);
        return [labelOf(entry), may ? (OWN[labelOf(entry)] ?? 200) : 403];
      });
      expect(await statuses(reads, key), role).toEqual(Object.fromEntries(wanted));
    }
  });

  it('shows the platform tenant other tenants, and nothing that belongs to them', async () => {
    const reads = keyed().filter(({ method }) => method === 'GET');
    const wanted = reads.map((entry) => {
      if (PLATFORM_ONLY.test(entry.path) || labelOf(entry) === 'GET /api/v1/master-keys')
        return [labelOf(entry), 200];
      return [labelOf(entry), WITHOUT_ID[labelOf(entry)] ?? 404];
    });
    expect(await statuses(reads, server.tenants.platform.key)).toEqual(Object.fromEntries(wanted));
  });

  it('lets a run call what its manifest declares, of its own tenant, and nothing else', async () => {
    const { a, b } = server.tenants;
    const declaring = await openRun(server, b, RUNTIME_ACTIONS);
    const silent = await openRun(server, b, []);
    const before = await rowsOfTenantA();
    expect(await statuses(keyed(), declaring.token)).toEqual(expected(new Set(RUNTIME_ACTIONS)));
    expect(await statuses(keyed(), silent.token)).toEqual(expected(new Set()));
    for (const action of RUNTIME_ACTIONS) {
      const one = await openRun(server, b, [action]);
      expect(await statuses(keyed(), one.token), action).toEqual(expected(new Set([action])));
      await one.end();
    }
    expect(await rowsOfTenantA()).toEqual(before);
    await silent.end();
    await declaring.end();
    expect(await statuses(keyed(), declaring.token)).toEqual(all(keyed(), 401));

    const own = await openRun(server, a, RUNTIME_ACTIONS);
    const reads = keyed().filter(({ method, action }) => method === 'GET' && action !== 'any-key');
    const wanted = reads.map((entry) => {
      const may = RUNTIME.has(entry.action);
      return [labelOf(entry), may ? (OWN[labelOf(entry)] ?? 200) : 403];
    });
    expect(await statuses(reads, own.token)).toEqual(Object.fromEntries(wanted));
    await own.end();
  });

  it('has every change that a run may make made, in a dry run, by nobody', async () => {
    const { a } = server.tenants;
    const changes = keyed().filter(({ method, action }) => method !== 'GET' && RUNTIME.has(action));
    const dry = await openRun(server, a, RUNTIME_ACTIONS, 'dry_run');
    const before = await rowsOfTenantA();
    const found = await statuses(changes, dry.token);
    // 403 is what a call without a `dryRun` of its own answers.
    expect(Object.entries(found).filter(([, status]) => status === 403)).toEqual([]);
    const recorded = 'dry_run_mutations';
    expect({ ...(await rowsOfTenantA()), [recorded]: [] }).toEqual({ ...before, [recorded]: [] });
    await dry.end();
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
