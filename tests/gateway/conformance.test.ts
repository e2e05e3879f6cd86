/**
 * Temporal's own worker, once at Temporal and once at the gateway: the same workflows must end the same, with the same
 * histories. `disconnects.test.ts` has what they do while their connections break.
 */
import { type WorkflowHandle } from '@temporalio/client';
import { type temporal } from '@temporalio/proto';
import { NativeConnection, Worker, type WorkflowBundle } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as activities from './fixtures/activities.js';
import { addSignal, addUpdate, totalQuery } from './fixtures/workflows.js';
import { GatewayBench, NAMESPACE, type Hostile } from './support/bench.js';
import { fixtureBundle, quietSdk, withSdkWorker } from './support/sdk-worker.js';

let bench: GatewayBench;
let workflowBundle: WorkflowBundle;

beforeAll(async () => {
  quietSdk();
  bench = await new GatewayBench().open();
  workflowBundle = await fixtureBundle();
});
afterAll(() => bench.close());

interface Scenario {
  type: string;
  args?: unknown[];
  during?: (handle: WorkflowHandle) => Promise<unknown>;
}

const SCENARIOS: Scenario[] = [
  { type: 'steps' },
  { type: 'failing' },
  { type: 'cancelled' },
  { type: 'family' },
  { type: 'counting', args: [3, 0] },
  {
    type: 'messages',
    args: [10],
    during: async (handle) => {
      const rejected = await handle.executeUpdate(addUpdate, { args: [-1] }).catch(() => 'rejected');
      const updated = await handle.executeUpdate(addUpdate, { args: [2] });
      const queried = await handle.query(totalQuery);
      await handle.signal(addSignal, 6);
      return { rejected, updated, queried };
    },
  },
];

const UUID = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;

/**
 * What is equal in two histories of the same workflow: kinds of events and what tenant code put into them. Sorted,
 * because what children and activities do at once comes in any order.
 */
function essence(events: temporal.api.history.v1.IHistoryEvent[] | null | undefined): string[] {
  const routine = /^workflowTask/;
  const entries = (events ?? []).flatMap((event) => {
    const entry = Object.entries(event).find(([name, value]) => name.endsWith('EventAttributes') && value);
    if (!entry || routine.test(entry[0])) return [];
    const { result, input, failure } = entry[1] as Record<string, unknown>;
    return [
      [entry[0], textOf(result), textOf(input), (failure as { message?: string } | null)?.message ?? null],
    ];
  });
  return entries.map((entry) => JSON.stringify(entry).replace(UUID, 'uuid')).sort();
}

function textOf(payloads: unknown): string | null {
  const list = (payloads as { payloads?: { data: Uint8Array }[] } | null)?.payloads;
  return list ? list.map(({ data }) => Buffer.from(data).toString().slice(0, 200)).join() : null;
}

async function play(scenario: Scenario, tenant: Hostile) {
  const handle = await bench.start(tenant, scenario.type, scenario.args);
  const seen = await scenario.during?.(handle);
  const outcome = await handle.result().then(
    (result: unknown) => ({ result }),
    (error: unknown) => ({ error: String((error as Error).cause) }),
  );
  const { events } = await bench.client.workflow.getHandle(handle.workflowId).fetchHistory();
  return { seen, outcome, events: essence(events) };
}

describe('Temporal’s worker at the gateway', () => {
  it.each(SCENARIOS)(
    'runs “$type” as it does at Temporal itself, with the same history',
    async (scenario) => {
      const direct = await withSdkWorker(bench, workflowBundle, 'nothing', (tenant) =>
        play(scenario, tenant),
      );
      const proxied = await withSdkWorker(bench, workflowBundle, 'gateway', (tenant) =>
        play(scenario, tenant),
      );
      expect(proxied).toEqual(direct);
      expect(direct.events.length).toBeGreaterThan(1);
    },
  );

  it('reads a history of many pages again when it has lost its cache', async () => {
    const tenant = await bench.worker();
    const handle = await bench.start(tenant, 'busy', [20, 8]);
    const serve = async (work: () => Promise<unknown>, cached: number): Promise<void> => {
      const connection = await NativeConnection.connect({
        address: tenant.address,
        metadata: { 'pegasus-worker': tenant.session.credential },
      });
      const { taskQueue } = tenant;
      const options = { connection, namespace: NAMESPACE, taskQueue, workflowBundle, activities };
      const worker = await Worker.create({ ...options, maxCachedWorkflows: cached });
      await worker.runUntil(work());
      await connection.close();
    };
    // Without a cache every task brings the history from its start, page by page, compressed on the way.
    await serve(() => handle.result(), 0);
    expect(await handle.result()).toBe(8 * 380);
    expect(tenant.refused).toEqual([]);
  });
});
