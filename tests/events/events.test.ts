import { randomUUID } from 'node:crypto';
import { type DomainEvent, type EventDetail, type EventType } from '@pegasus-workflows/contracts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { schema } from '../../packages/server/src/index.js';
import { expectGolden } from '../server/golden.js';
import { failure, forEachDialect, openAnyDialect, testServer, type TestServer } from '../server/support.js';

const SCHEMA = {
  type: 'object',
  properties: {
    orderId: { type: 'string' },
    items: { type: 'array', items: { type: 'object', required: ['sku'] } },
  },
  required: ['orderId'],
};

forEachDialect('event types and events', (open) => {
  let server: TestServer;
  let key: string;
  const create = (body: object, as = key) =>
    server.call<EventType>('POST', '/api/v1/event-types', { key: as, body });
  const emit = (name: string, body?: object, headers: Record<string, string> = {}, as = key) =>
    server.call('POST', `/api/v1/event-types/${name}/emit`, { key: as, headers, ...(body ? { body } : {}) });

  beforeAll(async () => {
    server = await testServer(await open());
    key = server.tenants.a.key;
  });
  afterAll(() => server?.close());

  it('creates, shows, changes, lists and deletes a type, in these shapes', async () => {
    const created = await create({
      name: 'order.placed',
      description: 'An order',
      payloadSchema: SCHEMA,
      domainCondition: { live: true },
    });
    expect(created.status).toBe(201);
    await expectGolden('event-type', created.body);
    const { id } = created.body.data;
    for (const name of ['order.placed', id]) {
      const shown = await server.call('GET', `/api/v1/event-types/${name}`, { key });
      expect(shown.body.data).toEqual(created.body.data);
    }
    const changed = await server.call<EventType>('PATCH', '/api/v1/event-types/order.placed', {
      key,
      body: { description: null, enabled: false },
    });
    expect(changed.body.data).toMatchObject({ description: null, enabled: false, payloadSchema: SCHEMA });
    await create({ name: 'a.first' });
    const listed = await server.call<EventType[]>('GET', '/api/v1/event-types', { key });
    expect(listed.body.data.map(({ name }) => name)).toEqual(['a.first', 'order.placed']);
    expect(listed.body.meta).toEqual({ count: 2 });
    for (const name of ['a.first', id]) {
      expect((await server.call('DELETE', `/api/v1/event-types/${name}`, { key })).status).toBe(204);
      expect((await server.call('DELETE', `/api/v1/event-types/${name}`, { key })).status).toBe(404);
    }
  });

  it.each([
    ['a reserved name', { name: 'invoice.paid' }, 409, 'CONFLICT', /is built in/],
    ['a bad name', { name: 'Order' }, 400, 'VALIDATION_ERROR', /^name: must be 1 to 128/],
    ['an unknown field', { name: 'x', colour: 1 }, 400, 'VALIDATION_ERROR', /unknown field "colour"/],
    [
      'a malformed condition',
      { name: 'x', domainCondition: { all: [] } },
      400,
      'VALIDATION_ERROR',
      /^domainCondition: is not a filter at \/all: must be a list/,
    ],
    [
      'a schema that is none',
      { name: 'x', payloadSchema: { type: 'nonsense' } },
      400,
      'VALIDATION_ERROR',
      /^payloadSchema: is not a usable JSON Schema/,
    ],
    [
      'a reference elsewhere',
      { name: 'x', payloadSchema: { $ref: 'https://example.test/x.json' } },
      400,
      'VALIDATION_ERROR',
      /can't resolve reference/,
    ],
    [
      'an asynchronous schema',
      { name: 'x', payloadSchema: { $async: true } },
      400,
      'VALIDATION_ERROR',
      /\$async/,
    ],
  ])('refuses %s, and stores nothing', async (_title, body, status, code, sentence) => {
    expect(await create(body)).toEqual(failure(status, code, sentence));
    expect((await server.call('GET', '/api/v1/event-types', { key })).body.data).toEqual([]);
  });

  it('refuses a name that is taken, and another tenant may have it too', async () => {
    expect((await create({ name: 'taken' })).status).toBe(201);
    expect(await create({ name: 'taken' })).toEqual(failure(409, 'CONFLICT', /exists already/));
    expect((await create({ name: 'taken' }, server.tenants.b.key)).status).toBe(201);
  });

  it('emits: 201 with what was recorded, and the event is in the log with its item waiting', async () => {
    await create({ name: 'order.placed', payloadSchema: SCHEMA });
    const emitted = await emit('order.placed', { payload: { orderId: '7' } });
    expect(emitted.status).toBe(201);
    await expectGolden('event-emitted', emitted.body);
    const location = emitted.headers.get('location')!;
    const shown = await server.call<EventDetail>('GET', location, { key });
    await expectGolden('event-detail', shown.body);
    expect(shown.body.data).toMatchObject({
      eventType: 'order.placed',
      occurredAt: emitted.body.data.occurredAt,
      payload: { orderId: '7' },
      dispatch: { status: 'WAITING', attempts: 0, lastError: null },
      createdByUserId: server.tenants.a.principalId,
    });
    expect((await server.call('GET', location, { key: server.tenants.b.key })).status).toBe(404);
    // Without a body, and a built-in type.
    expect((await emit('customer.created')).status).toBe(201);
    expect((await emit('customer.created', { payload: { customerId: [] } })).status).toBe(400);
  });

  it('names each failing path of a payload, and no value of it', async () => {
    const reply = await emit('order.placed', { payload: { items: [{}, { sku: 's3cret' }, 's3cret'] } });
    expect(reply).toEqual(
      failure(400, 'VALIDATION_ERROR', /does not fit the event type order.placed: .*2 more problems/),
    );
    expect(reply.body.problems).toEqual([
      "/: must have required property 'orderId'",
      "/items/0: must have required property 'sku'",
      '/items/2: must be object',
    ]);
    expect(JSON.stringify(reply.body)).not.toContain('s3cret');
  });

  it('refuses unknown, disabled and foreign types, and payloads beyond the tenant’s quota', async () => {
    await create({ name: 'off', enabled: false });
    await create({ name: 'of.b' }, server.tenants.b.key);
    expect(await emit('off', {})).toEqual(failure(404, 'NOT_FOUND', /is disabled/));
    for (const name of ['nowhere', 'of.b', '%00', randomUUID()]) {
      expect(await emit(name, {})).toEqual(failure(404, 'NOT_FOUND', /There is no event type/));
    }
    const { id, key: keyB } = server.tenants.b;
    await server.services.db.system((tx) => tx.update(schema.tenants).set({ maxPayloadBytes: 20 }));
    expect(await emit('of.b', { payload: { text: 'x'.repeat(20) } }, {}, keyB)).toEqual(
      failure(413, 'PAYLOAD_TOO_LARGE', /payload/i),
    );
    await server.services.db.system((tx) => tx.update(schema.tenants).set({ maxPayloadBytes: null }));
    expect(id).toBeDefined();
  });

  it('takes one Idempotency-Key for one event, however many requests carry it at once (events invariant 1)', async () => {
    const headers = { 'idempotency-key': 'once' };
    const replies = await Promise.all(
      Array.from({ length: 8 }, () => emit('taken', { payload: { n: 1 } }, headers)),
    );
    expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([201]));
    expect(new Set(replies.map((reply) => reply.headers.get('location'))).size).toBe(1);
    expect(await emit('taken', { payload: { n: 2 } }, headers)).toEqual(
      failure(409, 'IDEMPOTENCY_KEY_REUSED', /another event/),
    );
    expect((await emit('taken', { payload: { n: 2 } }, headers, server.tenants.b.key)).status).toBe(201);
    const events = await server.call<DomainEvent[]>('GET', '/api/v1/events?type=taken', { key });
    expect(events.body.data).toHaveLength(1);
  });

  it('pages through the log, newest first, and narrows by type', async () => {
    await create({ name: 'paged' });
    for (let n = 0; n < 5; n++) await emit('paged', { payload: { n } });
    const seen: unknown[] = [];
    for (let before = ''; ;) {
      const page = await server.call<DomainEvent[]>('GET', `/api/v1/events?type=paged&limit=2${before}`, {
        key,
      });
      seen.push(...page.body.data.map(({ payload }) => payload['n']));
      if (page.body.data.length < 2) break;
      before = `&before=${page.body.data.at(-1)!.id}`;
    }
    expect(seen).toEqual([4, 3, 2, 1, 0]);
    const all = await server.call<DomainEvent[]>('GET', '/api/v1/events', { key });
    await expectGolden('event-list', { data: all.body.data.slice(0, 1), meta: { count: 1 } });
    expect(await server.call('GET', `/api/v1/events?before=${randomUUID()}`, { key })).toEqual(
      failure(400, 'VALIDATION_ERROR', /^before/),
    );
    expect(
      (await server.call<DomainEvent[]>('GET', '/api/v1/events', { key: server.tenants.b.key })).body.data,
    ).not.toContainEqual(expect.objectContaining({ eventType: 'paged' }));
  });

  it('keeps a type that enabled triggers listen to, unless forced', async () => {
    await create({ name: 'listened' });
    const { id: tenantId } = server.tenants.a;
    const workflowId = randomUUID();
    await server.services.db.tenant(tenantId, async (tx) => {
      await tx.insert(schema.workflows).values({
        ...{ id: workflowId, tenantId, name: 'w', version: '1.0.0', visibility: 'TENANT' },
        ...{ manifest: { name: 'w', version: '1.0.0', entryPoints: ['x'], diagram: 'x' } },
        ...{ artifactSha256: 'f'.repeat(64), artifactSizeBytes: 1, executable: true, workflowType: 'w' },
      });
      const trigger = { tenantId, workflowId, kind: 'EVENT' as const, eventType: 'listened' };
      await tx.insert(schema.triggers).values([trigger, trigger, { ...trigger, enabled: false }]);
    });
    const path = '/api/v1/event-types/listened';
    expect(await server.call('DELETE', path, { key })).toEqual(
      failure(409, 'CONFLICT', /^2 enabled triggers listen to listened/),
    );
    expect((await server.call('DELETE', `${path}?force=true`, { key })).status).toBe(204);
  });

  it('tells who changed a type in the audit log, without a value', async () => {
    const rows = await server.services.db.system((tx) => tx.select().from(schema.auditLog));
    const ofTypes = rows.filter((row) => row.objectKind === 'event_types' && row.objectName === 'taken');
    expect(ofTypes).toContainEqual(
      expect.objectContaining({
        operation: 'INSERT',
        principalId: server.tenants.a.principalId,
        route: '/api/v1/event-types',
      }),
    );
  });
});

describe('payload schemas made to be slow', () => {
  let server: TestServer;
  beforeAll(async () => (server = await testServer(await openAnyDialect())));
  afterAll(() => server?.close());

  const branching = { $defs: { n: { anyOf: [{ type: 'array', items: { $ref: '#/$defs/n' } }, { items: { $ref: '#/$defs/n' }, type: 'array' }] } }, properties: { deep: { $ref: '#/$defs/n' } } }; // prettier-ignore
  const nested = (depth: number): unknown => (depth === 0 ? 'x' : [nested(depth - 1)]);
  it.each([
    [
      'a pattern that backtracks',
      { properties: { text: { pattern: '^(a+)+$' } } },
      { text: `${'a'.repeat(60)}!` },
    ],
    ['references that branch at every level', branching, { deep: nested(40) }],
    [
      'lists compared item by item',
      { properties: { list: { uniqueItems: true } } },
      { list: Array.from({ length: 60_000 }, (_, n) => ({ n })) },
    ],
  ])(
    '%s: the check ends, and other tenants are served meanwhile (payload schemas invariants 1, 2)',
    async (title, payloadSchema, payload) => {
      const { key: platform } = server.tenants.platform;
      const tenant = title.startsWith('a pattern') ? 'a' : title.startsWith('ref') ? 'b' : 'platform';
      const { key } = server.tenants[tenant];
      const other = tenant === 'platform' ? server.tenants.a.key : platform;
      const call = (as: string, method: string, path: string, body: object) =>
        server.call(method, path, { key: as, body });
      expect((await call(key, 'POST', '/api/v1/event-types', { name: 'slow', payloadSchema })).status).toBe(
        201,
      );
      // Which bound branching meets first is the machine's.
      const told = tenant === 'b' ? /takes (more than 3000 ms|too much memory)/ : /takes more than 3000 ms/;
      const slow = call(key, 'POST', '/api/v1/event-types/slow/emit', { payload });
      // Answered by this thread while the other one is busy.
      expect((await server.call('GET', '/api/v1/event-types', { key })).status).toBe(200);
      expect(await slow).toEqual(failure(400, 'VALIDATION_ERROR', told));
      expect(await call(key, 'POST', '/api/v1/event-types/slow/emit', { payload: {} })).toEqual(
        failure(429, 'RATE_LIMITED', /too slow a moment ago/),
      );
      if (tenant !== 'platform')
        expect((await call(other, 'POST', '/api/v1/event-types/customer.created/emit', {})).status).toBe(201);
      expect(
        (await server.call<DomainEvent[]>('GET', '/api/v1/events?type=slow', { key })).body.data,
      ).toEqual([]);
    },
  );
});
