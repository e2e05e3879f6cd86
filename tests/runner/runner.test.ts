import { randomUUID } from 'node:crypto';
import { chmod, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { WorkflowFailedError, type WorkflowHandle } from '@temporalio/client';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { eventually } from '../support/wait.js';
import { demanded } from './support/artifacts.js';
import { startGate, type Gate } from './support/gate.js';
import { isAlive, RunnerBench } from './support/supervisor.js';

interface Whereabouts {
  cwd: string;
  env: Record<string, string>;
  calls: number;
}

let bench: RunnerBench;
let tenant: string;
beforeEach(async () => {
  tenant = randomUUID();
  bench = await new RunnerBench().open();
});
afterEach(() => bench.close());

async function whereabouts(handle: Promise<WorkflowHandle>): Promise<Whereabouts> {
  return (await (await handle).result()) as Whereabouts;
}

async function gate(): Promise<Gate> {
  const made = await startGate();
  onTestFinished(() => made.close());
  return made;
}

describe('an artifact in demand', () => {
  test('is fetched, verified, and its run completes', async () => {
    const artifact = await bench.publish();
    await bench.start();
    const handle = await bench.run(tenant, artifact, 'greet', { name: 'Ada' });
    bench.api.demand(demanded(tenant, artifact));
    expect(await handle.result()).toBe('hello Ada from greet');
    expect(bench.api.downloads).toEqual([artifact.sha256]);
  });

  test('fails with the author’s file and line, of workflow and of activity', async () => {
    const artifact = await bench.publish();
    await bench.start();
    bench.api.demand(demanded(tenant, artifact));
    const workflow = await failure(await bench.run(tenant, artifact, 'failing'));
    expect(workflow.cause?.stack).toContain(`/workflow.ts:${await lineOf('workflow.ts', 'nonRetryable(')}:`);
    const activity = await failure(await bench.run(tenant, artifact, 'failingActivity'));
    const cause = (activity.cause as Error).cause as Error;
    const line = await lineOf('activities.ts', 'broken on');
    expect(cause.stack).toContain(`at broken (activities.ts:${line}:`);
    expect(cause.stack).not.toContain(bench.dir);
  });

  test('is refused when the download is not what was announced, and runs once it is', async () => {
    const artifact = await bench.publish();
    const damaged = Buffer.from(artifact.zip);
    damaged[damaged.length >> 1]! ^= 0xff;
    bench.api.zips.set(artifact.sha256, damaged);
    await bench.start();
    bench.api.demand(demanded(tenant, artifact));
    await bench.logged((line) => String(line['reason']).includes('does not have the sha256'));
    bench.api.zips.set(artifact.sha256, artifact.zip);
    expect(await (await bench.run(tenant, artifact, 'greet', { name: 'Ada' })).result()).toContain('Ada');
  });

  test('is fetched again when its cached files have changed', async () => {
    const artifact = await bench.publish();
    await bench.start();
    bench.api.demand(demanded(tenant, artifact));
    await bench.logged((line) => line.msg === 'artifact loaded');
    await bench.stop('SIGTERM');
    const file = join(bench.runnerDir, 'artifacts', artifact.sha256, '.pegasus/activities.cjs');
    await chmod(file, 0o644);
    await writeFile(file, 'exports.greet = async () => "altered";');
    await bench.start();
    expect(await (await bench.run(tenant, artifact, 'greet', { name: 'Ada' })).result()).toContain(
      'hello Ada',
    );
    expect(bench.api.downloads).toEqual([artifact.sha256, artifact.sha256]);
  });
});

describe('processes', () => {
  test('one per tenant: two artifacts share it and no module state; another tenant has another', async () => {
    const [first, second] = [await bench.publish(), await bench.publish()];
    const other = randomUUID();
    await bench.start();
    bench.api.demand(demanded(tenant, first), demanded(tenant, second), demanded(other, first));
    const [a, b, c] = await Promise.all([
      whereabouts(bench.run(tenant, first, 'whereAmI')),
      whereabouts(bench.run(tenant, second, 'whereAmI')),
      whereabouts(bench.run(other, first, 'whereAmI')),
    ]);
    const [pidOfA, pidOfB, pidOfC] = await Promise.all([
      bench.workerOf(tenant, first),
      bench.workerOf(tenant, second),
      bench.workerOf(other, first),
    ]);
    expect(pidOfB).toBe(pidOfA);
    expect(pidOfC).not.toBe(pidOfA);
    expect([a.calls, b.calls, c.calls]).toEqual([1, 1, 1]);
  });

  test('hold no secret, no address and no path of the platform in their environment', async () => {
    const artifact = await bench.publish();
    await bench.start({
      DATABASE_URL: 'postgres://secret',
      AWS_SECRET_ACCESS_KEY: 'secret',
    });
    bench.api.demand(demanded(tenant, artifact));
    const { env, cwd } = await whereabouts(bench.run(tenant, artifact, 'whereAmI'));
    const allowed = [
      'HOME',
      'TMPDIR',
      'NODE_ENV',
      'MALLOC_ARENA_MAX',
      'PATH',
      'PWD',
      'LANG',
      'LC_ALL',
      'TZ',
      'LOG_LEVEL',
      'PEGASUS_API_BASE_URL',
    ];
    const own = ['NODE_CHANNEL_FD', 'NODE_CHANNEL_SERIALIZATION_MODE'];
    expect(Object.keys(env).filter((name) => ![...allowed, ...own].includes(name))).toEqual([]);
    expect(JSON.stringify({ ...env, PATH: '' })).not.toContain(bench.runnerDir);
    expect(cwd).toBe(env['HOME']);
  });

  test('killed in the middle of an activity: restarted, and the run completes', async () => {
    const artifact = await bench.publish();
    const { url, env, open, log } = await gate();
    await bench.start(env);
    bench.api.demand(demanded(tenant, artifact));
    const pid = await bench.workerOf(tenant, artifact);
    const handle = await bench.run(tenant, artifact, 'gated', { gate: url });
    await eventually(() => expect(log()).toBe('start 1\n'));
    process.kill(pid, 'SIGKILL');
    open();
    expect(await handle.result()).toBe('attempt 2');
    expect(log()).toBe('start 1\nstart 2\nend 2\n');
  });

  test('left with an unhandled rejection: said to the tenant, ended with their own code, replaced', async () => {
    const artifact = await bench.publish();
    await bench.start();
    bench.api.demand(demanded(tenant, artifact, 'open', { workflowId: randomUUID() }));
    const handle = await bench.run(tenant, artifact, 'escaping');
    await bench.logged((line) => line.msg === 'worker process died' && line['code'] === 70);
    expect(await handle.result()).toBe('recovered');
    await eventually(() =>
      expect(bench.api.said.some((line) => line.includes('nobody handles this'))).toBe(true),
    );
    await eventually(() => expect(bench.api.closed).toContain(handle.workflowId));
  });

  test('are gone when the supervisor was killed; its successor carries on', async () => {
    const artifact = await bench.publish();
    await bench.start();
    bench.api.demand(demanded(tenant, artifact));
    const pid = await bench.workerOf(tenant, artifact);
    await bench.stop('SIGKILL');
    await eventually(() => expect(isAlive(pid)).toBe(false), { timeoutMs: 3_000 });
    const handle = await bench.run(tenant, artifact, 'greet', { name: 'Ada' });
    await bench.start();
    expect(await handle.result()).toContain('Ada');
    expect(bench.api.downloads).toEqual([artifact.sha256]);
    // Of the killed one nothing is left; a worker of the successor may have a folder here, where it has no sandbox.
    expect((await readdir(bench.dir)).filter((name) => name.startsWith('pegasus-etc-'))).toEqual([]);
  });
});

describe('the server away', () => {
  test('runs continue, and a new demand is seen when it is back', async () => {
    const [first, second] = [await bench.publish(), await bench.publish()];
    await bench.start({ PEGASUS_RUNNER_IDLE_SECONDS: '1' });
    bench.api.demand(demanded(tenant, first));
    await whereabouts(bench.run(tenant, first, 'whereAmI'));
    const before = await bench.workerOf(tenant, first);
    await bench.api.stop();
    await bench.logged((line) => line.msg === 'demand cannot be read');
    const during = await whereabouts(bench.run(tenant, first, 'whereAmI'));
    expect(during).toMatchObject({ calls: 2 });
    bench.api.demand(demanded(tenant, first), demanded(tenant, second));
    await bench.api.start();
    expect(await bench.workerOf(tenant, second)).toBe(before);
  });
});

describe('idleness and memory', () => {
  test('an artifact out of demand is unloaded, its process stopped; both are back when demanded', async () => {
    const [first, second] = [await bench.publish(), await bench.publish()];
    await bench.start({ PEGASUS_RUNNER_IDLE_SECONDS: '1' });
    bench.api.demand(demanded(tenant, first), demanded(tenant, second));
    const pid = await bench.workerOf(tenant, first);
    await bench.logged((line) => line.msg === 'artifact loaded', 2);
    bench.api.demand(demanded(tenant, second));
    await bench.logged((line) => line.msg === 'artifact unloaded');
    expect((await whereabouts(bench.run(tenant, second, 'whereAmI'))).calls).toBe(1);
    expect(isAlive(pid)).toBe(true);
    bench.api.demand();
    await eventually(() => expect(isAlive(pid)).toBe(false));
    const handle = await bench.run(tenant, first, 'greet', { name: 'Ada' });
    bench.api.demand(demanded(tenant, first));
    expect(await handle.result()).toContain('Ada');
  });

  test('over the budget, what only waits for a first run goes; what has an open run stays', async () => {
    const [open, waiting] = [await bench.publish(), await bench.publish()];
    const other = randomUUID();
    await bench.start({ PEGASUS_RUNNER_MEMORY_MB: '1' });
    bench.api.demand(demanded(tenant, open), demanded(other, waiting, 'prewarm'));
    await bench.logged((line) => line.msg === 'evicting' && line['reason'] === 'memory');
    expect(await (await bench.run(tenant, open, 'greet', { name: 'Ada' })).result()).toContain('Ada');
    const handle = await bench.run(other, waiting, 'greet', { name: 'Bob' });
    bench.api.demand(demanded(tenant, open), demanded(other, waiting, 'open'));
    expect(await handle.result()).toContain('Bob');
  });
});

describe('a bad artifact', () => {
  test('is retried with its reason told to the tenant, and takes no other artifact with it', async () => {
    const good = await bench.publish();
    const broken = await bench.publish({ activities: 'throw new Error("cannot start");' });
    const missing = await bench.publish({ activities: 'require("left-out");' });
    await bench.start();
    const known = { workflowId: randomUUID() };
    bench.api.demand(
      demanded(tenant, broken, 'open', known),
      demanded(tenant, missing, 'open', known),
      demanded(tenant, good),
    );
    expect(await (await bench.run(tenant, good, 'greet', { name: 'Ada' })).result()).toContain('Ada');
    const told = (text: string): number => bench.api.said.filter((line) => line.includes(text)).length;
    await eventually(() => expect(told('cannot start')).toBeGreaterThanOrEqual(2));
    await eventually(() => expect(told('which is not in the artifact')).toBeGreaterThanOrEqual(1));
    expect(JSON.stringify(bench.logs)).not.toContain('cannot start');
    expect(bench.logs.some((line) => line.msg === 'worker process died')).toBe(false);
  });

  test('that ends the process while it loads is loaded alone; the others run between', async () => {
    const good = await bench.publish();
    const deadly = await bench.publish({ activities: 'process.exit(3);' });
    await bench.start();
    bench.api.demand(demanded(tenant, deadly), demanded(tenant, good));
    await bench.logged((line) => line.msg === 'worker process died' && line['code'] === 3, 2);
    expect(await (await bench.run(tenant, good, 'greet', { name: 'Ada' })).result()).toContain('Ada');
  });
});

describe('stopping', () => {
  test('SIGTERM lets a running activity finish within the grace, then everything is gone', async () => {
    const artifact = await bench.publish();
    const { url, env, open, log } = await gate();
    await bench.start(env);
    bench.api.demand(demanded(tenant, artifact));
    const pid = await bench.workerOf(tenant, artifact);
    await bench.run(tenant, artifact, 'gated', { gate: url });
    await eventually(() => expect(log()).toBe('start 1\n'));
    const stopped = bench.stop('SIGTERM');
    await bench.logged((line) => line.msg === 'shutting down');
    open();
    expect(await stopped).toBe(0);
    expect(isAlive(pid)).toBe(false);
    expect(log()).toBe('start 1\nend 1\n');
  });
});

/** Where a text stands in a file of the fixture. */
async function lineOf(file: string, text: string): Promise<number> {
  const source = await readFile(new URL(`fixtures/basic/${file}`, import.meta.url), 'utf8');
  return source.split('\n').findIndex((line) => line.includes(text)) + 1;
}

async function failure(handle: WorkflowHandle): Promise<WorkflowFailedError> {
  const error: unknown = await handle.result().then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof WorkflowFailedError)) throw new Error('the run did not fail');
  return error;
}
