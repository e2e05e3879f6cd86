import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Workflow } from '@pegasus-workflows/contracts';
import { eventually } from '../support/wait.js';
import { expectRowsToAgree } from './support/agreement.js';
import { Machine, type Part } from './support/machine.js';
import { publishFixture } from './support/publish.js';
import { startThirdParty, type ThirdParty } from './support/third-party.js';

/** Runs of a wave; `npm run test:faults` has 500. */
const RUNS = Number(process.env['PEGASUS_LOAD_RUNS'] ?? 150);
const STEPS = 2;
const MiB = 1024 * 1024;
const MINUTES = 60_000;
const OURS = ['server', 'supervisor', 'worker'] as const satisfies readonly Part[];
/** What a part may have grown by over {@link RUNS} more runs: what a garbage collector leaves lying. */
const SHARE = 0.15;
/** The server has PGlite in its process, whose memory grows with its rows and is never given back. */
const BYTES = { server: 128 * MiB, supervisor: 24 * MiB, worker: 24 * MiB };

let machine: Machine;
let workflow: Workflow;
let thirdParty: ThirdParty;
beforeAll(async () => {
  thirdParty = await startThirdParty();
  machine = await Machine.start();
  workflow = await publishFixture(machine.client, 'twenty-steps');
});
afterAll(() => machine?.stop());

/** Starts every run before any is awaited; returns the Temporal workflow ids. */
async function wave(): Promise<string[]> {
  const input = { url: thirdParty.url, steps: STEPS, lingerMs: 0 };
  const started = await Promise.all(
    Array.from({ length: RUNS }, () =>
      machine.client.workflows.run(workflow.id, { input }, { timeoutMs: MINUTES }),
    ),
  );
  const ended = await Promise.all(
    started.map(({ id }) => machine.client.executions.wait(workflow.id, id, { timeoutMs: 3 * MINUTES })),
  );
  const count = new Map<string, number>();
  for (const { status } of ended) count.set(status, (count.get(status) ?? 0) + 1);
  expect(Object.fromEntries(count)).toEqual({ COMPLETED: RUNS });
  return ended.map(({ temporalWorkflowId }) => temporalWorkflowId!);
}

function expectEachStepOnce(ids: readonly string[]): void {
  expect(new Set(ids).size).toBe(RUNS);
  const keys = thirdParty.effects.map(({ workflowId, step }) => `${workflowId}/${step}`);
  const mine = keys.filter((key) => ids.includes(key.slice(0, key.lastIndexOf('/'))));
  const expected = ids.flatMap((id) => Array.from({ length: STEPS }, (_, step) => `${id}/${step + 1}`));
  expect(mine.toSorted()).toEqual(expected.toSorted());
}

/** Of each part; of the workers the tenant's, which is larger than the spare one. Bytes. */
async function memory(): Promise<Record<Exclude<Part, 'agents'>, number>> {
  const processes = await machine.processes();
  const rss = (part: Part): number => Math.max(0, ...processes[part].map((one) => one.rss));
  return {
    worker: rss('worker'),
    supervisor: rss('supervisor'),
    server: rss('server'),
    temporal: rss('temporal'),
  };
}

describe(`${RUNS} runs at once`, () => {
  it(
    'all complete, none runs twice, and a third wave takes no more memory than the second',
    async () => {
      // In the first one code is compiled and heaps grow to what a wave needs.
      expectEachStepOnce(await wave());
      expectEachStepOnce(await wave());
      const before = await memory();
      expectEachStepOnce(await wave());
      expect(thirdParty.effects).toHaveLength(3 * RUNS * STEPS);
      await eventually(async () => {
        const after = await memory();
        for (const part of OURS) {
          const most = before[part] * (1 + SHARE) + BYTES[part];
          const said = `${part}: ${Math.round(before[part] / MiB)} MiB after two waves, then ${Math.round(after[part] / MiB)}`;
          expect(after[part], said).toBeLessThanOrEqual(most);
        }
      });
      await expectRowsToAgree(machine, workflow.id);
    },
    6 * MINUTES,
  );
});
