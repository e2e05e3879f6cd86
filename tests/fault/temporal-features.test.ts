import { WorkflowNotFoundError, WorkflowUpdateFailedError, type WorkflowHandle } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Execution, type Workflow } from '@pegasus-workflows/contracts';
import { eventually } from '../support/wait.js';
import { Machine } from './support/machine.js';
import { publishFixture } from './support/publish.js';

let machine: Machine;
let workflow: Workflow;
beforeAll(async () => {
  machine = await Machine.start();
  workflow = await publishFixture(machine.client, 'features');
});
afterAll(() => machine?.stop());

const start = (feature: string): Promise<Execution> =>
  machine.client.workflows.run(workflow.id, { input: { feature } });
const end = ({ id }: Execution): Promise<Execution> =>
  machine.client.executions.wait(workflow.id, id, { timeoutMs: 60_000 });
const run = async (feature: string): Promise<Execution> => end(await start(feature));

async function handleOf(execution: Execution): Promise<WorkflowHandle> {
  return (await machine.temporal()).workflow.getHandle(execution.temporalWorkflowId!);
}

/** Plain Temporal TypeScript, published as it is (`fixtures/features` imports nothing of ours). */
describe('what Temporal offers an author works when published', () => {
  it('signals, queries and updates with a validator', async () => {
    const execution = await start('messages');
    const handle = await handleOf(execution);
    await handle.signal('add', 2);
    await handle.signal('add', 3);
    expect(await handle.query('total')).toBe(5);
    expect(await handle.executeUpdate('add-now', { args: [10] })).toBe(25);
    await expect(handle.executeUpdate('add-now', { args: [-1] })).rejects.toBeInstanceOf(
      WorkflowUpdateFailedError,
    );
    await handle.signal('close');
    expect(await end(execution)).toMatchObject({ status: 'COMPLETED', result: 25 });
  });

  it.each([
    ['timers', ['early', 'late', 'timed out']],
    ['children', [2, 40]],
    ['localActivity', 42],
    ['scopes', 'cancelled, then 8'],
    ['patched', 'patched'],
    ['retried', 3],
  ])('%s', async (feature, result) => {
    expect(await run(feature)).toMatchObject({ status: 'COMPLETED', result, errorMessage: null });
  });

  it('child workflows run on the version of their parent', async () => {
    const execution = await run('children');
    const temporal = await machine.temporal();
    const { taskQueue } = await (await handleOf(execution)).describe();
    const queues: string[] = [];
    await eventually(async () => {
      const query = `ParentWorkflowId = "${execution.temporalWorkflowId}"`;
      queues.length = 0;
      for await (const one of temporal.workflow.list({ query })) queues.push(one.taskQueue);
      expect(queues).toHaveLength(2);
    });
    expect(queues).toEqual([taskQueue, taskQueue]);
  });

  it('continue-as-new keeps one execution, whose row follows the chain', async () => {
    const execution = await start('continueAsNew');
    const ended = await end(execution);
    expect(ended).toMatchObject({
      id: execution.id,
      status: 'COMPLETED',
      result: { generation: 3, executionId: execution.id },
    });
    const { runId } = await (await handleOf(execution)).describe();
    expect(ended.temporalRunId).toBe(runId);
  });

  it('search attributes are found by visibility', async () => {
    const execution = await run('searchable');
    expect(execution.status).toBe('COMPLETED');
    const temporal = await machine.temporal();
    await eventually(async () => {
      const found: string[] = [];
      const query = 'CustomKeywordField = "from-the-workflow"';
      for await (const { workflowId } of temporal.workflow.list({ query })) found.push(workflowId);
      expect(found).toEqual([execution.temporalWorkflowId]);
    });
  });

  it('a failed run says why, with the line the author wrote', async () => {
    const execution = await run('failing');
    expect(execution).toMatchObject({ status: 'FAILED', result: null });
    expect(execution.errorMessage).toContain('refused for good');
    expect(execution.errorMessage).toMatch(/activities\.ts:\d+/);
  });

  it('cancellation through the API lets the workflow clean up', async () => {
    const execution = await start('cancelled');
    const handle = await handleOf(execution);
    await eventually(async () => expect((await handle.describe()).historyLength).toBeGreaterThanOrEqual(4));
    await machine.client.executions.cancel(workflow.id, execution.id);
    expect(await end(execution)).toMatchObject({ status: 'CANCELLED' });
    const { events } = await machine.client.executions.history(workflow.id, execution.id);
    expect(events.map(({ type }) => type)).toContain('ActivityTaskCompleted');
  });

  it('a run that somebody terminates in Temporal is FAILED and says so', async () => {
    const execution = await start('endlessWait');
    await (await handleOf(execution)).terminate('by hand');
    expect(await end(execution)).toMatchObject({ status: 'FAILED', errorMessage: 'Terminated: by hand' });
    await expect((await handleOf(execution)).signal('add', 1)).rejects.toBeInstanceOf(WorkflowNotFoundError);
  });

  it("a run over its manifest's timeout is TIMED_OUT", async () => {
    const { id } = await publishFixture(machine.client, 'features', { workflow: 'deadline' });
    const execution = await machine.client.workflows.run(id);
    const ended = await machine.client.executions.wait(id, execution.id, { timeoutMs: 60_000 });
    expect(ended).toMatchObject({ status: 'TIMED_OUT', result: null });
  });
});
