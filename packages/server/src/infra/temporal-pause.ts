import { isGrpcServiceError } from '@temporalio/client';
import { type temporal } from '@temporalio/proto';
import { type PausedActivity, type PauseOutcome, type PauseRequest } from './temporal-controls.js';
import { runStatusOf } from './temporal-events.js';
import { describeRun } from './temporal-histories.js';
import { GRPC, IDENTITY, isNotFound, toTemporalError, type TemporalRpc } from './temporal-rpc.js';
import { TEMPORAL_DEADLINES } from './temporal.js';

type IPendingActivity = temporal.api.workflow.v1.IPendingActivityInfo;

/** See `TemporalControls.pause`. */
export function pauseRun(rpc: TemporalRpc, workflowId: string, request: PauseRequest): Promise<PauseOutcome> {
  const { namespace } = rpc;
  return changePause(rpc, workflowId, {
    whole: (runId) =>
      rpc.service.pauseWorkflowExecution({ namespace, workflowId, runId, identity: IDENTITY, ...request }),
    isDue: (activity) => !activity.paused,
    one: (runId, id) =>
      rpc.service.pauseActivity({
        namespace,
        execution: { workflowId, runId },
        identity: IDENTITY,
        id,
        ...request,
      }),
  });
}

/** See `TemporalControls.unpause`. */
export function unpauseRun(
  rpc: TemporalRpc,
  workflowId: string,
  request: PauseRequest,
): Promise<PauseOutcome> {
  const { namespace } = rpc;
  return changePause(rpc, workflowId, {
    whole: (runId) =>
      rpc.service.unpauseWorkflowExecution({ namespace, workflowId, runId, identity: IDENTITY, ...request }),
    isDue: (activity) => activity.paused === true,
    one: (runId, id) =>
      rpc.service.unpauseActivity({ namespace, execution: { workflowId, runId }, identity: IDENTITY, id }),
  });
}

interface Change {
  whole: (runId: string) => Promise<unknown>;
  isDue: (activity: IPendingActivity) => boolean;
  one: (runId: string, activityId: string) => Promise<unknown>;
}

async function changePause(
  rpc: TemporalRpc,
  workflowId: string,
  { whole, isDue, one }: Change,
): Promise<PauseOutcome> {
  try {
    const { workflowExecutionInfo: info, pendingActivities } = await describeRun(rpc, workflowId);
    if (runStatusOf(info?.status) !== 'RUNNING') return { kind: 'closed' };
    const runId = info?.execution?.runId ?? '';
    if (await clusterDoes(rpc.call(TEMPORAL_DEADLINES.call, () => whole(runId))))
      return { kind: 'done', scope: 'workflow', activities: [] };
    const activities: PausedActivity[] = [];
    for (const activity of pendingActivities ?? []) {
      const activityId = activity.activityId ?? '';
      if (!isDue(activity)) continue;
      // One that has ended in the meantime is not there any more.
      const done = rpc.call(TEMPORAL_DEADLINES.call, () => one(runId, activityId)).catch(ignoreNotFound);
      if (await done) activities.push({ activityId, activityType: activity.activityType?.name ?? '' });
    }
    return { kind: 'done', scope: 'activities', activities };
  } catch (error) {
    if (isNotFound(error)) return { kind: 'unknown' };
    throw toTemporalError(error);
  }
}

/** Pausing a whole run is newer than pausing activities: clusters that lack it say so. */
async function clusterDoes(asked: Promise<unknown>): Promise<boolean> {
  try {
    await asked;
    return true;
  } catch (error) {
    if (isGrpcServiceError(error) && error.code === GRPC.UNIMPLEMENTED) return false;
    throw error;
  }
}

function ignoreNotFound(error: unknown): undefined {
  if (!isNotFound(error)) throw error;
}
