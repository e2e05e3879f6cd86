import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import proto, { type temporal } from '@temporalio/proto';
import { Responses } from './responses.js';
import { WorkerTokens } from './worker-tokens.js';

type Event = temporal.api.history.v1.IHistoryEvent;

const {
  PollWorkflowTaskQueueResponse,
  RespondWorkflowTaskCompletedResponse,
  GetWorkflowExecutionHistoryResponse,
} = proto.temporal.api.workflowservice.v1;
const tenantId = randomUUID();
const stored = `ch/${tenantId}/order-1`;
const execution = { workflowId: stored, runId: 'r' };
const foreign = { workflowId: `ch/${randomUUID()}/order-1`, runId: 'r' };

/** An event of every kind that names a run. */
const EVENTS: Event[] = [
  {
    workflowExecutionStartedEventAttributes: {
      parentWorkflowExecution: execution,
      rootWorkflowExecution: execution,
      workflowId: stored,
      identity: 'kept',
    },
  },
  { workflowExecutionSignaledEventAttributes: { externalWorkflowExecution: execution, signalName: stored } },
  { workflowExecutionCancelRequestedEventAttributes: { externalWorkflowExecution: execution } },
  { requestCancelExternalWorkflowExecutionInitiatedEventAttributes: { workflowExecution: execution } },
  { requestCancelExternalWorkflowExecutionFailedEventAttributes: { workflowExecution: execution } },
  { externalWorkflowExecutionCancelRequestedEventAttributes: { workflowExecution: execution } },
  { startChildWorkflowExecutionInitiatedEventAttributes: { workflowId: stored } },
  { startChildWorkflowExecutionFailedEventAttributes: { workflowId: stored } },
  { childWorkflowExecutionStartedEventAttributes: { workflowExecution: execution } },
  { childWorkflowExecutionCompletedEventAttributes: { workflowExecution: execution } },
  { childWorkflowExecutionFailedEventAttributes: { workflowExecution: execution } },
  { childWorkflowExecutionCanceledEventAttributes: { workflowExecution: execution } },
  { childWorkflowExecutionTimedOutEventAttributes: { workflowExecution: execution } },
  { childWorkflowExecutionTerminatedEventAttributes: { workflowExecution: execution } },
  { signalExternalWorkflowExecutionInitiatedEventAttributes: { workflowExecution: execution } },
  { signalExternalWorkflowExecutionFailedEventAttributes: { workflowExecution: execution } },
  { externalWorkflowExecutionSignaledEventAttributes: { workflowExecution: execution } },
];

function shown() {
  const given: string[] = [];
  const tokens = new WorkerTokens();
  const view = {
    tenantId,
    tokens,
    onTask: (workflowId: string, runId: string) => given.push(`${workflowId} ${runId}`),
  };
  return { responses: new Responses(view), tokens, given };
}

/** JSON of the events with each id that a run was named by replaced, as a worker must see them. */
function authored(events: readonly Event[]): unknown {
  return JSON.parse(
    JSON.stringify(events, (key, value: unknown) =>
      key === 'workflowId' && value === stored ? 'order-1' : value,
    ),
  );
}

function plain(history: temporal.api.history.v1.IHistory | null | undefined): unknown {
  const { History } = proto.temporal.api.history.v1;
  const object = History.toObject(History.decode(History.encode(history ?? {}).finish()), {
    longs: Number,
  }) as {
    events?: Event[];
  };
  return JSON.parse(JSON.stringify(object.events ?? []));
}

describe('a history that a worker is shown', () => {
  it('names every run as the author did, and is otherwise what Temporal sent', () => {
    const bytes = GetWorkflowExecutionHistoryResponse.encode({
      history: { events: EVENTS },
      nextPageToken: Buffer.from('next'),
    }).finish();
    const { responses, tokens } = shown();
    const decoded = GetWorkflowExecutionHistoryResponse.decode(responses.history(bytes, 'r'));
    expect(plain(decoded.history)).toEqual(authored(EVENTS));
    expect(Buffer.from(decoded.nextPageToken!).includes('next')).toBe(false);
    expect(tokens.openPage('r', decoded.nextPageToken!)?.toString()).toBe('next');
  });

  it('keeps ids that are not the tenant’s children', () => {
    const events = [{ childWorkflowExecutionStartedEventAttributes: { workflowExecution: foreign } }];
    const bytes = GetWorkflowExecutionHistoryResponse.encode({ history: { events } }).finish();
    expect(shown().responses.history(bytes, 'r')).toBe(bytes);
  });
});

describe('a workflow task', () => {
  const task = {
    taskToken: Buffer.from('secret'),
    workflowExecution: execution,
    history: { events: EVENTS },
    attempt: 3,
    nextPageToken: Buffer.from('next'),
  };

  it('comes with a token of this worker and the author’s id, and is remembered by Temporal’s', () => {
    const { responses, tokens, given } = shown();
    const response = responses.workflowTask(PollWorkflowTaskQueueResponse.encode(task).finish(), 'queue');
    const decoded = PollWorkflowTaskQueueResponse.decode(response);
    expect(decoded.workflowExecution?.workflowId).toBe('order-1');
    expect(decoded.attempt).toBe(3);
    expect(plain(decoded.history)).toEqual(authored(EVENTS));
    const opened = tokens.openTask('workflow', decoded.taskToken!);
    expect(opened).toMatchObject({ workflowId: stored, runId: 'r', taskQueue: 'queue' });
    expect(Buffer.from(opened!.token).toString()).toBe('secret');
    expect(tokens.openPage('r', decoded.nextPageToken!)?.toString()).toBe('next');
    expect(given).toEqual([`${stored} r`]);
  });

  it('that is none passes as it is', () => {
    const { responses, given } = shown();
    const none = PollWorkflowTaskQueueResponse.encode({ attempt: 0 }).finish();
    expect(responses.workflowTask(none, 'queue')).toBe(none);
    expect(given).toEqual([]);
  });

  it('may come with a completion, and eager activities with it', () => {
    const { responses, tokens } = shown();
    const bytes = RespondWorkflowTaskCompletedResponse.encode({
      workflowTask: task,
      activityTasks: [
        { taskToken: Buffer.from('one'), workflowExecution: execution, activityId: '1' },
        { taskToken: Buffer.from('two'), workflowExecution: execution, activityId: '2' },
      ],
    }).finish();
    const { workflowTask, activityTasks } = RespondWorkflowTaskCompletedResponse.decode(
      responses.completion(bytes, 'queue'),
    );
    expect(tokens.openTask('workflow', workflowTask!.taskToken!)).toBeDefined();
    const opened = activityTasks!.map(({ taskToken }) =>
      tokens.openTask('activity', taskToken!)?.token.toString(),
    );
    expect(opened).toEqual(['one', 'two']);
    expect(activityTasks!.map(({ workflowExecution }) => workflowExecution?.workflowId)).toEqual([
      'order-1',
      'order-1',
    ]);
  });
});
