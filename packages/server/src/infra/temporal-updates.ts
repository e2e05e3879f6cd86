import { isGrpcServiceError } from '@temporalio/client';
import { decodeArrayFromPayloads } from '@temporalio/common/lib/internal-non-workflow/index.js';
import proto, { type temporal } from '@temporalio/proto';
import { failureSentence } from './failure-text.js';
import { type TemporalControls, type UpdateOutcome } from './temporal-controls.js';
import { runFailureOf } from './temporal-events.js';
import { GRPC, IDENTITY, isNotFound, toTemporalError, type TemporalRpc } from './temporal-rpc.js';
import { readableFailure, toPayloads, type Converter } from './temporal-payloads.js';
import { isKnown } from './temporal-messages.js';
import { TEMPORAL_DEADLINES, TemporalError } from './temporal.js';

type IOutcome = temporal.api.update.v1.IOutcome;
type Parameters<K extends keyof TemporalControls> = TemporalControls[K] extends (...all: infer P) => unknown
  ? P
  : never;

const Stage = proto.temporal.api.enums.v1.UpdateWorkflowExecutionLifecycleStage;
const ACCEPTED = Stage.UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_ACCEPTED;
const COMPLETED = Stage.UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_COMPLETED;

/** See `TemporalControls.update`. */
export async function updateRun(
  rpc: TemporalRpc,
  ...[workflowId, message, { acceptMs, waitMs, signal }]: Parameters<'update'>
): Promise<UpdateOutcome> {
  const { name, args, updateId } = message;
  const payloads = await toPayloads(rpc.payloads.exact(workflowId), ...args);
  const until = Date.now() + acceptMs;
  for (;;) {
    signal?.throwIfAborted();
    try {
      // Temporal holds the call for a while of its own and then says how far it has come, so it is asked again.
      const { outcome, stage } = await rpc.call(
        Math.max(1, until - Date.now()),
        () =>
          rpc.service.updateWorkflowExecution({
            namespace: rpc.namespace,
            workflowExecution: { workflowId },
            waitPolicy: { lifecycleStage: ACCEPTED },
            request: {
              meta: { updateId, identity: IDENTITY },
              input: { name, args: { payloads } },
            },
          }),
        signal,
      );
      if (outcome) return await outcomeOf(rpc.payloads.exact(workflowId), outcome);
      if (stage >= ACCEPTED) return await pollUpdate(rpc, workflowId, updateId, { waitMs, signal });
    } catch (error) {
      signal?.throwIfAborted();
      if (isNotFound(error)) return afterTheEnd(rpc, workflowId, updateId, signal);
      if (!isDeadline(error)) throw toTemporalError(error);
    }
    if (Date.now() >= until) {
      const waited = `no worker of this version accepted it within ${Math.round(acceptMs / 1_000)} seconds`;
      throw new TemporalError(waited, 'unknown');
    }
  }
}

/** A repeat of an update that ended its run is answered like the first; any other has come too late. */
async function afterTheEnd(
  rpc: TemporalRpc,
  workflowId: string,
  updateId: string,
  signal: AbortSignal | undefined,
): Promise<UpdateOutcome> {
  const before = await pollUpdate(rpc, workflowId, updateId, { waitMs: 0, signal });
  if (before.kind !== 'unknown') return before;
  return { kind: (await isKnown(rpc, workflowId)) ? 'closed' : 'unknown' };
}

/** See `TemporalControls.pollUpdate`. */
export async function pollUpdate(
  rpc: TemporalRpc,
  ...[workflowId, updateId, { waitMs, signal }]: Parameters<'pollUpdate'>
): Promise<UpdateOutcome> {
  const until = Date.now() + waitMs;
  let seen = false;
  for (;;) {
    signal?.throwIfAborted();
    const left = until - Date.now();
    const waits = left > 0;
    try {
      const { outcome } = await rpc.call(
        waits ? Math.min(left, TEMPORAL_DEADLINES.longPoll) : TEMPORAL_DEADLINES.call,
        () =>
          rpc.service.pollWorkflowExecutionUpdate({
            namespace: rpc.namespace,
            updateRef: { workflowExecution: { workflowId }, updateId },
            identity: IDENTITY,
            // Without a stage to wait for, the answer comes at once.
            ...(waits ? { waitPolicy: { lifecycleStage: COMPLETED } } : {}),
          }),
        signal,
      );
      if (outcome) return await outcomeOf(rpc.payloads.exact(workflowId), outcome);
      seen = true;
    } catch (error) {
      signal?.throwIfAborted();
      if (isNotFound(error)) return { kind: 'unknown' };
      if (!waits || !isDeadline(error)) throw toTemporalError(error);
    }
    if (!waits && seen) return { kind: 'accepted' };
  }
}

async function outcomeOf(converter: Converter, { success, failure }: IOutcome): Promise<UpdateOutcome> {
  if (failure) {
    const decoded = await readableFailure(converter, failure);
    return { kind: 'failed', reason: failureSentence(runFailureOf(decoded)) };
  }
  const [result] = await decodeArrayFromPayloads(converter, success?.payloads);
  return { kind: 'completed', result: result ?? null };
}

function isDeadline(error: unknown): boolean {
  return isGrpcServiceError(error) && error.code === GRPC.DEADLINE_EXCEEDED;
}
