import { randomUUID } from 'node:crypto';
import { triggerSchema, type Trigger } from '@pegasus-workflows/contracts';
import { eq } from 'drizzle-orm';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { schema } from '../../packages/server/src/index.js';
import { forEachDialect } from '../server/support.js';
import { eventually } from '../support/wait.js';
import { scheduleServer, type ScheduleServer } from './support.js';

const NEVER = '0 0 29 2 *';

forEachDialect('triggers of a workflow', (open) => {
  let server: ScheduleServer;
  beforeAll(async () => {
    server = await scheduleServer(await open());
  });
  afterAll(() => server?.close());

  it('a schedule shows its coming times, and has a schedule in Temporal', async () => {
    const { id } = await server.publish();
    const { status, body } = await server.call<Trigger>('POST', `${id}/triggers`, {
      kind: 'SCHEDULE',
      cronExpression: '30  6 * * MON-FRI',
    });
    expect(status).toBe(201);
    expect(triggerSchema.parse(body.data)).toEqual(body.data);
    expect(body.data).toMatchObject({
      kind: 'SCHEDULE',
      cronExpression: '30 6 * * MON-FRI',
      enabled: true,
      paused: false,
    });
    expect(body.data.nextTimes).toHaveLength(5);
    await eventually(async () => {
      const found = (await server.schedules()).find(({ scheduleId }) => scheduleId.endsWith(body.data.id));
      expect(found).toMatchObject({ paused: false, notes: expect.stringContaining('30 6 * * MON-FRI') });
    });
  });

  it.each([
    [{ kind: 'SCHEDULE' }, /cronExpression/],
    [{ kind: 'SCHEDULE', cronExpression: '* * * *' }, /five fields/],
    [{ kind: 'SCHEDULE', cronExpression: NEVER, eventType: 'invoice.paid' }, /eventType/],
    [{ kind: 'SCHEDULE', cronExpression: NEVER, filter: {} }, /filter/],
    [{ kind: 'EVENT' }, /eventType/],
    [{ kind: 'EVENT', eventType: 'no.such' }, /no\.such/],
    [{ kind: 'EVENT', eventType: 'invoice.paid', cronExpression: NEVER }, /cronExpression/],
    [{ kind: 'EVENT', eventType: 'invoice.paid', surprise: 1 }, /surprise/],
  ])('refuses %j', async (request, named) => {
    const { id } = await server.publish();
    const { status, body } = await server.call('POST', `${id}/triggers`, request);
    expect({ status, code: body.code }).toEqual({ status: 400, code: 'VALIDATION_ERROR' });
    expect(JSON.stringify(body)).toMatch(named);
  });

  it('takes the types of events that the tenant has made, and no others', async () => {
    const { id } = await server.publish();
    const name = `t${randomUUID().slice(0, 8)}`;
    await server.services.db.system((tx) =>
      tx.insert(schema.eventTypes).values({ tenantId: server.tenants.b.id, name }),
    );
    const request = { kind: 'EVENT', eventType: name };
    expect(await server.call('POST', `${id}/triggers`, request)).toMatchObject({ status: 400 });
    await server.services.db.system((tx) =>
      tx.insert(schema.eventTypes).values({ tenantId: server.tenantId, name }),
    );
    const made = await server.call<Trigger>('POST', `${id}/triggers`, request);
    expect(made).toMatchObject({ status: 201, body: { data: { eventType: name, filter: null } } });
    expect(made.body.data.nextTimes).toBeUndefined();
  });

  it('never changes the kind, and takes no field of the other', async () => {
    const { id } = await server.publish();
    const { id: tid } = await server.schedule(id, NEVER);
    for (const change of [{ kind: 'EVENT' }, { eventType: 'invoice.paid' }, { filter: {} }])
      expect(await server.call('PATCH', `${id}/triggers/${tid}`, change)).toMatchObject({ status: 400 });
    const changed = await server.call('PATCH', `${id}/triggers/${tid}`, { cronExpression: '0 1 * * *' });
    expect(changed).toMatchObject({ status: 200, body: { data: { cronExpression: '0 1 * * *' } } });
  });

  it('pauses and resumes with a note, and Temporal follows', async () => {
    const { id } = await server.publish();
    const { id: tid } = await server.schedule(id, NEVER);
    const paused = await server.call('POST', `${id}/triggers/${tid}/pause`, { note: 'stocktaking' });
    expect(paused).toMatchObject({
      status: 200,
      body: { data: { paused: true, enabled: false, note: 'stocktaking', nextTimes: [] } },
    });
    const state = async () => (await server.schedules()).find(({ scheduleId }) => scheduleId.endsWith(tid));
    await eventually(async () => expect(await state()).toMatchObject({ paused: true }));
    const resumed = await server.call<Trigger>('POST', `${id}/triggers/${tid}/resume`, {});
    expect(resumed).toMatchObject({ status: 200, body: { data: { paused: false, enabled: true } } });
    expect(resumed.body.data.note).toBeUndefined();
    await eventually(async () => expect(await state()).toMatchObject({ paused: false }));
  });

  it("another tenant's workflow and trigger do not exist; the platform's must be forked", async () => {
    const { id } = await server.publish();
    const { id: tid } = await server.schedule(id, NEVER);
    const other = server.tenants.b.key;
    const body = { kind: 'SCHEDULE', cronExpression: NEVER };
    expect(await server.call('POST', `${id}/triggers`, body, other)).toMatchObject({ status: 404 });
    expect(await server.call('DELETE', `${id}/triggers/${tid}`, undefined, other)).toMatchObject({
      status: 404,
    });
    expect(await server.call('DELETE', id, undefined, other)).toMatchObject({ status: 404 });
    const elsewhere = await server.publish();
    expect(await server.call('GET', `${elsewhere.id}/triggers/${tid}`)).toMatchObject({ status: 404 });
    const shared = await server.publish('9.0.0', {
      tenantId: server.tenants.platform.id,
      visibility: 'GLOBAL',
    });
    expect(await server.call('POST', `${shared.id}/triggers`, body)).toMatchObject({
      status: 403,
      body: { code: 'WORKFLOW_MUST_FORK' },
    });
    expect(await server.call('DELETE', shared.id)).toMatchObject({ status: 403 });
  });

  it('a new version takes over the triggers of its predecessors only when asked', async () => {
    const name = `n${randomUUID().slice(0, 8)}`;
    const [one, two, three] = [
      await server.publish('1.0.0', { name }),
      await server.publish('2.0.0', { name }),
      await server.publish('3.0.0', { name }),
    ];
    const first = await server.schedule(one.id, NEVER);
    const second = await server.schedule(two.id, NEVER);
    const ids = async (workflowId: string) =>
      (await server.call<Trigger[]>('GET', `${workflowId}/triggers`)).body.data.map((trigger) => trigger.id);
    expect(await ids(three.id)).toEqual([]);
    const stranger = await server.publish();
    const path = `${three.id}/triggers/take-over`;
    expect(await server.call('POST', path, { fromWorkflowId: stranger.id })).toMatchObject({ status: 400 });
    expect(
      (await server.call<Trigger[]>('POST', path, { fromWorkflowId: one.id })).body.data.map((t) => t.id),
    ).toEqual([first.id]);
    expect(await ids(two.id)).toEqual([second.id]);
    await server.call('POST', path, {});
    expect(await ids(three.id)).toEqual([first.id, second.id]);
    expect(await ids(two.id)).toEqual([]);
  });

  it('a deleted trigger leaves no schedule, nor does a lost or a foreign change survive a pass', async () => {
    const { id } = await server.publish();
    const { id: tid } = await server.schedule(id, NEVER);
    const state = async () => (await server.schedules()).find(({ scheduleId }) => scheduleId.endsWith(tid));
    await eventually(async () => expect(await state()).toBeDefined());
    // As after a crash between the commit and Temporal.
    await server.services.db.system((tx) =>
      tx.update(schema.triggers).set({ cronExpression: '5 5 5 5 *' }).where(eq(schema.triggers.id, tid)),
    );
    await eventually(async () =>
      expect(await state()).toMatchObject({ notes: expect.stringContaining('5 5 5 5 *') }),
    );
    await server.services.temporal.schedules.delete(`trigger/${server.tenantId}/${tid}`);
    await eventually(async () => expect(await state()).toBeUndefined());
    await eventually(async () => expect(await state()).toBeDefined());
    expect(await server.call('DELETE', `${id}/triggers/${tid}`)).toMatchObject({ status: 204 });
    await eventually(async () => expect(await state()).toBeUndefined());
    expect(await server.call('GET', `${id}/triggers/${tid}`)).toMatchObject({ status: 404 });
  });

  it('a retired version starts nothing, has no triggers, is in no list, and is still there to read', async () => {
    const { id } = await server.publish('4.0.0');
    const { id: tid } = await server.schedule(id, NEVER);
    expect(await server.call('DELETE', id)).toMatchObject({ status: 204 });
    expect(await server.call('DELETE', id)).toMatchObject({ status: 204 });
    expect(await server.call('GET', id)).toMatchObject({ status: 200, body: { data: { version: '4.0.0' } } });
    const listed = await server.call<{ id: string }[]>('GET', '');
    expect(listed.body.data?.map((workflow) => workflow.id) ?? []).not.toContain(id);
    expect(await server.call('POST', `${id}/run`, {})).toMatchObject({
      status: 409,
      body: { code: 'CONFLICT' },
    });
    const request = { kind: 'SCHEDULE', cronExpression: NEVER };
    expect(await server.call('POST', `${id}/triggers`, request)).toMatchObject({ status: 409 });
    await eventually(async () => {
      expect((await server.schedules()).filter(({ scheduleId }) => scheduleId.endsWith(tid))).toEqual([]);
    });
  });

  it('a version with open executions is retired only by force, which leaves them alone', async () => {
    const { id } = await server.publish();
    const started = await server.call<{ id: string }>('POST', `${id}/run`, { input: { do: 'wait' } });
    expect(started.status).toBe(201);
    const refused = await server.call('DELETE', id);
    expect(refused).toMatchObject({
      status: 409,
      body: { code: 'CONFLICT', error: expect.stringContaining('force') },
    });
    expect(await server.call('DELETE', `${id}?force=true`)).toMatchObject({ status: 204 });
    const { body } = await server.call(`GET`, `${id}/executions/${started.body.data.id}`);
    expect(['QUEUED', 'RUNNING']).toContain(body.data.status);
    await server.call('POST', `${id}/executions/${started.body.data.id}/cancel`);
  });

  it('a backfill asks for each past tick once, and refuses what is too much or not past', async () => {
    const { id } = await server.publish();
    const { id: tid } = await server.schedule(id, '0 * * * *');
    const path = `${id}/triggers/${tid}/backfill`;
    const day = { from: '2026-01-01T00:00:00Z', to: '2026-01-01T02:00:00Z' };
    const first = await server.call('POST', path, day);
    expect(first).toMatchObject({ status: 202, body: { data: { ticks: 3 } } });
    expect(first.body.data.executionIds).toHaveLength(3);
    expect((await server.call('POST', path, day)).body.data).toEqual({ ticks: 3, executionIds: [] });
    expect(await server.call('POST', path, { ...day, from: '2025-01-01T00:00:00Z' })).toMatchObject({
      status: 400,
    });
    expect(await server.call('POST', path, { ...day, to: '2999-01-01T00:00:00Z' })).toMatchObject({
      status: 400,
    });
    const rows = await server.runsOf(tid);
    expect(rows.map(({ input }) => input?.['scheduledAt'])).toEqual([
      '2026-01-01T00:00:00.000Z',
      '2026-01-01T01:00:00.000Z',
      '2026-01-01T02:00:00.000Z',
    ]);
    expect(await server.call('POST', `${id}/triggers/${tid}/run`)).toMatchObject({ status: 409 });
  });
});
