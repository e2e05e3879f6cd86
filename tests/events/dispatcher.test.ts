import { type DeadLetter, type EventDetail, type Replayed } from '@pegasus-workflows/contracts';
import { eq } from 'drizzle-orm';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { runIdOf } from '../../packages/server/src/events/run-id.js';
import { schema } from '../../packages/server/src/index.js';
import { expectGolden } from '../server/golden.js';
import { forEachDialect, testServer, type TestServer } from '../server/support.js';
import { eventually } from '../support/wait.js';
import { eventStage, type EventStage } from './stage.js';

const MINUTE = 60_000;

forEachDialect('dispatcher', (open) => {
  let server: TestServer;
  let stage: EventStage;
  let key: string;
  beforeEach(async () => {
    server = await testServer(await open());
    stage = eventStage(server);
    key = server.tenants.a.key;
  });
  afterEach(() => server?.close());
  const detail = async (id: string) =>
    (await server.call<EventDetail>('GET', `/api/v1/events/${id}`, { key })).body.data;
  const deadLetters = async () =>
    (await server.call<DeadLetter[]>('GET', '/api/v1/events/dead-letters', { key })).body.data;

  it('starts one run for each trigger whose filter matches, with the event whole as its argument (invariants 1, 2)', async () => {
    const workflow = await stage.workflow();
    const plain = await stage.trigger(workflow.id, 'order.placed');
    const matching = await stage.trigger(workflow.id, 'order.placed', {
      filter: { path: 'total', op: 'gt', value: 10 },
    });
    await stage.trigger(workflow.id, 'order.placed', { filter: { path: 'total', op: 'lt', value: 10 } });
    await stage.trigger(workflow.id, 'order.placed', { filter: { all: [] } });
    await stage.trigger(workflow.id, 'order.placed', { enabled: false });
    await stage.trigger(workflow.id, 'order.shipped');
    const retired = await stage.workflow({ retiredAt: new Date() });
    await stage.trigger(retired.id, 'order.placed');
    const text = await stage.workflow({ executable: false, workflowType: null });
    await stage.trigger(text.id, 'order.placed');

    const id = await stage.event('order.placed', { orderId: '7', total: 11 });
    await stage.drain();
    const found = await detail(id);
    expect(found.dispatch).toEqual({ status: 'DISPATCHED', attempts: 0, lastError: null });
    expect(found.deliveries.map(({ triggerId }) => triggerId).sort()).toEqual([plain, matching].sort());
    expect(found.deliveries.map(({ executionId }) => executionId).sort()).toEqual(
      [plain, matching].map((trigger) => runIdOf(id, trigger)).sort(),
    );
    // Started in Temporal after the commit, with nothing wrapped around the event.
    await eventually(async () => {
      await server.engine.settled();
      const rows = await stage.executions();
      expect(rows.map(({ status }) => status)).toEqual(['RUNNING', 'RUNNING']);
    });
    for (const row of await stage.executions()) {
      expect(row).toMatchObject({
        triggerSource: 'EVENT',
        input: {
          domainEventId: id,
          eventType: 'order.placed',
          occurredAt: found.occurredAt,
          payload: { orderId: '7', total: 11 },
        },
      });
    }
  });

  it('delivers no event twice, handed over again by whoever (invariant 1)', async () => {
    const workflow = await stage.workflow();
    await stage.trigger(workflow.id, 'x');
    const id = await stage.event('x');
    await stage.drain();
    const first = await stage.executions();
    for (let n = 0; n < 3; n++) {
      await server.services.db.system((tx) =>
        tx.insert(schema.outbox).values({ tenantId: stage.tenantId, topic: 'EVENT', refId: id }),
      );
      await stage.drain();
    }
    expect(await stage.outbox()).toEqual([]);
    expect((await stage.executions()).map((row) => row.id)).toEqual(first.map((row) => row.id));
    expect(await stage.deliveries()).toHaveLength(1);
  });

  it('two dispatchers at once share the work and double none of it (invariant 1)', async () => {
    const other = eventStage(server);
    const workflow = await stage.workflow();
    await stage.trigger(workflow.id, 'x');
    await stage.trigger(workflow.id, 'x', { filter: { path: 'n', op: 'lt', value: 100 } });
    for (let n = 0; n < 200; n++) await stage.event('x', { n });
    await Promise.all([stage.drain(), other.drain(), stage.drain(), other.drain()]);
    expect(await stage.outbox()).toEqual([]);
    expect(await stage.deliveries()).toHaveLength(300);
    expect(new Set((await stage.executions()).map((row) => row.id)).size).toBe(300);
  });

  it('an event starts nothing that came after it, nor of another tenant', async () => {
    const workflow = await stage.workflow();
    const id = await stage.event('x');
    await stage.trigger(workflow.id, 'x', { createdAt: new Date(Date.now() + MINUTE) });
    const foreign = await stage.event('x', {}, server.tenants.b.id);
    await stage.drain();
    expect((await detail(id)).deliveries).toEqual([]);
    expect(await stage.deliveries()).toEqual([]);
    expect(foreign).toBeDefined();
  });

  it('records and starts nothing where the type’s condition does not match', async () => {
    const workflow = await stage.workflow();
    await server.call('POST', '/api/v1/event-types', {
      key,
      body: { name: 'x', domainCondition: { live: true } },
    });
    await stage.trigger(workflow.id, 'x');
    const dry = await stage.event('x', { live: false });
    const live = await stage.event('x', { live: true });
    await stage.drain();
    expect([(await detail(dry)).deliveries.length, (await detail(live)).deliveries.length]).toEqual([0, 1]);
    expect((await detail(dry)).dispatch.status).toBe('DISPATCHED');
  });

  it('one trigger that cannot start holds up no other; it is tried again, dead, replayed, and only it is started (invariant 3)', async () => {
    const able = await stage.workflow();
    const manifest = {
      name: 'needy',
      version: '1.0.0',
      entryPoints: ['w'],
      diagram: 'x',
      requiredSecrets: [{ key: 'TOKEN' }],
    };
    const needy = await stage.workflow({ name: 'needy', manifest });
    await stage.trigger(able.id, 'x');
    const bad = await stage.trigger(needy.id, 'x');
    const id = await stage.event('x');
    const other = await stage.event('x', { n: 2 });
    await stage.drain();
    expect(await stage.deliveries()).toHaveLength(2);
    expect((await detail(id)).dispatch).toMatchObject({
      status: 'WAITING',
      attempts: 1,
      lastError: expect.stringContaining('secret global/TOKEN'),
    });
    for (let n = 0; n < 12; n++) {
      server.turnClock(6 * MINUTE);
      await stage.drain();
    }
    expect(await stage.deliveries()).toHaveLength(2);
    const dead = await deadLetters();
    await expectGolden('event-dead-letters', {
      data: dead.map((letter) => ({ ...letter, reason: 'The trigger …' })),
      meta: { count: 2 },
    });
    expect(dead.map((letter) => letter.id)).toEqual([other, id]);
    expect(dead[1]).toMatchObject({
      attempts: 12,
      reason: expect.stringMatching(`^The trigger ${bad} cannot start the workflow ${needy.id}: .*TOKEN`),
    });
    expect((await detail(id)).dispatch.status).toBe('DEAD');
    expect(
      (await server.call<DeadLetter[]>('GET', `/api/v1/events/dead-letters?limit=1&before=${other}`, { key }))
        .body.data,
    ).toEqual([dead[1]]);
    const { key: keyB } = server.tenants.b;
    expect((await server.call('GET', '/api/v1/events/dead-letters', { key: keyB })).body.data).toEqual([]);
    expect(
      (await server.call('POST', `/api/v1/events/dead-letters/${id}/replay`, { key: keyB })).status,
    ).toBe(404);

    await server.services.db.system((tx) => tx.delete(schema.triggers).where(eq(schema.triggers.id, bad)));
    await stage.trigger(able.id, 'x', { createdAt: new Date(0) });
    const one = await server.call<Replayed>('POST', `/api/v1/events/dead-letters/${id}/replay`, { key });
    expect(one.body.data).toEqual({ replayed: 1, remaining: 0 });
    await stage.drain();
    expect(await stage.deliveries()).toHaveLength(3);
    const all = await server.call<Replayed>('POST', '/api/v1/events/dead-letters/replay', {
      key,
      body: { type: 'x' },
    });
    expect(all.body.data).toEqual({ replayed: 1, remaining: 0 });
    await stage.drain();
    expect(await stage.deliveries()).toHaveLength(4);
    expect(await stage.outbox()).toEqual([]);
  });

  it('discards a dead letter, and nothing that is alive', async () => {
    const id = await stage.event('x');
    const path = `/api/v1/events/dead-letters/${id}`;
    expect((await server.call('DELETE', path, { key })).status).toBe(404);
    await server.services.db.system((tx) =>
      tx.update(schema.outbox).set({ deadAt: new Date(), lastError: 'why' }),
    );
    expect((await server.call('DELETE', path, { key })).status).toBe(204);
    expect((await detail(id)).dispatch.status).toBe('DISPATCHED');
  });

  it('takes a place in the quotas for each run and gives back the others (invariants 3, 5)', async () => {
    const workflow = await stage.workflow();
    await stage.trigger(workflow.id, 'x');
    await server.services.db.system((tx) =>
      tx.update(schema.tenants).set({ maxOpenExecutions: 2 }).where(eq(schema.tenants.id, stage.tenantId)),
    );
    for (let n = 0; n < 3; n++) await stage.event('x', { n });
    await stage.drain();
    expect(await stage.deliveries()).toHaveLength(2);
    const [waiting] = await stage.outbox();
    expect(waiting).toMatchObject({ attempts: 1, lastError: expect.stringContaining('the limit is 2') });
  });

  it('a disabled tenant’s events wait without counting attempts (invariant 4)', async () => {
    const workflow = await stage.workflow();
    await stage.trigger(workflow.id, 'x');
    const disable = (disabledAt: Date | null) =>
      server.services.db.system((tx) =>
        tx.update(schema.tenants).set({ disabledAt }).where(eq(schema.tenants.id, stage.tenantId)),
      );
    await disable(new Date());
    await stage.event('x');
    for (let n = 0; n < 15; n++) {
      await stage.drain();
      server.turnClock(MINUTE);
    }
    expect(await stage.outbox()).toMatchObject([
      { attempts: 0, deadAt: null, lastError: expect.stringContaining('disabled') },
    ]);
    await disable(null);
    // The quotas are remembered for a moment.
    await eventually(async () => {
      server.turnClock(MINUTE);
      await stage.drain();
      expect(await stage.deliveries()).toHaveLength(1);
    });
  });

  it('shows depth, age and attempts among the metrics', async () => {
    await stage.event('x');
    expect(await server.services.metrics.metrics()).toMatch(
      /pegasus_outbox_items\{topic="EVENT",state="waiting"\} 1/,
    );
    await stage.drain();
    const text = await server.services.metrics.metrics();
    expect(text).toMatch(/pegasus_outbox_attempts_total\{topic="EVENT",result="finished"\} 1/);
    expect(text).not.toMatch(/state="waiting"\} [1-9]/);
  });
});
