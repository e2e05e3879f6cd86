import { setTimeout as delay } from 'node:timers/promises';
import { isGrpcServiceError } from '@temporalio/client';
import { decodeArrayFromPayloads } from '@temporalio/common/lib/internal-non-workflow/index.js';
import { toPayloads } from './temporal-payloads.js';
import {
  GRPC,
  IDENTITY,
  isNotFound,
  OUT_OF_TIME,
  toTemporalError,
  type TemporalRpc,
} from './temporal-rpc.js';
import { runStatusOf } from './temporal-events.js';
import {
  TEMPORAL_DEADLINES,
  TemporalError,
  type QueryLimits,
  type QueryOutcome,
  type RunMessage,
  type SignalMessage,
} from './temporal.js';

/** Temporal answers at once when nobody has polled the queue lately; this long until it is asked again. */
const NO_WORKER_PAUSE_MS = 250;
const NO_WORKER = /no poller|worker may be down/i;

/** See `TemporalPort.signal`. */
export async function signalRun(
  rpc: TemporalRpc,
  workflowId: string,
  { name, args, requestId }: SignalMessage,
): Promise<'sent' | 'closed' | 'unknown'> {
  const payloads = await toPayloads(rpc.payloads.exact(workflowId), ...args);
  try {
    await rpc.call(TEMPORAL_DEADLINES.call, () =>
      rpc.service.signalWorkflowExecution({
        namespace: rpc.namespace,
        workflowExecution: { workflowId },
        signalName: name,
        input: { payloads },
        identity: IDENTITY,
        requestId,
      }),
    );
    return 'sent';
  } catch (error) {
    if (!isNotFound(error)) throw toTemporalError(error);
  }
  // Temporal answers alike for a run that is over and for one that never was.
  return (await isKnown(rpc, workflowId)) ? 'closed' : 'unknown';
}

/** See `TemporalControls.terminateNewest`. */
export async function terminateNewest(
  rpc: TemporalRpc,
  workflowId: string,
  reason: string,
): Promise<'terminated' | 'closed' | 'unknown'> {
  try {
    await rpc.call(TEMPORAL_DEADLINES.call, () =>
      rpc.service.terminateWorkflowExecution({
        namespace: rpc.namespace,
        workflowExecution: { workflowId },
        identity: IDENTITY,
        reason,
      }),
    );
    return 'terminated';
  } catch (error) {
    if (!isNotFound(error)) throw toTemporalError(error);
  }
  return (await isKnown(rpc, workflowId)) ? 'closed' : 'unknown';
}

/** Whether Temporal has a closed run of this id. */
export async function isKnown(rpc: TemporalRpc, workflowId: string): Promise<boolean> {
  try {
    const { workflowExecutionInfo: info } = await rpc.call(TEMPORAL_DEADLINES.call, () =>
      rpc.service.describeWorkflowExecution({ namespace: rpc.namespace, execution: { workflowId } }),
    );
    return runStatusOf(info?.status) !== 'RUNNING';
  } catch (error) {
    if (isNotFound(error)) return false;
    throw toTemporalError(error);
  }
}

/** See `TemporalPort.query`. */
export async function queryRun(
  rpc: TemporalRpc,
  workflowId: string,
  { name, args }: RunMessage,
  { deadlineMs, signal }: QueryLimits,
): Promise<QueryOutcome | undefined> {
  const payloads = await toPayloads(rpc.payloads.exact(workflowId), ...args);
  const until = Date.now() + deadlineMs;
  const request = {
    namespace: rpc.namespace,
    execution: { workflowId },
    query: { queryType: name, queryArgs: { payloads } },
  };
  for (;;) {
    signal?.throwIfAborted();
    const left = Math.max(1, until - Date.now());
    try {
      const { queryResult } = await rpc.call(left, () => rpc.service.queryWorkflow(request), signal);
      const [result] = await decodeArrayFromPayloads(rpc.payloads.exact(workflowId), queryResult?.payloads);
      return { kind: 'answered', result: result ?? null };
    } catch (error) {
      signal?.throwIfAborted();
      if (isNotFound(error)) return undefined;
      const worth = whatToDo(error);
      if (worth === 'reject') return { kind: 'rejected', reason: reasonOf(error) };
      if (worth === 'fail') throw toTemporalError(error);
      if (Date.now() + NO_WORKER_PAUSE_MS >= until) {
        const waited = `no worker of this version answered within ${Math.round(deadlineMs / 1_000)} seconds`;
        throw new TemporalError(waited, 'refused', { cause: error });
      }
    }
    await delay(NO_WORKER_PAUSE_MS, undefined, { signal });
  }
}

function whatToDo(error: unknown): 'reject' | 'wait for a worker' | 'fail' {
  if (!isGrpcServiceError(error)) return 'fail';
  // The handler threw, or there is none of this name.
  if (error.code === GRPC.INVALID_ARGUMENT) return 'reject';
  if (error.code === GRPC.FAILED_PRECONDITION)
    return NO_WORKER.test(error.details) ? 'wait for a worker' : 'reject';
  // Temporal's own, shorter, limit passed while it waited for a worker; or ours did.
  return OUT_OF_TIME.includes(error.code) ? 'wait for a worker' : 'fail';
}

function reasonOf(error: unknown): string {
  return isGrpcServiceError(error) && error.details ? error.details : 'it was rejected without a reason';
}
