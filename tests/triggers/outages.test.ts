import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureTemporal, probeTemporal, startDevServer, type DevServer } from '@pegasus-workflows/platform';
import { Connection } from '@temporalio/client';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { openAnyDialect } from '../server/support.js';
import { eventually } from '../support/wait.js';
import { scheduleServer, started, ticksOf, type ScheduleServer } from './support.js';

/**
 * Temporal or the server away while a schedule should fire: no tick is doubled, and none is lost that is not later than
 * the catch-up window. Temporal is a process of this file's own, to be killed and suspended. A suspended process stands
 * for a machine that slept and for a clock that was put forward: when it goes on, its clock has jumped. Ticks come every
 * second, by the same schedules, instead of every minute.
 */
const CATCH_UP_SECONDS = 10;
/** How far the window's two ends may be from where they should be, for a machine that is busy. */
const SLACK_SECONDS = 5;
const patiently = { timeoutMs: 90_000, intervalMs: 250 };

let dataDir: string;
let dev: DevServer;
let server: ScheduleServer;
let connection: Connection;
let stopWorker: () => Promise<void>;
let workflowId: string;
let triggerId: string;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'pegasus-outages-'));
  const { path: binary } = await ensureTemporal();
  dev = await startDevServer({ binary, dataDir, ui: false });
  server = await scheduleServer(await openAnyDialect(), {
    specOf: () => ({ everySeconds: 1 }),
    temporal: temporal(),
    catchUpSeconds: CATCH_UP_SECONDS,
  });
  connection = await Connection.connect({ address: dev.address });
  const { id, taskQueue } = await server.publish();
  workflowId = id;
  stopWorker = await server.worker(taskQueue);
});
afterAll(async () => {
  await stopWorker?.();
  await connection?.close();
  await server?.close();
  await dev?.stop();
  await rm(dataDir, { recursive: true, force: true });
});

beforeEach(async () => {
  triggerId = (await server.schedule(workflowId, '* * * * *')).id;
  await ticksAfter(0, 2);
  return async () => void (await server.call('DELETE', `${workflowId}/triggers/${triggerId}`));
});

const temporal = () => ({ address: dev.address, namespace: 'default', tls: false });
const inSeconds = (time: string) => Date.parse(time) / 1_000;
const now = () => Date.now() / 1_000;
const decided = () => ticksOf(connection, server.tenantId, triggerId);

/** Waits for `n` ticks of after an instant, in seconds. */
async function ticksAfter(instant: number, n: number): Promise<void> {
  await eventually(async () => {
    const later = (await decided()).filter(({ scheduledAt }) => inSeconds(scheduledAt) > instant);
    expect(later.length).toBeGreaterThanOrEqual(n);
  }, patiently);
}

/** Time itself is the subject: so much of it goes by. */
async function timePasses(seconds: number): Promise<void> {
  const until = now() + seconds;
  await eventually(() => expect(now()).toBeGreaterThan(until), { timeoutMs: 2_000 * seconds });
}

/** Suspends Temporal, so that its clock jumps by as much. @returns when it stopped, and when it went on */
async function suspendTemporal(seconds: number): Promise<{ from: number; to: number }> {
  const pid = dev.pid!;
  const from = now();
  process.kill(pid, 'SIGSTOP');
  try {
    await timePasses(seconds);
  } finally {
    process.kill(pid, 'SIGCONT');
  }
  return { from, to: now() };
}

/**
 * Ends the schedule and compares: each tick that was decided counts once, and each run is one tick's.
 * @returns the seconds between the first tick and the last that have none
 */
async function missingSeconds(): Promise<number[]> {
  await server.call('POST', `${workflowId}/triggers/${triggerId}/pause`, {});
  const found = await eventually(async () => {
    const all = await decided();
    const runs = await server.runsOf(triggerId);
    const ids = started(all).map(({ executionId }) => executionId);
    expect(runs.map(({ id }) => id).sort()).toEqual([...ids].sort());
    return all;
  }, patiently);
  const seconds = found.map(({ scheduledAt }) => inSeconds(scheduledAt));
  expect(new Set(seconds).size).toBe(seconds.length);
  const [first, last] = [seconds[0]!, seconds.at(-1)!];
  return Array.from({ length: last - first }, (_, n) => first + n).filter(
    (second) => !seconds.includes(second),
  );
}

it('Temporal killed and started again: every tick of before, meanwhile and after is there once', async () => {
  const killed = dev.pid!;
  process.kill(killed, 'SIGKILL');
  await eventually(async () => {
    expect(dev.pid).not.toBe(killed);
    await probeTemporal(temporal());
  }, patiently);
  await ticksAfter(now(), 3);
  expect(await missingSeconds()).toEqual([]);
});

it("Temporal's clock jumps by less than the catch-up window: what it missed is made up for", async () => {
  const { to } = await suspendTemporal(CATCH_UP_SECONDS - SLACK_SECONDS);
  await ticksAfter(to, 3);
  expect(await missingSeconds()).toEqual([]);
});

it("Temporal's clock jumps by more: only ticks later than the catch-up window are left out", async () => {
  const { from, to } = await suspendTemporal(CATCH_UP_SECONDS + 2 * SLACK_SECONDS);
  await ticksAfter(to, 3);
  const missing = await missingSeconds();
  expect(missing.length).toBeGreaterThan(0);
  for (const second of missing) {
    expect(second).toBeGreaterThan(from - 1);
    expect(second).toBeLessThan(to - CATCH_UP_SECONDS + SLACK_SECONDS);
  }
});

it('no server for less than the catch-up window: the ticks wait for one', async () => {
  await server.stopTicking();
  await timePasses(CATCH_UP_SECONDS - SLACK_SECONDS);
  server.startTicking();
  await ticksAfter(now(), 3);
  expect(await missingSeconds()).toEqual([]);
});

it('no server for longer: the ticks that waited longer than the window are left out, and no others', async () => {
  const from = now();
  await server.stopTicking();
  await timePasses(CATCH_UP_SECONDS + 2 * SLACK_SECONDS);
  const to = now();
  server.startTicking();
  await ticksAfter(to, 3);
  const missing = await missingSeconds();
  expect(missing.length).toBeGreaterThan(0);
  for (const second of missing) {
    expect(second).toBeGreaterThan(from - 1);
    expect(second).toBeLessThan(to - CATCH_UP_SECONDS + SLACK_SECONDS);
  }
});

it('two servers, each going and coming while the other stays: no tick is doubled or lost', async () => {
  let second = server.another().start?.();
  try {
    for (let round = 0; round < 2; round += 1) {
      await server.stopTicking();
      await ticksAfter(now(), 2);
      server.startTicking();
      await second?.stop();
      await ticksAfter(now(), 2);
      second = server.another().start?.();
      await ticksAfter(now(), 2);
    }
  } finally {
    await second?.stop();
  }
  expect(await missingSeconds()).toEqual([]);
});
