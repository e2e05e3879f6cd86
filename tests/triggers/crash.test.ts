import { type Backfill, type Execution, type Trigger } from '@pegasus-workflows/contracts';
import { createLogger } from '@pegasus-workflows/kit';
import { connectTemporal, openDatabase, type TemporalPort } from '@pegasus-workflows/server';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { platformId } from '../../packages/server/src/triggers/platform-id.js';
import { startWorker } from '../executions/support.js';
import { openAnyDialect } from '../server/support.js';
import { KilledServer } from '../support/killed-server.js';
import { eventually } from '../support/wait.js';

/**
 * The server killed between a trigger's row, its schedule, its tick and its run, then started again: each trigger has
 * its schedule, each tick its one run, and nothing is left over. Runs the real `main.js`, against the real Temporal.
 * The server that one test leaves running is the next one's first.
 */
const CRON = '0 0 29 2 *';
const temporal = inject('temporal');
let server: KilledServer;
let workflowId: string;
let toRetire: string;
let tenantId: string;
let platform: string;
let port: TemporalPort;
let stopWorker: () => Promise<void>;

/** @param path below a workflow version, empty for the version itself */
async function call<T>(method: string, path: string, body?: unknown, of = workflowId): Promise<T> {
  const { data } = await server.call(method, `/workflows/${of}${path && `/${path}`}`, body);
  return data as T;
}
/** Asks a server that dies of it. */
async function callToDeath(method: string, path: string, body?: unknown, of = workflowId): Promise<void> {
  await call(method, path, body, of).catch(() => undefined);
  expect(await server.ended).toBe('SIGKILL');
}
const createSchedule = (cronExpression = CRON, of = workflowId) =>
  call<Trigger>('POST', 'triggers', { kind: 'SCHEDULE', cronExpression }, of);

beforeAll(async () => {
  const dialect = await openAnyDialect();
  server = await KilledServer.open(dialect, {
    PEGASUS_RECONCILE_INTERVAL_MS: '1000',
    PEGASUS_SCHEDULE_RECONCILE_INTERVAL_MS: '500',
  });
  await server.start();
  ({ tenantId } = await server.keys());
  const { id, taskQueue } = await server.seedWorkflow('scripted');
  workflowId = id;
  toRetire = (await server.seedWorkflow('scripted', '0.9.0')).id;
  const db = await openDatabase(dialect.settings, createLogger('test'));
  platform = await platformId(db);
  await db.close();
  port = connectTemporal(temporal);
  stopWorker = await startWorker(temporal, taskQueue);
});
afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
  await stopWorker?.();
  for (const owner of [platform, `test ${platform}`])
    for await (const { scheduleId } of port.schedules.list(owner)) await port.schedules.delete(scheduleId);
  await port?.close();
});

/** What Temporal has agrees with the rows, whichever was changed last before the server died. */
async function expectSchedulesLikeRows(): Promise<void> {
  await eventually(async () => {
    const rows = await call<Trigger[]>('GET', 'triggers');
    const wanted = rows.map(({ id, enabled }) => ({
      scheduleId: `trigger/${tenantId}/${id}`,
      paused: !enabled,
    }));
    const found = [];
    for await (const { scheduleId, paused } of port.schedules.list(platform))
      found.push({ scheduleId, paused });
    const byId = (a: { scheduleId: string }, b: { scheduleId: string }) =>
      a.scheduleId.localeCompare(b.scheduleId);
    expect(found.sort(byId)).toEqual(wanted.sort(byId));
  });
}

const CHANGES: Record<string, (id: string) => [method: string, path: string, body?: unknown]> = {
  create: () => ['POST', 'triggers', { kind: 'SCHEDULE', cronExpression: CRON }],
  pause: (id) => ['POST', `triggers/${id}/pause`, {}],
  delete: (id) => ['DELETE', `triggers/${id}`],
};

for (const failpoint of ['trigger.after-commit', 'schedule.before-write', 'schedule.after-write']) {
  it.each(Object.keys(CHANGES))(`killed at ${failpoint} of %s`, async (change) => {
    await server.startUnlessRunning();
    const { id } = await createSchedule();
    await expectSchedulesLikeRows();
    await server.start(`${failpoint}=kill`);
    await callToDeath(...CHANGES[change]!(id));
    await server.start();
    await expectSchedulesLikeRows();
  });
}

it('killed after the commit of a retirement, the schedules of the version go with its triggers', async () => {
  await server.startUnlessRunning();
  for (const minute of [1, 2]) await createSchedule(`${minute} 0 29 2 *`, toRetire);
  const triggers = () => call<Trigger[]>('GET', 'triggers', undefined, toRetire);
  const gone = (await triggers()).map(({ id }) => id);
  expect(gone).toHaveLength(2);
  const scheduled = async () => {
    const ids = [];
    for await (const { scheduleId } of port.schedules.list(platform)) ids.push(scheduleId.split('/')[2]!);
    return ids;
  };
  await eventually(async () => expect(await scheduled()).toEqual(expect.arrayContaining(gone)));
  await server.start('retire.after-commit=kill');
  await callToDeath('DELETE', '', undefined, toRetire);
  await server.start();
  await expectSchedulesLikeRows();
  expect(await triggers()).toEqual([]);
  expect((await scheduled()).filter((id) => gone.includes(id))).toEqual([]);
});

/** The runs of a trigger, in no order. */
async function runsOf(triggerId: string): Promise<Execution[]> {
  const all = await call<Execution[]>('GET', 'executions?limit=200');
  return all.filter((run) => run.triggeredByTriggerId === triggerId);
}

it('killed after the commit of a backfill, each tick has one run, in order, and a repetition none', async () => {
  await server.startUnlessRunning();
  const { id } = await createSchedule();
  const range = { from: '2016-01-01T00:00:00Z', to: '2025-01-01T00:00:00Z' };
  await server.start('backfill.after-commit=kill');
  await callToDeath('POST', `triggers/${id}/backfill`, range);
  await server.start();
  const repeated = await call<Backfill>('POST', `triggers/${id}/backfill`, range);
  expect(repeated).toEqual({ ticks: 3, executionIds: [] });
  const runs = await eventually(async () => {
    const found = await runsOf(id);
    expect(found.map(({ status }) => status)).toEqual(['COMPLETED', 'COMPLETED', 'COMPLETED']);
    return found;
  });
  const byStart = runs.sort((a, b) => (a.startedAt ?? '').localeCompare(b.startedAt ?? ''));
  expect(byStart.map(({ input }) => input?.['scheduledAt'])).toEqual([
    '2016-02-29T00:00:00.000Z',
    '2020-02-29T00:00:00.000Z',
    '2024-02-29T00:00:00.000Z',
  ]);
});

it.each(['tick.after-commit', 'tick.before-answer', 'queued.before-start', 'queued.after-start'])(
  'killed at %s, each tick has one run, which ends',
  async (failpoint) => {
    await server.startUnlessRunning();
    const { id } = await createSchedule();
    await server.start(`${failpoint}=kill`);
    // The trigger's own schedule is years away: another, which is not this platform's, ticks for it.
    const scheduleId = `test/${id}`;
    await port.schedules.put({
      scheduleId,
      owner: `test ${platform}`,
      spec: { everySeconds: 1 },
      paused: false,
      notes: '',
      catchUpSeconds: 600,
      tick: {
        workflowId: `tick/${tenantId}/${id}`,
        queue: `pegasus/ticks/${platform}`,
        argument: { tenantId, triggerId: id, cron: CRON },
      },
    });
    expect(await server.ended).toBe('SIGKILL');
    await server.start();
    await eventually(async () => expect((await runsOf(id)).length).toBeGreaterThanOrEqual(2));
    await port.schedules.delete(scheduleId);
    await eventually(async () =>
      expect((await runsOf(id)).every(({ status }) => status === 'COMPLETED')).toBe(true),
    );
    const instants = (await runsOf(id)).map(({ input }) => String(input?.['scheduledAt']));
    expect(new Set(instants).size).toBe(instants.length);
  },
);
