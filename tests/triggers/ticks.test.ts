import { Connection } from '@temporalio/client';
import { eq } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, expect, inject, it } from 'vitest';
import { schema } from '../../packages/server/src/index.js';
import { tickExecutionId } from '../../packages/server/src/triggers/tick-id.js';
import { openAnyDialect } from '../server/support.js';
import { eventually } from '../support/wait.js';
import { scheduleServer, started, ticksOf, type ScheduleServer, type TickResult } from './support.js';

/**
 * Ticks of schedules in the real Temporal, every second instead of every minute: each is a workflow of its own there,
 * whose result is what became of it, so that ticks and executions can be compared one by one.
 */
const CRON = '* * * * *';

let server: ScheduleServer;
let connection: Connection;
let stopWorker: () => Promise<void>;
let workflowId: string;

beforeAll(async () => {
  server = await scheduleServer(await openAnyDialect(), { specOf: () => ({ everySeconds: 1 }) });
  connection = await Connection.connect({ address: inject('temporal').address });
  const { id, taskQueue } = await server.publish();
  workflowId = id;
  stopWorker = await server.worker(taskQueue);
});
afterAll(async () => {
  await stopWorker?.();
  await connection?.close();
  await server?.close();
});

let triggerId: string;
beforeEach(async () => {
  triggerId = (await server.schedule(workflowId, CRON)).id;
  return async () => void (await server.call('DELETE', `${workflowId}/triggers/${triggerId}`));
});

const ticks = () => ticksOf(connection, server.tenantId, triggerId);
const rows = () => server.runsOf(triggerId);

/** Every started tick has its one row, and every row its tick. */
async function expectOneRowPerTick(): Promise<TickResult[]> {
  return eventually(async () => {
    const found = await ticks();
    const ids = started(found).map(({ executionId }) => executionId);
    expect(new Set(ids).size).toBe(ids.length);
    expect((await rows()).map(({ id }) => id).sort()).toEqual([...ids].sort());
    return found;
  });
}

async function pause(): Promise<void> {
  await server.call('POST', `${workflowId}/triggers/${triggerId}/pause`, {});
}

it('every tick has one run, whose input says what it is of', async () => {
  await eventually(async () => expect((await rows()).length).toBeGreaterThanOrEqual(4));
  await pause();
  await expectOneRowPerTick();
  for (const row of await rows()) {
    const scheduledAt = String(row.input?.['scheduledAt']);
    expect(row.id).toBe(tickExecutionId(triggerId, new Date(scheduledAt)));
    expect(row).toMatchObject({
      triggerSource: 'SCHEDULE',
      workflowId,
      input: { schedule: CRON, triggerId },
    });
  }
  await eventually(async () =>
    expect((await rows()).every(({ status }) => status === 'COMPLETED')).toBe(true),
  );
  const shown = await server.call('GET', `${workflowId}/triggers/${triggerId}`);
  expect(shown.body.data.lastTick).toMatchObject({ executionId: expect.any(String) });
});

it('a paused schedule does not fire, and what it missed does not come when it is resumed', async () => {
  await eventually(async () => expect((await rows()).length).toBeGreaterThanOrEqual(1));
  await pause();
  const pausedAt = Date.now();
  const before = (await expectOneRowPerTick()).length;
  // Time itself is the subject: some ticks' worth of it.
  await eventually(() => expect(Date.now() - pausedAt).toBeGreaterThan(4_000));
  expect(started(await ticks()).length).toBeLessThanOrEqual(before);
  const resumedAt = Date.now();
  await server.call('POST', `${workflowId}/triggers/${triggerId}/resume`, {});
  const all = await eventually(async () => {
    const found = started(await ticks()).filter(({ scheduledAt }) => Date.parse(scheduledAt) > resumedAt);
    expect(found.length).toBeGreaterThanOrEqual(2);
    return started(await ticks());
  });
  const between = all.filter(
    ({ scheduledAt }) => Date.parse(scheduledAt) > pausedAt && Date.parse(scheduledAt) < resumedAt - 1_000,
  );
  expect(between).toEqual([]);
});

it('a tick is skipped while a prior run is open, and the next one after it fires', async () => {
  await pause();
  const patient = await server.publish();
  const { id: other } = await server.schedule(patient.id, CRON);
  triggerId = other;
  // No worker polls this version's queue: its first run stays open.
  await eventually(async () =>
    expect(
      (await ticks()).filter(({ outcome }) => outcome === 'SKIPPED_OPEN_RUN').length,
    ).toBeGreaterThanOrEqual(2),
  );
  expect(await rows()).toHaveLength(1);
  expect(await server.call('POST', `${patient.id}/triggers/${other}/run`)).toMatchObject({ status: 409 });
  const stop = await server.worker(patient.taskQueue);
  try {
    await eventually(async () => expect((await rows()).length).toBeGreaterThanOrEqual(2));
  } finally {
    await server.call('DELETE', `${patient.id}/triggers/${other}`);
    await stop();
  }
});

it("the server's clock, turned either way, neither doubles nor loses a tick", async () => {
  for (const turn of [86_400_000, -2 * 86_400_000]) {
    server.turnClock(turn);
    const before = (await rows()).length;
    await eventually(async () => expect((await rows()).length).toBeGreaterThanOrEqual(before + 2));
  }
  server.resetClock();
  await pause();
  const found = await expectOneRowPerTick();
  const seconds = found.map(({ scheduledAt }) => Date.parse(scheduledAt) / 1_000);
  for (const [n, second] of seconds.slice(1).entries()) expect(second - seconds[n]!).toBe(1);
});

it('a tick decided again, at once or later, by another server too, has one execution', async () => {
  await pause();
  const { id } = await server.schedule(workflowId, '0 0 29 2 *');
  const tick = {
    tenantId: server.tenantId,
    triggerId: id,
    cron: '0 0 29 2 *',
    scheduledAt: new Date('2026-01-01'),
  };
  const { firing } = server.another();
  const first = await Promise.all([server.triggers.firing.decide(tick), firing.decide(tick)]);
  const again = await firing.decide(tick);
  expect(new Set([...first, again].map(({ executionId }) => executionId)).size).toBe(1);
  expect(await server.runsOf(id)).toHaveLength(1);
});

it('a tick of an older cron expression, a paused or a deleted trigger has no effect', async () => {
  await pause();
  const { id } = await server.schedule(workflowId, '0 0 29 2 *');
  const tick = {
    tenantId: server.tenantId,
    triggerId: id,
    cron: '0 0 29 2 *',
    scheduledAt: new Date('2026-01-01'),
  };
  const ignored = { outcome: 'IGNORED', executionId: null };
  const { firing } = server.triggers;
  expect(await firing.decide({ ...tick, cron: '1 1 1 1 *' })).toEqual(ignored);
  await server.call('PATCH', `${workflowId}/triggers/${id}`, { enabled: false });
  expect(await firing.decide(tick)).toEqual(ignored);
  await server.call('DELETE', `${workflowId}/triggers/${id}`);
  expect(await firing.decide(tick)).toEqual(ignored);
  expect(await server.runsOf(id)).toEqual([]);
});

it('a tick whose run cannot begin leaves an execution that says why', async () => {
  await pause();
  const { id } = await server.publish(undefined, { executable: false, workflowType: null });
  const trigger = await server.schedule(id, '0 0 29 2 *');
  const scheduledAt = new Date('2026-01-01');
  const decision = await server.triggers.firing.decide({
    tenantId: server.tenantId,
    triggerId: trigger.id,
    scheduledAt,
  });
  expect(decision.outcome).toBe('REFUSED');
  const [row] = await server.runsOf(trigger.id);
  expect(row).toMatchObject({
    status: 'FAILED',
    startedAt: null,
    errorMessage: expect.stringContaining('runtime'),
  });
  const again = await server.triggers.firing.decide({
    tenantId: server.tenantId,
    triggerId: trigger.id,
    scheduledAt,
  });
  expect(again).toEqual(decision);
});

it('a tick goes to the version that has taken the trigger over', async () => {
  const { id: next, taskQueue } = await server.publish();
  const stop = await server.worker(taskQueue);
  try {
    await eventually(async () => expect((await rows()).length).toBeGreaterThanOrEqual(1));
    await server.call('POST', `${next}/triggers/take-over`, { fromWorkflowId: workflowId });
    await eventually(async () => expect((await rows()).some((row) => row.workflowId === next)).toBe(true));
  } finally {
    await server.call('DELETE', `${next}/triggers/${triggerId}`);
    await stop();
  }
  await expectOneRowPerTick();
  const [left] = await server.services.db.system((tx) =>
    tx.select().from(schema.triggers).where(eq(schema.triggers.id, triggerId)),
  );
  expect(left).toBeUndefined();
});
