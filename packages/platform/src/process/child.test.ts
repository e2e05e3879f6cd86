import { type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { baseEnvironment } from './environment.js';
import { Child, type ChildEvent, type ChildOptions } from './child.js';
import { identityOf } from './identity.js';
import { until } from './until.js';

const READY =
  'process.send("ready"); process.on("disconnect", () => process.exit()); setInterval(() => {}, 60000);';

let root: string;
let events: ChildEvent[];
let child: Child | undefined;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'pegasus-child-'));
  events = [];
});
afterEach(async () => {
  await child?.stop();
  child = undefined;
  await rm(root, { recursive: true, force: true });
});

function makeChild(code: string | (() => string), options: Partial<ChildOptions> = {}): Child {
  child = new Child({
    name: 'the fixture',
    command: async () => ({
      file: process.execPath,
      args: ['-e', typeof code === 'string' ? code : code()],
      env: baseEnvironment(),
      ipc: true,
    }),
    ready: async (started: ChildProcess) => void (await once(started, 'message')),
    logFile: join(root, 'logs', 'child.log'),
    pidFile: join(root, 'pid'),
    startTimeoutMs: 10_000,
    stopGraceMs: 5_000,
    onEvent: (event) => events.push(event),
    ...options,
  });
  return child;
}

const isGone = async (pid: number): Promise<boolean> => (await identityOf(pid)) === undefined;

describe('Child', () => {
  it('is ready after start, has a pid file, and is gone after stop (invariants 2, 4 and 5)', async () => {
    const subject = makeChild(READY);
    await subject.start();
    const pid = subject.pid!;
    expect(JSON.parse(await readFile(join(root, 'pid'), 'utf8'))).toEqual(await identityOf(pid));
    await subject.stop();
    expect(await isGone(pid)).toBe(true);
    expect(subject.pid).toBeUndefined();
    await expect(stat(join(root, 'pid'))).rejects.toThrow('ENOENT');
  });

  it('rejects with the end of this run’s log when it exits first (invariant 2)', async () => {
    await makeChild('console.error("of an earlier run"); process.exit(1)')
      .start()
      .catch(() => undefined);
    const subject = makeChild('console.error("cannot open the database"); process.exit(7)');
    await expect(subject.start()).rejects.toMatchObject({
      code: 'SERVICE_UNAVAILABLE',
      message:
        'the fixture ended with exit code 7 before it was ready; the end of its log:\ncannot open the database',
      hint: `the whole log is ${join(root, 'logs', 'child.log')}`,
    });
    expect(subject.pid).toBeUndefined();
  });

  it('rejects when it is not ready in time, and leaves no process (invariant 2)', async () => {
    const pids: number[] = [];
    const subject = makeChild('console.error("still thinking"); setInterval(() => {}, 60000)', {
      startTimeoutMs: 500,
      ready: (started) => new Promise(() => pids.push(started.pid!)),
    });
    await expect(subject.start()).rejects.toThrow(
      'the fixture was not ready after 0.5 s; the end of its log:\nstill thinking',
    );
    expect(await isGone(pids[0]!)).toBe(true);
  });

  it('says so when the program is not there', async () => {
    const subject = makeChild(READY, {
      command: async () => ({ file: join(root, 'absent'), args: [], env: {}, ipc: false }),
    });
    await expect(subject.start()).rejects.toThrow('the fixture could not be started');
  });

  it('is started again after kill -9, with what the command says then (invariants 1 and 3)', async () => {
    let run = 0;
    const subject = makeChild(() => `console.error("run ${++run}"); ${READY}`);
    await subject.start();
    const first = subject.pid!;
    process.kill(first, 'SIGKILL');
    expect(await until(() => events.filter(({ type }) => type === 'started').length === 2, 10_000)).toBe(
      true,
    );
    expect(subject.pid).not.toBe(first);
    expect(events).toMatchObject([
      { type: 'started', pid: first, restarts: 0 },
      { type: 'exited', code: null, signal: 'SIGKILL', retryInMs: 100 },
      { type: 'started', pid: subject.pid, restarts: 1 },
    ]);
    expect(await readFile(join(root, 'logs', 'child.log'), 'utf8')).toBe('run 1\nrun 2\n');
  });

  it('waits longer each time it fails, and recovers (invariant 3)', async () => {
    const subject = makeChild(
      `if (require("fs").existsSync(${JSON.stringify(join(root, 'broken'))})) process.exit(1); ${READY}`,
    );
    await subject.start();
    await writeFile(join(root, 'broken'), '');
    process.kill(subject.pid!, 'SIGKILL');
    expect(await until(() => events.filter(({ type }) => type === 'start-failed').length === 2, 10_000)).toBe(
      true,
    );
    await rm(join(root, 'broken'));
    expect(await until(() => events.at(-1)?.type === 'started', 10_000)).toBe(true);
    expect(events.flatMap((event) => ('retryInMs' in event ? [event.retryInMs] : []))).toEqual([
      100, 200, 400,
    ]);
  });

  it('is not started again once stop was asked for, also between two runs (invariant 4)', async () => {
    const subject = makeChild(READY);
    await subject.start();
    process.kill(subject.pid!, 'SIGKILL');
    expect(await until(() => events.at(-1)?.type === 'exited', 10_000)).toBe(true);
    await subject.stop();
    expect(subject.pid).toBeUndefined();
    expect(events.filter(({ type }) => type === 'started')).toHaveLength(1);
  });

  it('can be stopped while it is starting (invariant 4)', async () => {
    const subject = makeChild('setInterval(() => {}, 60000)');
    const failure = subject.start().catch((error: unknown) => error);
    expect(await until(() => subject.pid !== undefined, 10_000)).toBe(true);
    const pid = subject.pid!;
    await subject.stop();
    expect(await failure).toBeInstanceOf(Error);
    expect(await isGone(pid)).toBe(true);
  });

  it('kills one that ignores SIGTERM (invariant 4)', async () => {
    const subject = makeChild(`process.on("SIGTERM", () => {}); ${READY}`, { stopGraceMs: 200 });
    await subject.start();
    const pid = subject.pid!;
    await subject.stop();
    expect(await isGone(pid)).toBe(true);
  });
});
