import proto, { type temporal } from '@temporalio/proto';
import { type ResetReapply } from '@pegasus-workflows/contracts';
import { type ResetOutcome, type ResetPlan } from './temporal-controls.js';
import { runStatusOf } from './temporal-events.js';
import { describeRun, pagesOf } from './temporal-histories.js';
import { GRPC, IDENTITY, isNotFound, toTemporalError, type TemporalRpc } from './temporal-rpc.js';
import { TEMPORAL_DEADLINES } from './temporal.js';
import { isGrpcServiceError } from '@temporalio/client';

type IHistoryEvent = temporal.api.history.v1.IHistoryEvent;

const { ResetReapplyExcludeType, ResetReapplyType } = proto.temporal.api.enums.v1;
const { RESET_REAPPLY_EXCLUDE_TYPE_SIGNAL: SIGNALS, RESET_REAPPLY_EXCLUDE_TYPE_UPDATE: UPDATES } =
  ResetReapplyExcludeType;
const NOT_REAPPLIED: Record<ResetReapply, (typeof SIGNALS | typeof UPDATES)[]> = {
  all: [],
  signals: [UPDATES],
  none: [SIGNALS, UPDATES],
};

/** See `TemporalControls.reset`. */
export async function resetRun(rpc: TemporalRpc, workflowId: string, plan: ResetPlan): Promise<ResetOutcome> {
  try {
    const { workflowExecutionInfo: info } = await describeRun(rpc, workflowId);
    const openRunId = info?.execution?.runId ?? '';
    if (runStatusOf(info?.status) !== 'RUNNING') return { kind: 'closed' };
    const point = await pointOf(rpc, workflowId, openRunId, plan.to);
    if ('impossible' in point) return { kind: 'impossible', reason: point.impossible };
    const { runId } = await rpc.call(TEMPORAL_DEADLINES.start, () =>
      rpc.service.resetWorkflowExecution({
        namespace: rpc.namespace,
        workflowExecution: { workflowId, runId: point.runId },
        reason: plan.reason,
        requestId: plan.requestId,
        identity: IDENTITY,
        workflowTaskFinishEventId: longOf(point.eventId),
        resetReapplyType: ResetReapplyType.RESET_REAPPLY_TYPE_ALL_ELIGIBLE,
        resetReapplyExcludeTypes: NOT_REAPPLIED[plan.reapply],
      }),
    );
    // It may have ended by itself in between: then its outcome stands, and nothing may go on behind it.
    if ((await endedByItself(rpc, workflowId, openRunId)) && runId !== openRunId) {
      await rpc.call(TEMPORAL_DEADLINES.call, () =>
        rpc.service.terminateWorkflowExecution({
          namespace: rpc.namespace,
          workflowExecution: { workflowId, runId },
          identity: IDENTITY,
          reason: 'the run had ended before it was reset',
        }),
      );
      return { kind: 'closed' };
    }
    return { kind: 'reset', runId, eventId: String(point.eventId) };
  } catch (error) {
    if (isNotFound(error)) return { kind: 'unknown' };
    if (isGrpcServiceError(error) && error.code === GRPC.INVALID_ARGUMENT)
      return { kind: 'impossible', reason: error.details };
    throw toTemporalError(error);
  }
}

async function endedByItself(rpc: TemporalRpc, workflowId: string, runId: string): Promise<boolean> {
  const { workflowExecutionInfo: info } = await describeRun(rpc, workflowId, runId);
  const status = runStatusOf(info?.status);
  return status !== 'TERMINATED' && status !== 'RUNNING';
}

type Point = { runId: string; eventId: number } | { impossible: string };

/** The event a reset goes back to: the end of a workflow task, which is then done again. */
async function pointOf(
  rpc: TemporalRpc,
  workflowId: string,
  runId: string,
  to: ResetPlan['to'],
): Promise<Point> {
  let base = runId;
  if (to === 'last-continued-as-new') {
    const previous = await continuedFrom(rpc, workflowId, runId);
    if (!previous) return { impossible: 'this run did not continue an earlier one as new' };
    base = previous;
  }
  const limit = typeof to === 'object' ? to.eventId : Infinity;
  let found: number | undefined;
  for await (const events of pagesOf(rpc, workflowId, base)) {
    for (const event of events) {
      const eventId = Number(event.eventId);
      if (eventId > limit) break;
      if (!endsWorkflowTask(event) || (to === 'first-workflow-task' && found !== undefined)) continue;
      found = eventId;
    }
  }
  if (found !== undefined) return { runId: base, eventId: found };
  const where = typeof to === 'object' ? ` up to event ${to.eventId}` : '';
  return { impossible: `no workflow task has ended${where}, so there is nothing to go back to` };
}

function endsWorkflowTask(event: IHistoryEvent): boolean {
  return Boolean(
    event.workflowTaskCompletedEventAttributes ??
    event.workflowTaskFailedEventAttributes ??
    event.workflowTaskTimedOutEventAttributes,
  );
}

async function continuedFrom(
  rpc: TemporalRpc,
  workflowId: string,
  runId: string,
): Promise<string | undefined> {
  for await (const [first] of pagesOf(rpc, workflowId, runId))
    return first?.workflowExecutionStartedEventAttributes?.continuedExecutionRunId || undefined;
  return undefined;
}

/** Temporal's own type of event ids, which the protocol's library makes. */
function longOf(value: number) {
  return proto.google.protobuf.Duration.fromObject({ seconds: value }).seconds;
}
