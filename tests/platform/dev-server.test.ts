import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ensureTemporal, probeTemporal, startDevServer, type DevServer } from '@pegasus-workflows/platform';
import { testTemporal } from '../support/temporal.js';
import { eventually } from '../support/wait.js';

let dataDir: string;
let server: DevServer | undefined;

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'pegasus-dev-server-'));
});
afterEach(async () => {
  await server?.stop();
  server = undefined;
  await rm(dataDir, { recursive: true, force: true });
});

async function start(): Promise<DevServer> {
  const { path: binary } = await ensureTemporal();
  server = await startDevServer({ binary, dataDir, ui: false });
  return server;
}

async function withClient<T>(address: string, body: (client: Client) => Promise<T>): Promise<T> {
  const connection = await Connection.connect({ address });
  try {
    return await body(new Client({ connection }));
  } finally {
    await connection.close();
  }
}

describe('the Temporal of the test run', () => {
  it('answers for each of its namespaces', async () => {
    expect(await probeTemporal(testTemporal('t8'))).toBeUndefined();
    expect(await probeTemporal({ ...testTemporal(), namespace: 'no-such-namespace' })).toContain('NOT_FOUND');
  });
});

describe('the dev server', () => {
  it('comes back on its port after kill -9, with what it had acknowledged (invariants 3 and 4)', async () => {
    const { address, pid } = await start();
    const runId = await withClient(address, async (client) => {
      const handle = await client.workflow.start('sleeper', { taskQueue: 'nobody', workflowId: 'kept' });
      return handle.firstExecutionRunId;
    });
    process.kill(pid!, 'SIGKILL');
    await eventually(() => {
      expect(server!.pid).not.toBe(pid);
      expect(server!.pid).toBeTypeOf('number');
    });
    expect(server!.address).toBe(address);
    await eventually(() =>
      withClient(address, async (client) => {
        const described = await client.workflow.getHandle('kept').describe();
        expect(described.runId).toBe(runId);
        expect(described.status.name).toBe('RUNNING');
      }),
    );
  });
});
