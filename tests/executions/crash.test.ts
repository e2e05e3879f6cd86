import { randomBytes, randomUUID } from 'node:crypto';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { artifactTaskQueue, type Execution } from '@pegasus-workflows/contracts';
import { createLogger } from '@pegasus-workflows/kit';
import { connectTemporal, openDatabase, schema, type TemporalPort, type Tx } from '@pegasus-workflows/server';
import { eq } from 'drizzle-orm';
import { QUEUED_GRACE_MS } from '../../packages/server/src/executions/reconciler.js';
import { forEachDialect, type TestDialect } from '../server/support.js';
import { serverSecrets } from '../support/secrets.js';
import { eventually } from '../support/wait.js';
import { startWorker } from './support.js';

/**
 * The server killed at every failpoint of a run's way, then started again: one run in Temporal, one row, and they
 * agree. Runs the real `main.js` on a database that stays, against the real Temporal.
 */

const temporal = inject('temporal');
const MAIN = fileURLToPath(new URL('../../packages/server/dist/main.js', import.meta.url));
const RECONCILE_MS = 1_000;
const secrets = serverSecrets();
interface ServerProcess {
  url: string;
  /** How it ended: the signal, or the exit code. */
  ended: Promise<string | number>;
  stop(): Promise<void>;
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port: free } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return free;
}

forEachDialect('a killed server', (open) => {
  const workflowId = randomUUID();
  const artifactSha256 = randomBytes(32).toString('hex');
  /** How many were asked for so far. */
  let runs = 0;
  let dialect: TestDialect;
  let databaseEnv: Record<string, string>;
  let folder: string;
  let apiKey: string;
  let stopWorker: () => Promise<void>;
  let port: TemporalPort;
  const children = new Set<ChildProcess>();

  /** Starts `main.js`; with a failpoint that fires at start, only `ended` is to be waited for. */
  async function startServer(failpoints = ''): Promise<ServerProcess> {
    const child = spawn(process.execPath, [MAIN], {
      env: {
        PATH: process.env['PATH'],
        LOG_LEVEL: 'error',
        TEMPORAL_ADDRESS: temporal.address,
        TEMPORAL_NAMESPACE: temporal.namespace,
        PEGASUS_PORT: String(await freePort()),
        ...databaseEnv,
        PEGASUS_ARTIFACTS_DIR: join(folder, 'artifacts'),
        PEGASUS_BOOTSTRAP_FILE: join(folder, 'bootstrap.json'),
        PEGASUS_RECONCILE_INTERVAL_MS: String(RECONCILE_MS),
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
      url,
      ended,
      stop: async () => {
        child.kill('SIGTERM');
        expect(await ended).toBe(0);
      },
    };
  }

  async function call(
    server: ServerProcess,
    method: string,
    path: string,
  ): Promise<{ status: number; data: never }> {
    const response = await fetch(`${server.url}/api/v1/workflows/${workflowId}/${path}`, {
      method,
      headers: { authorization: `Bearer ${apiKey}` },
    });
    return { status: response.status, ...((await response.json()) as { data: never }) };
  }

  /** Something in the database, while no server has it open. */
  async function inDatabase(work: (tx: Tx) => Promise<unknown>): Promise<void> {
    const db = await openDatabase(dialect.settings, createLogger('test'));
    await db.system(work);
    await db.close();
  }

  async function seed(tenantId: string): Promise<void> {
    const name = 'scripted';
    await inDatabase((tx) =>
      tx.insert(schema.workflows).values({
        id: workflowId,
        tenantId,
        name,
        version: '1.0.0',
        visibility: 'TENANT',
        manifest: {
          name,
          version: '1.0.0',
          entryPoints: ['scripted/workflow:scripted'],
          diagram: 'flowchart LR\n a-->b',
        },
        artifactSha256,
        artifactSizeBytes: 1,
        executable: true,
        workflowType: 'scripted',
      }),
    );
  }

  /**
   * On PostgreSQL a QUEUED row may be another server's to start for a while (reconciler 2); this makes that while over.
   */
  async function graceIsOver(): Promise<void> {
    if (dialect.settings.url === undefined) return;
    await inDatabase((tx) =>
      tx
        .update(schema.executions)
        .set({ queuedAt: new Date(Date.now() - QUEUED_GRACE_MS) })
        .where(eq(schema.executions.status, 'QUEUED')),
    );
  }

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'pegasus-crash-'));
    // In memory it would not outlive a server.
    const opened = await open();
    dialect = opened.settings.url ? opened : { ...opened, settings: { pgliteDir: join(folder, 'db') } };
    databaseEnv = opened.settings.url
      ? { DATABASE_URL: opened.settings.url }
      : { PEGASUS_PGLITE_DIR: join(folder, 'db') };
    await (await startServer()).stop();
    const made = JSON.parse(await readFile(join(folder, 'bootstrap.json'), 'utf8')) as {
      tenantId: string;
      apiKey: string;
    };
    apiKey = made.apiKey;
    await seed(made.tenantId);
    port = connectTemporal(temporal);
    stopWorker = await startWorker(temporal, artifactTaskQueue(made.tenantId, artifactSha256));
  });
  afterAll(async () => {
    for (const child of children) child.kill('SIGKILL');
    await stopWorker?.();
    await port?.close();
    await dialect?.drop();
    await rm(folder, { recursive: true, force: true });
  });

  /** After one more run and a clean start: every row is COMPLETED, by the one run that Temporal has for it. */
  async function expectAgreement(): Promise<void> {
    runs++;
    const server = await startServer();
    const all = await eventually(async () => {
      const found: Execution[] = (await call(server, 'GET', 'executions?limit=200')).data;
      expect(found.map((execution) => execution.status)).toEqual(
        Array.from({ length: runs }, () => 'COMPLETED'),
      );
      return found;
    });
    for (const execution of all) {
      const run = await port.describe(execution.temporalWorkflowId!);
      expect(run).toMatchObject({ status: 'COMPLETED', runId: execution.temporalRunId });
    }
    await server.stop();
  }

  it.each([
    'run.after-insert',
    'run.after-start',
    'run.after-update',
    'outcome.before-write',
    'outcome.after-write',
  ])('killed at %s', async (failpoint) => {
    const server = await startServer(`${failpoint}=kill`);
    await call(server, 'POST', 'run').catch(() => undefined);
    expect(await server.ended).toBe('SIGKILL');
    await graceIsOver();
    await expectAgreement();
  });

  it('killed at run.after-insert, then at reconcile.before-start', async () => {
    const server = await startServer('run.after-insert=kill');
    await call(server, 'POST', 'run').catch(() => undefined);
    expect(await server.ended).toBe('SIGKILL');
    await graceIsOver();
    const again = await startServer('reconcile.before-start=kill');
    expect(await again.ended).toBe('SIGKILL');
    await expectAgreement();
  });
});
