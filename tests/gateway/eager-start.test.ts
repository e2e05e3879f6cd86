/** First workflow tasks that come with a start: `eager-polls.ts`, its invariants by number. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { connectTemporal } from '../../packages/server/src/infra/temporal-client.js';
import { type TemporalPort } from '../../packages/server/src/infra/temporal.js';
import { testTemporal } from '../support/temporal.js';
import { eventually } from '../support/wait.js';
import {
  enums,
  GatewayBench,
  NAMESPACE,
  pollWorkflowTask,
  type Hostile,
  type WorkflowTask,
} from './support/bench.js';

let bench: GatewayBench;
let port: TemporalPort;
/** Whether a task still reaches the gateway when it is there. */
let isConnected = true;

beforeAll(async () => {
  bench = await new GatewayBench().open();
  const { eager } = bench.gateway;
  port = connectTemporal(testTemporal(NAMESPACE), {
    pollerFor: (taskQueue) =>
      eager.taskQueues.includes(taskQueue)
        ? (task) => {
            if (isConnected) eager.give(taskQueue, task);
            return isConnected;
          }
        : undefined,
  });
});
afterAll(async () => {
  await port.close();
  await bench.close();
});

async function start(worker: Hostile): Promise<string> {
  const workflowId = `wf/${worker.tenantId}/any/${randomUUID()}`;
  const { taskQueue } = worker;
  await port.start({ workflowId, requestId: randomUUID(), workflowType: 'any', taskQueue, argument: null });
  return workflowId;
}

/** A worker whose queue is announced and which has a poll waiting. */
async function announced(): Promise<{ worker: Hostile; first: Promise<WorkflowTask> }> {
  const worker = await bench.worker();
  const first = pollWorkflowTask(worker);
  await eventually(() => expect(bench.gateway.eager.taskQueues).toContain(worker.taskQueue));
  return { worker, first };
}

const idOf = (task: WorkflowTask): string => task.workflowExecution?.workflowId ?? '';
const startedBy = (task: WorkflowTask): string =>
  task.history?.events?.find((event) => event.workflowTaskStartedEventAttributes)
    ?.workflowTaskStartedEventAttributes?.identity ?? '';

async function complete(worker: Hostile, task: WorkflowTask): Promise<void> {
  const commandType = enums.v1.CommandType.COMMAND_TYPE_COMPLETE_WORKFLOW_EXECUTION;
  const commands = [{ commandType, completeWorkflowExecutionCommandAttributes: {} }];
  await worker.call('RespondWorkflowTaskCompleted', { taskToken: task.taskToken, commands });
}

it('2: the task of a start goes to the poll that waits, and is completed like any other', async () => {
  const { worker, first } = await announced();
  const workflowId = await start(worker);
  const task = await first;
  expect(workflowId).toContain(idOf(task));
  expect(startedBy(task)).toMatch(/^pegasus-server/);
  await complete(worker, task);
  await eventually(async () => expect((await port.describe(workflowId))?.status).toBe('COMPLETED'));
});

it('1: the overtaken poll brings the task of an ordinary start, even one that came while nobody polled', async () => {
  const { worker, first } = await announced();
  await start(worker);
  const eager = await first;
  // Temporal hands this one to the poll that it still has.
  const ordinary = await bench.start(worker);
  await eventually(async () => {
    const { events } = await ordinary.fetchHistory();
    expect(events?.some((event) => event.workflowTaskStartedEventAttributes)).toBe(true);
  });
  const task = await pollWorkflowTask(worker);
  expect(ordinary.workflowId).toContain(idOf(task));
  expect(task.attempt).toBe(1);
  await complete(worker, eager);
  await complete(worker, task);
  await ordinary.result();
});

it('2: many starts at once each reach one poll', async () => {
  const { worker, first } = await announced();
  const ids = await Promise.all(Array.from({ length: 10 }, () => start(worker)));
  const tasks = [await first];
  while (tasks.length < ids.length) tasks.push(await pollWorkflowTask(worker));
  for (const task of tasks) await complete(worker, task);
  for (const id of ids)
    await eventually(async () => expect((await port.describe(id))?.status).toBe('COMPLETED'));
});

it('2: a task that no poll comes for is given back, and Temporal hands it out anew', async () => {
  const { worker, first } = await announced();
  const taken = start(worker);
  await complete(worker, await first);
  await taken;
  const workflowId = await start(worker);
  await eventually(async () => {
    const history = await port.history(workflowId, { withPending: false });
    expect(history?.events.map(({ type }) => type)).toContain('WorkflowTaskFailed');
  });
  const task = await pollWorkflowTask(worker);
  expect(task.attempt).toBe(2);
  await complete(worker, task);
});

it('2: a queue that ends gives its tasks back at once, and is no longer announced', async () => {
  const { worker, first } = await announced();
  await Promise.all([start(worker), first]);
  const workflowId = await start(worker);
  worker.session.unloaded(worker.taskQueue);
  expect(bench.gateway.eager.taskQueues).not.toContain(worker.taskQueue);
  const task = await pollWorkflowTask(worker);
  expect([workflowId.includes(idOf(task)), task.attempt]).toEqual([true, 2]);
  await complete(worker, task);
});

it('a stream that is gone when the start is answered costs the run nothing but an attempt', async () => {
  const { worker, first } = await announced();
  isConnected = false;
  const workflowId = await start(worker);
  isConnected = true;
  const task = await first;
  expect([workflowId.includes(idOf(task)), task.attempt]).toEqual([true, 2]);
  await complete(worker, task);
});

it('3: a session that closes withdraws its queues', async () => {
  const { worker, first } = await announced();
  worker.session.close();
  expect(bench.gateway.eager.taskQueues).not.toContain(worker.taskQueue);
  await expect(first).rejects.toThrow();
});
