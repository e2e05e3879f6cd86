import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { artifactTaskQueue, type Backfill, type Execution, type Trigger } from '@pegasus-workflows/contracts';
import { createLogger } from '@pegasus-workflows/kit';
import { connectTemporal, openDatabase, schema, type TemporalPort } from '@pegasus-workflows/server';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { platformId } from '../../packages/server/src/triggers/platform-id.js';
import { startWorker } from '../executions/support.js';
import { serverSecrets } from '../support/secrets.js';
import { eventually } from '../support/wait.js';

/**
 * The server killed between a trigger's row, its schedule, its tick and its run, then started again: each trigger has
 * its schedule, each tick its one run, and nothing is left over. Runs the real `main.js`, against the real Temporal.
 */
const MAIN = fileURLToPath(new URL('../../packages/server/dist/main.js', import.meta.url));
const CRON = '0 0 29 2 *';
const temporal = inject('temporal');
const secrets = serverSecrets();
const workflowId = randomUUID();
const toRetire = randomUUID();
const children = new Set<ChildProcess>();
let folder: string;
let apiKey: string;
let tenantId: string;
let platform: string;
let port: TemporalPort;
let stopWorker: () => Promise<void>;

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port: free } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return free;
}

async function startServer(failpoints = '') {
  const child = spawn(process.execPath, [MAIN], {
    env: {
      PATH: process.env['PATH'],
      LOG_LEVEL: 'fatal',
      TEMPORAL_ADDRESS: temporal.address,
      TEMPORAL_NAMESPACE: temporal.namespace,
      PEGASUS_PORT: String(await freePort()),
      PEGASUS_PGLITE_DIR: join(folder, 'db'),
      PEGASUS_ARTIFACTS_DIR: join(folder, 'artifacts'),
      PEGASUS_BOOTSTRAP_FILE: join(folder, 'bootstrap.json'),
      PEGASUS_RECONCILE_INTERVAL_MS: '1000',
      PEGASUS_SCHEDULE_RECONCILE_INTERVAL_MS: '500',
      PEGASUS_FAILPOINTS: failpoints,
      ...secrets,
    },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  children.add(child);
  const ended = once(child, 'exit').then(
    ([code, signal]: (number | string | null)[]) => signal ?? code ?? -1,
  );
  void ended.then(() => children.delete(child));
  const ready = once(child, 'message').then(([message]: { url: string }[]) => message!.url);
  const url = await Promise.race([ready, ended.then(() => '')]);
  return {
    ended,
    /** @param path below a workflow version, empty for the version itself */
    async call<T>(method: string, path: string, body?: unknown, of = workflowId): Promise<T> {
      const response = await fetch(`${url}/api/v1/workflows/${of}${path && `/${path}`}`, {
        method,
        headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      return (text ? (JSON.parse(text) as { data: T }).data : undefined) as T;
    },
    async stop() {
      child.kill('SIGTERM');
      expect(await ended).toBe(0);
    },
  };
}
type Server = Awaited<ReturnType<typeof startServer>>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pegasus-schedules-'));
  await (await startServer()).stop();
  const made = JSON.parse(await readFile(join(folder, 'bootstrap.json'), 'utf8')) as Record<
    'tenantId' | 'apiKey',
    string
  >;
  ({ apiKey, tenantId } = made);
  const artifactSha256 = randomUUID().replaceAll('-', '').repeat(2);
  const db = await openDatabase({ pgliteDir: join(folder, 'db') }, createLogger('test'));
  platform = await platformId(db);
  const versionOf = (id: string, version: string) => ({
    id,
    tenantId,
    name: 'scripted',
    version,
    visibility: 'TENANT' as const,
    manifest: { name: 'scripted', version, entryPoints: ['s:s'], diagram: 'flowchart LR\n a-->b' },
    artifactSha256,
    artifactSizeBytes: 1,
    executable: true,
    workflowType: 'scripted',
  });
  const versions = [versionOf(workflowId, '1.0.0'), versionOf(toRetire, '0.9.0')];
  await db.system((tx) => tx.insert(schema.workflows).values(versions));
  await db.close();
  port = connectTemporal(temporal);
  stopWorker = await startWorker(temporal, artifactTaskQueue(tenantId, artifactSha256));
});
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await stopWorker?.();
  for (const owner of [platform, `test ${platform}`])
    for await (const { scheduleId } of port.schedules.list(owner)) await port.schedules.delete(scheduleId);
  await port?.close();
  await rm(folder, { recursive: true, force: true });
});

/** What Temporal has agrees with the rows, whichever was changed last before the server died. */
async function expectSchedulesLikeRows(server: Server): Promise<void> {
  await eventually(async () => {
    const rows = await server.call<Trigger[]>('GET', 'triggers');
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

const CHANGES: Record<string, (server: Server, id: string) => Promise<unknown>> = {
  create: (server) => server.call('POST', 'triggers', { kind: 'SCHEDULE', cronExpression: CRON }),
  pause: (server, id) => server.call('POST', `triggers/${id}/pause`, {}),
  delete: (server, id) => server.call('DELETE', `triggers/${id}`),
};

for (const failpoint of ['trigger.after-commit', 'schedule.before-write', 'schedule.after-write']) {
  it.each(Object.keys(CHANGES))(`killed at ${failpoint} of %s`, async (change) => {
    const first = await startServer();
    const { id } = await first.call<Trigger>('POST', 'triggers', { kind: 'SCHEDULE', cronExpression: CRON });
    await expectSchedulesLikeRows(first);
    await first.stop();
    const dying = await startServer(`${failpoint}=kill`);
    await CHANGES[change]!(dying, id).catch(() => undefined);
    expect(await dying.ended).toBe('SIGKILL');
    const again = await startServer();
    await expectSchedulesLikeRows(again);
    await again.stop();
  });
}

it('killed after the commit of a retirement, the schedules of the version go with its triggers', async () => {
  const first = await startServer();
  for (const minute of [1, 2])
    await first.call(
      'POST',
      'triggers',
      { kind: 'SCHEDULE', cronExpression: `${minute} 0 29 2 *` },
      toRetire,
    );
  const triggersOf = (server: Server) => server.call<Trigger[]>('GET', 'triggers', undefined, toRetire);
  const gone = (await triggersOf(first)).map(({ id }) => id);
  expect(gone).toHaveLength(2);
  const scheduled = async () => {
    const ids = [];
    for await (const { scheduleId } of port.schedules.list(platform)) ids.push(scheduleId.split('/')[2]!);
    return ids;
  };
  await eventually(async () => expect(await scheduled()).toEqual(expect.arrayContaining(gone)));
  await first.stop();
  const dying = await startServer('retire.after-commit=kill');
  await dying.call('DELETE', '', undefined, toRetire).catch(() => undefined);
  expect(await dying.ended).toBe('SIGKILL');
  const again = await startServer();
  await expectSchedulesLikeRows(again);
  expect(await triggersOf(again)).toEqual([]);
  expect((await scheduled()).filter((id) => gone.includes(id))).toEqual([]);
  await again.stop();
});

it('killed after the commit of a backfill, each tick has one run, in order, and a repetition none', async () => {
  const first = await startServer();
  const { id } = await first.call<Trigger>('POST', 'triggers', { kind: 'SCHEDULE', cronExpression: CRON });
  await first.stop();
  const range = { from: '2016-01-01T00:00:00Z', to: '2025-01-01T00:00:00Z' };
  const dying = await startServer('backfill.after-commit=kill');
  await dying.call('POST', `triggers/${id}/backfill`, range).catch(() => undefined);
  expect(await dying.ended).toBe('SIGKILL');
  const again = await startServer();
  const repeated = await again.call<Backfill>('POST', `triggers/${id}/backfill`, range);
  expect(repeated).toEqual({ ticks: 3, executionIds: [] });
  const runs = await eventually(async () => {
    const found = (await again.call<Execution[]>('GET', 'executions?limit=200')).filter(
      (run) => run.triggeredByTriggerId === id,
    );
    expect(found.map(({ status }) => status)).toEqual(['COMPLETED', 'COMPLETED', 'COMPLETED']);
    return found;
  });
  const byStart = runs.sort((a, b) => (a.startedAt ?? '').localeCompare(b.startedAt ?? ''));
  expect(byStart.map(({ input }) => input?.['scheduledAt'])).toEqual([
    '2016-02-29T00:00:00.000Z',
    '2020-02-29T00:00:00.000Z',
    '2024-02-29T00:00:00.000Z',
  ]);
  await again.stop();
});

it.each(['tick.after-commit', 'tick.before-answer', 'queued.before-start', 'queued.after-start'])(
  'killed at %s, each tick has one run, which ends',
  async (failpoint) => {
    const first = await startServer();
    const { id } = await first.call<Trigger>('POST', 'triggers', { kind: 'SCHEDULE', cronExpression: CRON });
    await first.stop();
    const dying = await startServer(`${failpoint}=kill`);
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
    expect(await dying.ended).toBe('SIGKILL');
    const again = await startServer();
    const runs = async () =>
      (await again.call<Execution[]>('GET', 'executions?limit=200')).filter(
        (run) => run.triggeredByTriggerId === id,
      );
    await eventually(async () => expect((await runs()).length).toBeGreaterThanOrEqual(2));
    await port.schedules.delete(scheduleId);
    await eventually(async () =>
      expect((await runs()).every(({ status }) => status === 'COMPLETED')).toBe(true),
    );
    const instants = (await runs()).map(({ input }) => String(input?.['scheduledAt']));
    expect(new Set(instants).size).toBe(instants.length);
    await again.stop();
  },
);
