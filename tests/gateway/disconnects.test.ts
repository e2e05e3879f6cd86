/**
 * Connections between a worker and the gateway that break at random, as many as in a day with one a minute. It has a
 * Temporal of its own: polls that are broken off can cost the dev server its store, which the platform then restarts
 * (`store-watch.ts`). Nothing may be lost by that either.
 */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import { type WorkflowBundle } from '@temporalio/worker';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ensureTemporal, startDevServer, type DevServer } from '@pegasus-workflows/platform';
import { eventually } from '../support/wait.js';
import { GatewayBench, NAMESPACE, type Hostile } from './support/bench.js';
import { fixtureBundle, quietSdk, withSdkWorker } from './support/sdk-worker.js';

const SECONDS = Number(process.env['PEGASUS_TEST_DISCONNECT_SECONDS'] ?? 10);
const DISCONNECTS_PER_SECOND = 12;
/** What a run may take beyond that: its tasks that were lost wait for their timeouts, and Temporal may be restarted. */
const PATIENCE_MS = 180_000;

let dataDir: string;
let temporal: DevServer;
let restarts = 0;
let bench: GatewayBench;
let workflowBundle: WorkflowBundle;

beforeAll(async () => {
  quietSdk();
  dataDir = await mkdtemp(join(tmpdir(), 'pegasus-disconnects-'));
  temporal = await startDevServer({
    binary: (await ensureTemporal()).path,
    dataDir,
    ui: false,
    namespaces: [NAMESPACE],
    onEvent: ({ type }) => (restarts += type === 'restarting' ? 1 : 0),
  });
  bench = await new GatewayBench({}, temporal.address).open();
  workflowBundle = await fixtureBundle();
});
afterAll(async () => {
  await bench.close();
  await temporal.stop();
  await rm(dataDir, { recursive: true, force: true });
});

/** A run from its start to its result, by a client that goes on when its Temporal is away. */
function run(tenant: Hostile, timeoutMs: number): Promise<unknown> {
  const workflowId = `wf/${tenant.tenantId}/any/${randomUUID()}`;
  let isStarted = false;
  const start = async (): Promise<void> => {
    try {
      await bench.start(tenant, 'busy', [3, 4], workflowId);
    } catch (error) {
      // The answer to an earlier try was lost, and not what it did.
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    }
    isStarted = true;
  };
  const attempt = async (): Promise<unknown> => {
    if (!isStarted) await start();
    return bench.client.workflow.getHandle(workflowId).result();
  };
  return eventually(attempt, { timeoutMs, intervalMs: 500 });
}

it(
  'connections that break at random lose nothing',
  async () => {
    await withSdkWorker(bench, workflowBundle, 'gateway', async (tenant) => {
      let broken = 0;
      const runs: Promise<unknown>[] = [];
      const until = performance.now() + SECONDS * 1_000;
      while (performance.now() < until) {
        broken += tenant.disconnect();
        runs.push(run(tenant, until + PATIENCE_MS - performance.now()));
        await delay((Math.random() * 2_000) / DISCONNECTS_PER_SECOND);
      }
      const results = await Promise.all(runs);
      process.stdout.write(`${JSON.stringify({ seconds: SECONDS, broken, runs: runs.length, restarts })}\n`);
      expect(broken).toBeGreaterThan(SECONDS);
      for (const result of results) expect(result).toBe(4 * 6);
      expect(tenant.refused).toEqual([]);
    });
  },
  SECONDS * 1_000 + PATIENCE_MS + 60_000,
);
