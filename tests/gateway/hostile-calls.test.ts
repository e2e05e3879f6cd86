/** Calls to the gateway by hand, as code in a tenant's process can make them. */
import { randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { once } from 'node:events';
import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { artifactTaskQueue, temporalWorkflowId } from '@pegasus-workflows/contracts';
import { connectTemporal } from '../../packages/server/src/infra/temporal-client.js';
import { type TemporalPort } from '../../packages/server/src/infra/temporal.js';
import { testTemporal } from '../support/temporal.js';
import { eventually } from '../support/wait.js';
import {
  enums,
  GatewayBench,
  NAMESPACE,
  pollActivityTask,
  pollWorkflowTask,
  refusalOf,
  workflowservice,
  type Hostile,
  type WorkflowTask,
} from './support/bench.js';

const PASSED = [
  'GetSystemInfo',
  'DescribeNamespace',
  'PollWorkflowTaskQueue',
  'PollActivityTaskQueue',
  'RespondWorkflowTaskCompleted',
  'RespondWorkflowTaskFailed',
  'RespondQueryTaskCompleted',
  'RespondActivityTaskCompleted',
  'RespondActivityTaskCanceled',
  'RespondActivityTaskFailed',
  'RecordActivityTaskHeartbeat',
  'GetWorkflowExecutionHistory',
  'ShutdownWorker',
];
const { CommandType, TaskQueueKind, WorkerVersioningMode } = enums.v1;

let bench: GatewayBench;
let worker: Hostile;
let neighbour: Hostile;
let port: TemporalPort;

beforeAll(async () => {
  bench = await new GatewayBench().open();
  worker = await bench.worker();
  neighbour = await bench.worker();
  port = connectTemporal(testTemporal(NAMESPACE));
});
afterAll(async () => {
  await port.close();
  await bench.close();
});

/** The neighbour's worker is served as ever: a run of its goes from start to end. */
async function neighbourCompletes(): Promise<void> {
  const handle = await bench.start(neighbour);
  const task = await pollWorkflowTask(neighbour);
  await neighbour.call('RespondWorkflowTaskCompleted', {
    taskToken: task.taskToken,
    commands: [
      {
        commandType: CommandType.COMMAND_TYPE_COMPLETE_WORKFLOW_EXECUTION,
        completeWorkflowExecutionCommandAttributes: {},
      },
    ],
  });
  expect((await handle.describe()).status.name).toBe('COMPLETED');
}

describe('a method that is not a worker’s own (worker calls invariant 1)', () => {
  const service = workflowservice.v1.WorkflowService as unknown as { methods: Record<string, unknown> };
  const others = Object.keys(service.methods).filter((method) => !PASSED.includes(method));

  it('is refused, whichever it is, and logged by its name', async () => {
    expect(others.length).toBeGreaterThan(90);
    for (const method of others) {
      const refusal = await refusalOf(
        worker.raw(`/temporal.api.workflowservice.v1.WorkflowService/${method}`, Buffer.alloc(0)),
      );
      expect([method, refusal.code]).toEqual([method, status.PERMISSION_DENIED]);
      expect(refusal.details).toContain(method);
    }
    expect(worker.refused[0]).toMatchObject({ rule: 'method', method: others[0] });
    await neighbourCompletes();
  });

  it('stays refused with a perfect request: no run is started, signalled, terminated or read', async () => {
    const handle = await bench.start(neighbour);
    const workflowExecution = { workflowId: handle.workflowId };
    const id = temporalWorkflowId(worker.tenantId, 'any', randomUUID());
    const attempts: [string, object][] = [
      [
        'StartWorkflowExecution',
        {
          workflowId: id,
          workflowType: { name: 'any' },
          taskQueue: { name: worker.taskQueue },
          requestId: id,
        },
      ],
      ['SignalWorkflowExecution', { workflowExecution, signalName: 'x' }],
      ['TerminateWorkflowExecution', { workflowExecution }],
      ['RequestCancelWorkflowExecution', { workflowExecution }],
      ['DescribeWorkflowExecution', { execution: workflowExecution }],
      ['QueryWorkflow', { execution: workflowExecution, query: { queryType: 'x' } }],
      ['ListWorkflowExecutions', { query: '' }],
      ['RespondActivityTaskCompletedById', { workflowId: handle.workflowId, activityId: '1' }],
      ['DeleteWorkflowExecution', { workflowExecution }],
    ];
    for (const [method, request] of attempts)
      expect([method, (await refusalOf(worker.call(method, request))).code]).toEqual([
        method,
        status.PERMISSION_DENIED,
      ]);
    expect((await handle.describe()).status.name).toBe('RUNNING');
    await expect(bench.client.workflow.getHandle(id).describe()).rejects.toThrow(/not found/i);
    await handle.terminate();
  });

  it('of another service is unknown', async () => {
    for (const path of [
      '/temporal.api.operatorservice.v1.OperatorService/DeleteNamespace',
      '/temporal.server.api.adminservice.v1.AdminService/DescribeCluster',
      '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
    ])
      expect((await refusalOf(worker.raw(path, Buffer.alloc(0)))).code).toBe(status.UNIMPLEMENTED);
  });
});

describe('a caller without the session’s credential (gateway invariant 1)', () => {
  it.each([
    ['none', null],
    ['a made-up one', 'x'.repeat(43)],
    ['an empty one', ''],
  ])('%s is refused', async (_name, credential) => {
    const refusal = await refusalOf(worker.call('GetSystemInfo', {}, { credential }));
    expect(refusal.code).toBe(status.UNAUTHENTICATED);
  });

  it('another worker’s is refused', async () => {
    const { credential } = neighbour.session;
    expect((await refusalOf(worker.call('GetSystemInfo', {}, { credential }))).code).toBe(
      status.UNAUTHENTICATED,
    );
  });
});

describe('another namespace or worker versioning (worker calls invariant 1)', () => {
  const poll = (over: object) =>
    refusalOf(worker.call('PollActivityTaskQueue', { taskQueue: { name: worker.taskQueue }, ...over }));

  it('is refused', async () => {
    expect((await poll({ namespace: 'temporal-system' })).code).toBe(status.PERMISSION_DENIED);
    const deploymentOptions = {
      deploymentName: 'd',
      buildId: 'b',
      workerVersioningMode: WorkerVersioningMode.WORKER_VERSIONING_MODE_VERSIONED,
    };
    expect((await poll({ deploymentOptions })).details).toContain('worker versioning');
    expect(
      (await poll({ workerVersionCapabilities: { buildId: 'b', useVersioning: true } })).details,
    ).toContain('worker versioning');
  });

  it('the namespace tells a worker nothing of its operator', async () => {
    const answer = await worker.call<{ namespaceInfo: Record<string, unknown>; config?: unknown }>(
      'DescribeNamespace',
      {},
    );
    expect(answer.namespaceInfo['name']).toBe(NAMESPACE);
    expect(answer.namespaceInfo['ownerEmail']).toBeFalsy();
    expect(answer.config).toBeFalsy();
  });
});

describe('a task queue of others (worker calls invariant 2)', () => {
  const sticky = (normalName: string) => ({
    name: 'mine',
    normalName,
    kind: TaskQueueKind.TASK_QUEUE_KIND_STICKY,
  });

  it.each([
    ['a neighbour’s', () => ({ name: neighbour.taskQueue })],
    ['a sticky one of a neighbour', () => sticky(neighbour.taskQueue)],
    ['one of Temporal itself', () => ({ name: 'temporal-sys-per-ns-tq' })],
    [
      'one of its own tenant that is not loaded',
      () => ({ name: artifactTaskQueue(worker.tenantId, 'a'.repeat(64)) }),
    ],
    ['none', () => ({})],
  ])('%s cannot be polled', async (_name, queue) => {
    for (const method of ['PollWorkflowTaskQueue', 'PollActivityTaskQueue'])
      expect((await refusalOf(worker.call(method, { taskQueue: queue() }))).code).toBe(
        status.PERMISSION_DENIED,
      );
  });

  it('cannot be made a run’s sticky queue', async () => {
    const handle = await bench.start(worker);
    const { taskToken } = await pollWorkflowTask(worker);
    const call = worker.call('RespondWorkflowTaskCompleted', {
      taskToken,
      stickyAttributes: { workerTaskQueue: sticky(neighbour.taskQueue) },
    });
    expect((await refusalOf(call)).code).toBe(status.PERMISSION_DENIED);
    await handle.terminate();
  });
});

describe('a task token (worker calls invariant 3)', () => {
  it('of another worker of the same tenant, of Temporal, or of the other kind answers nothing', async () => {
    const twin = await bench.worker(worker.tenantId);
    const handle = await bench.start(twin);
    const stolen = (await pollWorkflowTask(twin)).taskToken;
    for (const [method, request] of [
      ['RespondWorkflowTaskCompleted', { taskToken: stolen }],
      ['RespondWorkflowTaskFailed', { taskToken: stolen }],
      ['RespondQueryTaskCompleted', { taskToken: stolen }],
      ['RespondActivityTaskCompleted', { taskToken: Buffer.from('made up') }],
      ['RespondActivityTaskFailed', { taskToken: stolen }],
      ['RespondActivityTaskCanceled', {}],
      ['RecordActivityTaskHeartbeat', { taskToken: stolen }],
    ] as const)
      expect([method, (await refusalOf(worker.call(method, request))).details]).toEqual([
        method,
        'this task token was not given to this worker',
      ]);
    const own = refusalOf(twin.call('RespondActivityTaskCompleted', { taskToken: stolen }));
    expect((await own).code).toBe(status.PERMISSION_DENIED);
    await handle.terminate();
  });
});

describe('a history (worker calls invariant 4)', () => {
  it('of a run whose task this worker was not given cannot be read', async () => {
    const handle = await bench.start(neighbour);
    const { runId } = await handle.describe();
    for (const execution of [{ workflowId: handle.workflowId, runId }, { workflowId: handle.workflowId }, {}])
      expect((await refusalOf(worker.call('GetWorkflowExecutionHistory', { execution }))).code).toBe(
        status.PERMISSION_DENIED,
      );
    await handle.terminate();
  });

  it('of its own run can', async () => {
    const handle = await bench.start(worker);
    const task = await pollWorkflowTask(worker);
    const answer = await worker.call<{ history: { events: unknown[] } }>('GetWorkflowExecutionHistory', {
      execution: task.workflowExecution,
    });
    expect(answer.history.events.length).toBeGreaterThanOrEqual(2);
    await handle.terminate();
  });
});

describe('a page of a history (worker calls invariant 4)', () => {
  it('comes with the token of the one before, of its own run alone', async () => {
    const handles = [await bench.start(worker), await bench.start(worker)];
    const [run, other] = [await pollWorkflowTask(worker), await pollWorkflowTask(worker)].map(
      (task) => task.workflowExecution,
    );
    type Page = { history: { events: { eventId: string }[] }; nextPageToken: Uint8Array };
    const page = (execution: typeof run, nextPageToken?: Uint8Array) =>
      worker.call<Page>('GetWorkflowExecutionHistory', { maximumPageSize: 1, execution, nextPageToken });
    const { history, nextPageToken: token } = await page(run);
    const next = (await page(run, token)).history.events;
    expect(next.length).toBeGreaterThan(0);
    const events = [...history.events, ...next];
    expect(events.map(({ eventId }) => Number(eventId))).toEqual(events.map((_, index) => index + 1));
    const altered = Buffer.from(token);
    altered[20]! ^= 1;
    const made = Buffer.from(JSON.stringify({ RunId: other!.runId }));
    const refused: Parameters<typeof page>[] = [
      [other, token],
      [run, altered],
      [run, made],
    ];
    for (const asked of refused)
      expect((await refusalOf(page(...asked))).details).toMatch(/^this page token was not given/);
    for (const handle of handles) await handle.terminate();
  });
});

describe('a command that reaches beyond the tenant (worker calls invariant 5)', () => {
  const attempts: [string, () => object][] = [
    [
      'starts a child under a neighbour’s id',
      () => child({ workflowId: temporalWorkflowId(neighbour.tenantId, 'any', randomUUID()) }),
    ],
    ['starts a child on a neighbour’s queue', () => child({ taskQueue: { name: neighbour.taskQueue } })],
    ['signals a neighbour’s run', () => signal(temporalWorkflowId(neighbour.tenantId, 'any', randomUUID()))],
    ['schedules an activity on a neighbour’s queue', () => activity(neighbour.taskQueue)],
  ];
  const child = (over: object) => ({
    commandType: CommandType.COMMAND_TYPE_START_CHILD_WORKFLOW_EXECUTION,
    startChildWorkflowExecutionCommandAttributes: {
      workflowId: 'c',
      workflowType: { name: 'any' },
      taskQueue: { name: worker.taskQueue },
      ...over,
    },
  });
  const signal = (workflowId: string) => ({
    commandType: CommandType.COMMAND_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION,
    signalExternalWorkflowExecutionCommandAttributes: {
      namespace: NAMESPACE,
      execution: { workflowId },
      signalName: 'x',
    },
  });
  const activity = (name: string) => ({
    commandType: CommandType.COMMAND_TYPE_SCHEDULE_ACTIVITY_TASK,
    scheduleActivityTaskCommandAttributes: {
      activityId: '1',
      activityType: { name: 'any' },
      taskQueue: { name },
      startToCloseTimeout: { seconds: 10 },
    },
  });

  it.each(attempts)(
    '%s: the workflow task fails with the rule, and the rest of it does not happen',
    async (_name, command) => {
      const handle = await bench.start(worker);
      const { taskToken } = await pollWorkflowTask(worker);
      const harmless = {
        commandType: CommandType.COMMAND_TYPE_START_TIMER,
        startTimerCommandAttributes: { timerId: '1', startToFireTimeout: { seconds: 60 } },
      };
      const refusal = await refusalOf(
        worker.call('RespondWorkflowTaskCompleted', { taskToken, commands: [harmless, command()] }),
      );
      expect(refusal.code).toBe(status.INVALID_ARGUMENT);
      expect(refusal.details).toMatch(/^Not allowed on this platform: /);
      const { events } = await handle.fetchHistory();
      const failed = events?.find((event) => event.workflowTaskFailedEventAttributes);
      expect(failed?.workflowTaskFailedEventAttributes?.failure?.message).toBe(refusal.details);
      expect(events?.some((event) => event.timerStartedEventAttributes)).toBe(false);
      await handle.terminate();
    },
  );
});

describe('ids of children', () => {
  it('are the tenant’s own: two tenants’ “order-1” are two runs', async () => {
    for (const one of [worker, neighbour]) {
      const handle = await bench.start(one);
      const { taskToken } = await pollWorkflowTask(one);
      await one.call('RespondWorkflowTaskCompleted', {
        taskToken,
        commands: [
          {
            commandType: CommandType.COMMAND_TYPE_START_CHILD_WORKFLOW_EXECUTION,
            startChildWorkflowExecutionCommandAttributes: {
              workflowId: 'order-1',
              workflowType: { name: 'any' },
              taskQueue: { name: one.taskQueue },
            },
          },
        ],
      });
      const stored = bench.client.workflow.getHandle(`ch/${one.tenantId}/order-1`);
      await eventually(async () => expect((await stored.describe()).status.name).toBe('RUNNING'));
      const first = await pollWorkflowTask(one);
      const second = await pollWorkflowTask(one);
      const ids = [first, second].map((task) => task.workflowExecution?.workflowId);
      expect(ids).toContain('order-1');
      const exported = await port.exportHistory(handle.workflowId, 1_000_000);
      expect(JSON.stringify(exported)).toMatch(/\\"workflowId\\":\\"order-1\\"/);
      expect(JSON.stringify(exported)).not.toContain('ch/');
      await handle.terminate();
      await stored.terminate().catch(() => undefined);
    }
  });
});

describe('a crafted call', () => {
  it('that is no message, or larger than Temporal takes, is refused; the session goes on', async () => {
    const path = '/temporal.api.workflowservice.v1.WorkflowService/';
    const garbage = Buffer.from([0x0a, 0xff, 0xff, 0xff, 0x7f]);
    for (const method of PASSED.slice(2))
      expect([method, (await refusalOf(worker.raw(path + method, garbage))).code]).toEqual([
        method,
        status.INVALID_ARGUMENT,
      ]);
    const huge = Buffer.alloc(17 * 1024 * 1024);
    expect((await refusalOf(worker.raw(`${path}RespondActivityTaskCompleted`, huge))).code).toBe(
      status.RESOURCE_EXHAUSTED,
    );
    await worker.call('GetSystemInfo', {});
  });

  it('with a huge header ends that call alone', async () => {
    await refusalOf(worker.call('GetSystemInfo', {}, { metadata: { big: 'x'.repeat(1024 * 1024) } }));
    await worker.call('GetSystemInfo', {});
    await neighbourCompletes();
  });

  it('a connection that does not speak HTTP/2, and a thousand of them, cost the neighbour nothing (gateway invariant 3)', async () => {
    const [host, port] = worker.address.split(':') as [string, string];
    const sockets = Array.from({ length: 1_000 }, () =>
      connect({ host, port: Number(port) }).on('error', () => undefined),
    );
    const closed = sockets.map((socket) => once(socket, 'close'));
    for (const socket of sockets) socket.write('GET / HTTP/1.1\r\n\r\n');
    await neighbourCompletes();
    for (const socket of sockets) socket.destroy();
    await Promise.all(closed);
    await eventually(() => worker.call('GetSystemInfo', {}));
  });
});

describe('a poll’s end (gateway invariant 2)', () => {
  const POLLS = 10;

  it('by its deadline reaches Temporal, which answers in time that there is no task', async () => {
    const poll = { taskQueue: { name: worker.taskQueue } };
    const answer = await worker.call<WorkflowTask>('PollWorkflowTaskQueue', poll, { deadlineMs: 3_000 });
    expect(answer.taskToken).toHaveLength(0);
  });

  it('by cancellation reaches Temporal: polls that are given up swallow no tasks', async () => {
    const one = await bench.worker();
    const abandoned = new AbortController();
    const polls = Array.from({ length: POLLS }, (_, index) => {
      const poll = { taskQueue: { name: one.taskQueue }, identity: `poller-${index}` };
      return refusalOf(one.call('PollWorkflowTaskQueue', poll, { signal: abandoned.signal }));
    });
    await eventually(async () => {
      const { pollers } = await bench.client.connection.workflowService.describeTaskQueue({
        namespace: NAMESPACE,
        taskQueue: { name: one.taskQueue },
        taskQueueType: enums.v1.TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
      });
      expect(pollers).toHaveLength(POLLS);
    });
    abandoned.abort();
    for (const { code } of await Promise.all(polls)) expect(code).toBe(status.CANCELLED);
    // A task that is matched in the moment of the cancellation is lost with it, as it is without a gateway.
    const attempts: number[] = [];
    while (attempts.length < 3 && !attempts.includes(1)) {
      const handle = await bench.start(one);
      attempts.push((await pollWorkflowTask(one)).attempt ?? 0);
      await handle.terminate();
    }
    expect(attempts).toContain(1);
  });
});

describe('a closed session (gateway invariant 4)', () => {
  it('serves nothing any more', async () => {
    const one = await bench.worker();
    await one.call('GetSystemInfo', {});
    one.session.close();
    expect((await refusalOf(one.call('GetSystemInfo', {}, { deadlineMs: 2_000 }))).code).not.toBe(status.OK);
  });
});

describe('the end of a run', () => {
  it('is told at once, and only when Temporal has taken it', async () => {
    const one = await bench.worker();
    const handle = await bench.start(one);
    const { taskToken } = await pollWorkflowTask(one);
    const schedule = {
      commandType: CommandType.COMMAND_TYPE_SCHEDULE_ACTIVITY_TASK,
      scheduleActivityTaskCommandAttributes: {
        activityId: '1',
        activityType: { name: 'any' },
        taskQueue: { name: one.taskQueue },
        startToCloseTimeout: { seconds: 30 },
      },
    };
    await one.call('RespondWorkflowTaskCompleted', { taskToken, commands: [schedule] });
    expect(one.closed).toEqual([]);
    const activity = await pollActivityTask(one);
    await one.call('RespondActivityTaskCompleted', { taskToken: activity.taskToken });
    const next = await pollWorkflowTask(one);
    const complete = {
      commandType: CommandType.COMMAND_TYPE_COMPLETE_WORKFLOW_EXECUTION,
      completeWorkflowExecutionCommandAttributes: {},
    };
    const taken = one.call('RespondWorkflowTaskCompleted', {
      taskToken: next.taskToken,
      commands: [complete],
    });
    await taken;
    expect(one.closed).toEqual([handle.workflowId]);
    await refusalOf(
      one.call('RespondWorkflowTaskCompleted', { taskToken: next.taskToken, commands: [complete] }),
    );
    expect(one.closed).toHaveLength(1);
  });
});
