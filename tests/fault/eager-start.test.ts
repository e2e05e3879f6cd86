/** First workflow tasks come with the start (`docs/adr/0016`), on a whole platform, and over the death of its parts. */
import { join } from 'node:path';
import { type Workflow } from '@pegasus-workflows/contracts';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { publishProject } from '../support/publish.js';
import { eventually } from '../support/wait.js';
import { Machine } from './support/machine.js';

const MINUTES = 60_000;
const HELLO = join(import.meta.dirname, '../../examples/hello');
const RUNS = 12;

let machine: Machine;
let workflow: Workflow;
beforeAll(async () => {
  machine = await Machine.start();
  workflow = await publishProject(machine.client, HELLO);
}, 5 * MINUTES);
afterAll(() => machine?.stop());

/** Whose poll took the first workflow task of a run that has just completed. */
async function firstTaskOf(on: Machine, { id }: Workflow): Promise<string> {
  const started = await on.client.workflows.run(id, { input: { name: 'Ada' } });
  const run = await on.client.executions.wait(id, started.id, { timeoutMs: 2 * MINUTES });
  expect([run.status, run.errorMessage]).toEqual(['COMPLETED', null]);
  const client = await on.temporal();
  const { events } = await client.workflow.getHandle(run.temporalWorkflowId!).fetchHistory();
  const [first] = events!.flatMap(({ workflowTaskStartedEventAttributes: of }) => (of ? [of] : []));
  return first!.identity ?? '';
}

const isEager = async (): Promise<void> =>
  expect(await firstTaskOf(machine, workflow)).toMatch(/^pegasus-server/);

it(
  'the first task of a run goes with its start to a worker that is warm',
  () => eventually(isEager),
  2 * MINUTES,
);

it.each(['worker', 'supervisor', 'server'] as const)(
  'runs that are started while the %s dies all complete, and starts are eager again after',
  async (part) => {
    const { id } = workflow;
    const starting = Array.from({ length: RUNS }, async (_, index) => {
      const run = await machine.client.workflows.run(
        id,
        { input: { name: 'Ada' } },
        { idempotencyKey: `${part}-${index}` },
      );
      return run.id;
    });
    await machine.kill(part);
    await machine.up();
    for (const execution of await Promise.all(starting)) {
      const run = await machine.client.executions.wait(id, execution, { timeoutMs: 2 * MINUTES });
      expect([run.status, run.errorMessage]).toEqual(['COMPLETED', null]);
    }
    await eventually(isEager, { timeoutMs: MINUTES });
  },
  4 * MINUTES,
);

it(
  'is left out where it is off',
  async () => {
    const other = await Machine.start({ PEGASUS_EAGER_START: 'off' });
    try {
      const hello = await publishProject(other.client, HELLO);
      for (let run = 0; run < 3; run++)
        expect(await firstTaskOf(other, hello)).not.toMatch(/^pegasus-server/);
    } finally {
      await other.stop();
    }
  },
  4 * MINUTES,
);
