import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Execution, type Workflow } from '@pegasus-workflows/contracts';
import { eventually } from '../support/wait.js';
import { expectRowsToAgree } from './support/agreement.js';
import { Machine } from './support/machine.js';
import { publishFixture } from './support/publish.js';

const V1_RESULT = ['workflow of v1', 'activity of v1', 'activity of v1'];
const V2_RESULT = ['workflow of v2', 'activity of v2'];

let machine: Machine;
beforeAll(async () => {
  machine = await Machine.start();
});
afterAll(() => machine?.stop());

/** Starts a run and waits until it has done everything that comes before its wait for the signal. */
async function startAsleep(workflow: Workflow, lastEvent: string): Promise<Execution> {
  const execution = await machine.client.workflows.run(workflow.id);
  await eventually(async () => {
    const { events } = await machine.client.executions.history(workflow.id, execution.id);
    expect(events.map(({ type }) => type)).toContain(lastEvent);
    expect(events.at(-1)?.type).toMatch(/^(WorkflowTaskCompleted|TimerStarted)$/);
  });
  return execution;
}

async function wake(workflow: Workflow, execution: Execution): Promise<unknown> {
  const temporal = await machine.temporal();
  await temporal.workflow.getHandle(execution.temporalWorkflowId!).signal('wake');
  const ended = await machine.client.executions.wait(workflow.id, execution.id, { timeoutMs: 60_000 });
  expect(ended.errorMessage).toBeNull();
  return ended.result;
}

describe('a run finishes on the version that started it', () => {
  it('while newer versions start, and after everything was restarted and killed', async () => {
    const v1 = await publishFixture(machine.client, 'pinning-v1');
    // Three asleep on v1: one for each thing that happens before it wakes.
    const [early, restarted, killed] = await Promise.all(
      Array.from({ length: 3 }, () => startAsleep(v1, 'ActivityTaskCompleted')),
    );

    const v2 = await publishFixture(machine.client, 'pinning-v2');
    expect(v2.id).not.toBe(v1.id);
    const onV2 = await Promise.all(Array.from({ length: 3 }, () => startAsleep(v2, 'TimerFired')));
    expect(await wake(v1, early!)).toEqual(V1_RESULT);
    expect(await wake(v2, onV2[0]!)).toEqual(V2_RESULT);

    await machine.restart();
    expect(await wake(v1, restarted!)).toEqual(V1_RESULT);
    expect(await wake(v2, onV2[1]!)).toEqual(V2_RESULT);

    await machine.kill('everything');
    await machine.up();
    expect(await wake(v2, onV2[2]!)).toEqual(V2_RESULT);
    expect(await wake(v1, killed!)).toEqual(V1_RESULT);
    // The older version is still there to be run.
    const again = await startAsleep(v1, 'ActivityTaskCompleted');
    expect(await wake(v1, again)).toEqual(V1_RESULT);
    for (const { id } of [v1, v2]) await expectRowsToAgree(machine, id);
  }, 180_000);
});
