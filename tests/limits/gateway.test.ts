/** What the gateway holds a worker and its runs to, by calls that a test makes by hand, with limits that are soon reached. */
import { randomUUID } from 'node:crypto';
import { status } from '@grpc/grpc-js';
import { type WorkflowFailedError, type WorkflowHandle } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  enums,
  GatewayBench,
  pollActivityTask,
  pollWorkflowTask,
  refusalOf,
  type Hostile,
} from '../gateway/support/bench.js';

const { CommandType, TaskQueueKind } = enums.v1;
const LIMITS = { callsPerSecond: 40, callsAtOnce: 8, historyEvents: 12, runSeconds: 3 };

let bench: GatewayBench;
beforeAll(async () => {
  bench = await new GatewayBench(LIMITS).open();
});
afterAll(() => bench.close());

async function complete(worker: Hostile, commands: object[]): Promise<void> {
  const { taskToken } = await pollWorkflowTask(worker);
  await worker.call('RespondWorkflowTaskCompleted', { taskToken, commands });
}
async function failureOf(handle: WorkflowHandle): Promise<WorkflowFailedError> {
  return handle.result().then(
    () => expect.unreachable('the run completed'),
    (error: WorkflowFailedError) => error,
  );
}
const timer = (timerId: string, seconds: number) => ({
  commandType: CommandType.COMMAND_TYPE_START_TIMER,
  startTimerCommandAttributes: { timerId, startToFireTimeout: { seconds } },
});

describe('a run whose history outgrows its limit', () => {
  it('is ended by the platform, and says how many events there were and what to do', async () => {
    const worker = await bench.worker();
    const handle = await bench.start(worker);
    await complete(
      worker,
      Array.from({ length: 20 }, (_, n) => timer(`t${n}`, 600)),
    );
    const { cause } = await failureOf(handle);
    expect(cause).toMatchObject({
      type: 'HistoryLimit',
      nonRetryable: true,
      message: expect.stringMatching(
        /^The run was ended by the platform: its history has 3 events and would have more than 12; continue as new/,
      ) as string,
    });
    expect(worker.closed).toEqual([handle.workflowId]);
  });

  it('goes on when it continues as new instead', async () => {
    const worker = await bench.worker();
    const handle = await bench.start(worker);
    const next = {
      commandType: CommandType.COMMAND_TYPE_CONTINUE_AS_NEW_WORKFLOW_EXECUTION,
      continueAsNewWorkflowExecutionCommandAttributes: {
        workflowType: { name: 'any' },
        taskQueue: { name: worker.taskQueue },
      },
    };
    await complete(worker, [...Array.from({ length: 20 }, (_, n) => timer(`t${n}`, 600)), next]);
    await complete(worker, [
      {
        commandType: CommandType.COMMAND_TYPE_COMPLETE_WORKFLOW_EXECUTION,
        completeWorkflowExecutionCommandAttributes: {},
      },
    ]);
    await handle.result();
  });
});

it('a child without a time limit has the platform’s, and keeps it when it continues as new', async () => {
  const worker = await bench.worker();
  const root = await bench.start(worker);
  const workflowId = `child-${randomUUID()}`;
  await complete(worker, [
    {
      commandType: CommandType.COMMAND_TYPE_START_CHILD_WORKFLOW_EXECUTION,
      startChildWorkflowExecutionCommandAttributes: {
        workflowId,
        workflowType: { name: 'child' },
        taskQueue: { name: worker.taskQueue },
        // Abandoned: nothing else would ever end it.
        parentClosePolicy: enums.v1.ParentClosePolicy.PARENT_CLOSE_POLICY_ABANDON,
      },
    },
  ]);
  const child = bench.client.workflow.getHandle(`ch/${worker.tenantId}/${workflowId}`);
  const types: string[] = [];
  // The tasks of root and child come in any order: the root only goes on, the child becomes another run of itself.
  while (!types.includes('child')) {
    const task = await pollWorkflowTask(worker);
    types.push(task.workflowType?.name ?? '');
    const commands =
      types.at(-1) === 'child'
        ? [
            {
              commandType: CommandType.COMMAND_TYPE_CONTINUE_AS_NEW_WORKFLOW_EXECUTION,
              continueAsNewWorkflowExecutionCommandAttributes: {
                workflowType: { name: 'child' },
                taskQueue: { name: worker.taskQueue },
                workflowRunTimeout: { seconds: 3_600 },
              },
            },
          ]
        : [];
    await worker.call('RespondWorkflowTaskCompleted', { taskToken: task.taskToken, commands });
  }
  const { cause } = await failureOf(child);
  expect(cause?.name).toBe('TimeoutFailure');
  const { status: ended, raw } = await child.describe();
  expect(ended.name).toBe('TIMED_OUT');
  expect(Number(raw.executionConfig?.workflowRunTimeout?.seconds)).toBeLessThanOrEqual(LIMITS.runSeconds);
  await root.terminate();
});

describe('what is larger than Temporal takes', () => {
  const large = { payloads: [{ data: Buffer.alloc(5 * 1024 * 1024) }] };

  it('fails the activity whose result it is, in words for its author', async () => {
    const worker = await bench.worker();
    const handle = await bench.start(worker);
    await complete(worker, [
      {
        commandType: CommandType.COMMAND_TYPE_SCHEDULE_ACTIVITY_TASK,
        scheduleActivityTaskCommandAttributes: {
          activityId: '1',
          activityType: { name: 'fetchAll' },
          taskQueue: { name: worker.taskQueue },
          startToCloseTimeout: { seconds: 60 },
        },
      },
    ]);
    const { taskToken } = await pollActivityTask(worker);
    await worker.call('RespondActivityTaskCompleted', { taskToken, result: large });
    const { events } = await handle.fetchHistory();
    const failed = events?.find((event) => event.activityTaskFailedEventAttributes);
    expect(failed?.activityTaskFailedEventAttributes?.failure).toMatchObject({
      message: expect.stringMatching(
        /^The activity's result has 52\d{5} bytes; at most 4194304 are taken\./,
      ) as string,
      applicationFailureInfo: { type: 'PayloadLimit', nonRetryable: true },
    });
    await handle.terminate();
  });

  it('fails the run whose step it is', async () => {
    const worker = await bench.worker();
    const handle = await bench.start(worker);
    await complete(worker, [
      {
        commandType: CommandType.COMMAND_TYPE_COMPLETE_WORKFLOW_EXECUTION,
        completeWorkflowExecutionCommandAttributes: { result: large },
      },
    ]);
    const { cause } = await failureOf(handle);
    expect(cause).toMatchObject({ type: 'PayloadLimit' });
    expect(cause?.message).toMatch(/^What the workflow does in one step has 52\d{5} bytes/);
  });
});

describe('a worker that calls without end', () => {
  const info = (worker: Hostile) => worker.call('GetSystemInfo', {});

  it('is refused beyond its rate, in a way that its SDK repeats; its neighbour is served', async () => {
    const worker = await bench.worker();
    const neighbour = await bench.worker();
    const calls = await Promise.allSettled(Array.from({ length: 400 }, () => info(worker)));
    const refused = calls.filter((call) => call.status === 'rejected');
    expect(refused.length).toBeGreaterThan(100);
    expect(refused[0]!.reason).toMatchObject({
      code: status.RESOURCE_EXHAUSTED,
      details: 'a worker may make 40 calls a second in the long run; call again later',
    });
    expect(worker.flooded.times).toBe(0);
    await info(neighbour);
  });

  it('is ended when it goes on regardless', async () => {
    const worker = await bench.worker();
    while (worker.flooded.times === 0)
      await Promise.allSettled(Array.from({ length: 200 }, () => info(worker)));
    await Promise.allSettled(Array.from({ length: 200 }, () => info(worker)));
    expect(worker.flooded.times).toBe(1);
  });

  it('has no more than so many polls of a queue under way', async () => {
    const worker = await bench.worker();
    const giveUp = new AbortController();
    const poll = () =>
      worker.call(
        'PollWorkflowTaskQueue',
        { taskQueue: { name: worker.taskQueue, kind: TaskQueueKind.TASK_QUEUE_KIND_NORMAL } },
        { signal: giveUp.signal },
      );
    const polls = Array.from({ length: 32 }, poll);
    const refusal = await Promise.race([refusalOf(poll()), Promise.all(polls)]);
    expect(refusal).toEqual({
      code: status.RESOURCE_EXHAUSTED,
      details: 'a worker may have 32 polls of a queue under way',
    });
    giveUp.abort();
    await Promise.allSettled(polls);
  });
});
