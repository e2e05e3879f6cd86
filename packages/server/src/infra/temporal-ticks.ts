import { decodeArrayFromPayloads } from '@temporalio/common/lib/internal-non-workflow/index.js';
import { toPayloads } from './temporal-payloads.js';
import { optionalTsToDate } from '@temporalio/common/lib/time.js';
import proto from '@temporalio/proto';
import { type TickTask } from './schedule-port.js';
import { IDENTITY, isNotFound, type TemporalRpc, toTemporalError } from './temporal-rpc.js';
import { TEMPORAL_DEADLINES } from './temporal.js';

/**
 * Job: takes ticks, workflows of a single workflow task, from their queue by plain calls, and answers them. That is all a
 * worker would do for them, and needs no worker's sandbox and threads in the server.
 *
 * Invariants
 * 1. A tick that is not answered, whatever happens here, comes again after its task's timeout.
 */
const { CommandType, TaskQueueKind, WorkflowTaskFailedCause } = proto.temporal.api.enums.v1;
/** Temporal answers an idle poll after a minute. */
const POLL_MS = 70_000;
/** Set by Temporal on what a schedule starts. */
const SCHEDULED_START = 'TemporalScheduledStartTime';

/** `undefined` when no tick came in time. */
export async function nextTick(
  rpc: TemporalRpc,
  queue: string,
  signal: AbortSignal,
): Promise<TickTask | undefined> {
  const poll = () =>
    rpc.service.pollWorkflowTaskQueue({
      namespace: rpc.namespace,
      taskQueue: { name: queue, kind: TaskQueueKind.TASK_QUEUE_KIND_NORMAL },
      identity: IDENTITY,
    });
  const task = await rpc.call(POLL_MS, poll, signal).catch((error: unknown) => {
    throw toTemporalError(error);
  });
  if (!task.taskToken || task.taskToken.length === 0) return undefined;
  const converter = rpc.payloads.exact(task.workflowExecution?.workflowId ?? '');
  const first = task.history?.events?.[0];
  const started = first?.workflowExecutionStartedEventAttributes;
  const [argument] = await decodeArrayFromPayloads(converter, started?.input?.payloads);
  const stamp = started?.searchAttributes?.indexedFields?.[SCHEDULED_START]?.data;
  return {
    token: task.taskToken,
    workflowId: task.workflowExecution?.workflowId ?? '',
    argument,
    scheduledAt: stamp
      ? new Date(JSON.parse(Buffer.from(stamp).toString()) as string)
      : (optionalTsToDate(first?.eventTime) ?? new Date(0)),
  };
}

/** Completes the tick's workflow. A tick that another answer has ended already is none of ours any more. */
export async function finishTick(rpc: TemporalRpc, task: TickTask, result: unknown): Promise<void> {
  const payloads = await toPayloads(rpc.payloads.exact(task.workflowId), result);
  await answer(rpc, () =>
    rpc.service.respondWorkflowTaskCompleted({
      namespace: rpc.namespace,
      taskToken: task.token,
      identity: IDENTITY,
      commands: [
        {
          commandType: CommandType.COMMAND_TYPE_COMPLETE_WORKFLOW_EXECUTION,
          completeWorkflowExecutionCommandAttributes: { result: { payloads } },
        },
      ],
    }),
  );
}

export async function refuseTick(rpc: TemporalRpc, task: TickTask, reason: string): Promise<void> {
  await answer(rpc, () =>
    rpc.service.respondWorkflowTaskFailed({
      namespace: rpc.namespace,
      taskToken: task.token,
      identity: IDENTITY,
      cause: WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_WORKFLOW_WORKER_UNHANDLED_FAILURE,
      failure: { message: reason },
    }),
  );
}

async function answer(rpc: TemporalRpc, call: () => Promise<unknown>): Promise<void> {
  await rpc.call(TEMPORAL_DEADLINES.call, call).catch((error: unknown) => {
    if (!isNotFound(error)) throw toTemporalError(error);
  });
}
