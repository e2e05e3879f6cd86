import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureTemporal, probeTemporal, startDevServer, type DevServer } from '@pegasus-workflows/platform';
import { Connection } from '@temporalio/client';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { tickExecutionId } from '../../packages/server/src/triggers/tick-id.js';
import { openAnyDialect } from '../server/support.js';
import { eventually } from '../support/wait.js';
import { scheduleServer, started, ticksOf, type ScheduleServer } from './support.js';

/**
 * Temporal or the server away while a schedule should fire: no tick is doubled, and none is lost that is not later than
 * the catch-up window. Temporal is a process of this file's own, to be killed and suspended. A suspended process stands
 * for a machine that slept and for a clock that was put forward: when it goes on, its clock has jumped. Ticks come every
 * second, by the same schedules, instead of every minute.
 */
const LONG_WINDOW_SECONDS = 300;
const SHORT_WINDOW_SECONDS = 10;
/** How far the short window's end may be from where it should be, for a machine that is busy. */
const SLACK_SECONDS = 5;
/** Longer than a poll of the server may hang that Temporal took while it was starting. */
const patiently = { timeoutMs: 150_000, intervalMs: 250 };
const TIMEOUT_MS = 400_000;

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
  connection = await Connection.connect({ address: dev.address });
});
afterAll(async () => {
  await connection?.close();
  await dev?.stop();
  await rm(dataDir, { recursive: true, force: true });
});

/** For the suite that calls it: a server with that window, and a schedule of its own for each test. */
function withSchedules(catchUpSeconds: number): void {
  beforeAll(async () => {
    const specOf = () => ({ everySeconds: 1 });
    server = await scheduleServer(await openAnyDialect(), { specOf, temporal: temporal(), catchUpSeconds });
    const { id, taskQueue } = await server.publish();
    workflowId = id;
    stopWorker = await server.worker(taskQueue);
  });
  afterAll(async () => {
    await stopWorker?.();
    await server?.close();
  });
  beforeEach(async () => {
    triggerId = (await server.schedule(workflowId, '* * * * *')).id;
    await ticksAfter(0, 2);
    return async () => void (await server.call('DELETE', `${workflowId}/triggers/${triggerId}`));
  }, TIMEOUT_MS);
}

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
  const instants = await eventually(async () => {
    const all = await decided();
    const runs = await server.runsOf(triggerId);
    const ids = runs.map(({ id }) => id);
    for (const { executionId } of started(all)) expect(ids).toContain(executionId);
    for (const { id, input } of runs)
      expect(id).toBe(tickExecutionId(triggerId, new Date(String(input?.['scheduledAt']))));
    // A tick that was given up between its decision and the answer to Temporal has its run, and no result.
    const answered = new Set(all.map(({ scheduledAt }) => scheduledAt));
    const unanswered = runs.map(({ input }) => String(input?.['scheduledAt']));
    return [...all.map(({ scheduledAt }) => scheduledAt), ...unanswered.filter((at) => !answered.has(at))];
  }, patiently);
  const seconds = instants.map(inSeconds).sort((a, b) => a - b);
  expect(new Set(seconds).size).toBe(seconds.length);
  const [first, last] = [seconds[0]!, seconds.at(-1)!];
  return Array.from({ length: last - first }, (_, n) => first + n).filter(
    (second) => !seconds.includes(second),
  );
}

describe('within the catch-up window', { timeout: TIMEOUT_MS }, () => {
  withSchedules(LONG_WINDOW_SECONDS);

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

  it("Temporal's clock jumps: what it missed is made up for", async () => {
    const { to } = await suspendTemporal(8);
    await ticksAfter(to, 3);
    expect(await missingSeconds()).toEqual([]);
  });

  it('no server: the ticks wait for one', async () => {
    await server.stopTicking();
    await timePasses(8);
    server.startTicking();
    await ticksAfter(now(), 3);
    expect(await missingSeconds()).toEqual([]);
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
});

describe('beyond the catch-up window', { timeout: TIMEOUT_MS }, () => {
  withSchedules(SHORT_WINDOW_SECONDS);

  /** Something is left out, and all of it is later than the window allows. */
  function expectOnlyLateOnes(missing: readonly number[], { from, to }: { from: number; to: number }): void {
    expect(missing.length).toBeGreaterThan(0);
    for (const second of missing) {
      expect(second).toBeGreaterThan(from - 1);
      expect(second).toBeLessThan(to - SHORT_WINDOW_SECONDS + SLACK_SECONDS);
    }
  }

  it("Temporal's clock jumps: only ticks later than the window are left out", async () => {
    const away = await suspendTemporal(SHORT_WINDOW_SECONDS + 2 * SLACK_SECONDS);
    await ticksAfter(away.to, 3);
    expectOnlyLateOnes(await missingSeconds(), away);
  });

  it('no server: only ticks that waited longer than the window are left out', async () => {
    const from = now();
    await server.stopTicking();
    await timePasses(SHORT_WINDOW_SECONDS + 2 * SLACK_SECONDS);
    const to = now();
    server.startTicking();
    await ticksAfter(to, 3);
    expectOnlyLateOnes(await missingSeconds(), { from, to });
  });
});
