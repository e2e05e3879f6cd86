import {
  authoredWorkflowId,
  parseTemporalWorkflowId,
  type PendingActivity,
} from '@pegasus-workflows/contracts';
import { answeredEventId } from '@pegasus-workflows/project/temporal-events';
import { historyToJson } from '@pegasus-workflows/project/temporal-json';
import { optionalTsToDate } from '@temporalio/common/lib/time.js';
import proto, { type temporal } from '@temporalio/proto';
import { failureSentence } from './failure-text.js';
import { flattenHistory, runFailureOf } from './temporal-events.js';
import { makeFailuresReadable, makeReadable, readableFailure, type Converter } from './temporal-payloads.js';
import { isNotFound, toTemporalError, type TemporalRpc } from './temporal-rpc.js';
import { TEMPORAL_DEADLINES, type ExportedHistory, type RunHistory } from './temporal.js';

type IHistoryEvent = temporal.api.history.v1.IHistoryEvent;
type IPendingActivity = temporal.api.workflow.v1.IPendingActivityInfo;

const { PendingActivityState } = proto.temporal.api.enums.v1;

/** See `TemporalPort.history`. */
export async function readHistory(
  rpc: TemporalRpc,
  workflowId: string,
  { withPending }: { withPending: boolean },
): Promise<RunHistory | undefined> {
  // First, so that the events are those of the very run whose activities are told.
  const description = withPending ? await describeRun(rpc, workflowId).catch(() => undefined) : undefined;
  const events: IHistoryEvent[] = [];
  try {
    for await (const page of pagesOf(rpc, workflowId, runIdOf(description))) events.push(...page);
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw toTemporalError(error);
  }
  const converter = rpc.payloads.shown(workflowId);
  await makeFailuresReadable(converter, events);
  return {
    events: flattenHistory(events),
    pendingActivities:
      description && (await pendingOf(converter, description.pendingActivities ?? [], events)),
  };
}

/** See `TemporalPort.exportHistory`. Stops reading once it is too large, so that its cost is bounded. */
export async function exportHistory(
  rpc: TemporalRpc,
  workflowId: string,
  maxBytes: number,
): Promise<ExportedHistory | 'too-large' | undefined> {
  const pieces: string[] = [];
  let bytes = 0;
  let workflowType = '';
  const tenantId = parseTemporalWorkflowId(workflowId)?.tenantId ?? '';
  try {
    const runId = runIdOf(await describeRun(rpc, workflowId));
    for await (const events of pagesOf(rpc, workflowId, runId)) {
      workflowType ||= events[0]?.workflowExecutionStartedEventAttributes?.workflowType?.name ?? '';
      if (!(await makeReadable(rpc.payloads.shown(workflowId), events, maxBytes))) return 'too-large';
      const piece = eventsJsonOf(events, tenantId);
      bytes += Buffer.byteLength(piece);
      if (bytes > maxBytes) return 'too-large';
      if (piece !== '') pieces.push(piece);
    }
    return { runId: runId ?? '', workflowType, eventsJson: `[${pieces.join(',')}]` };
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw toTemporalError(error);
  }
}

/** `{…},{…}`: the inside of a JSON array. Runs are named as the author named them, so that a replay knows them again. */
function eventsJsonOf(events: IHistoryEvent[], tenantId: string): string {
  if (events.length === 0) return '';
  const named = (key: string, value: unknown): unknown =>
    key === 'workflowId' && typeof value === 'string' ? authoredWorkflowId(tenantId, value) : value;
  return JSON.stringify(historyToJson({ events }).events, named).slice(1, -1);
}

/** Temporal's own description of a run, the newest unless `runId` says which. Rejects with gRPC's own errors. */
export async function describeRun(rpc: TemporalRpc, workflowId: string, runId?: string) {
  return rpc.call(TEMPORAL_DEADLINES.call, () =>
    rpc.service.describeWorkflowExecution({
      namespace: rpc.namespace,
      execution: { workflowId, runId: runId ?? null },
    }),
  );
}

type Description = Awaited<ReturnType<typeof describeRun>>;

function runIdOf(description: Description | undefined): string | undefined {
  return description?.workflowExecutionInfo?.execution?.runId || undefined;
}

/** A run's events, page by page. Rejects with gRPC's own errors. */
export async function* pagesOf(
  rpc: TemporalRpc,
  workflowId: string,
  runId: string | undefined,
): AsyncGenerator<IHistoryEvent[]> {
  let nextPageToken: Uint8Array = new Uint8Array();
  do {
    const response = await rpc.call(TEMPORAL_DEADLINES.list, () =>
      rpc.service.getWorkflowExecutionHistory({
        namespace: rpc.namespace,
        execution: { workflowId, runId: runId ?? null },
        nextPageToken,
      }),
    );
    yield response.history?.events ?? [];
    nextPageToken = response.nextPageToken ?? new Uint8Array();
  } while (nextPageToken.length > 0);
}

/**
 * Pending activities as the wire has them, in the order of their events. Temporal names them by activity id; the event
 * is the last one that scheduled that id. One that has ended since it was described is left out.
 */
async function pendingOf(
  converter: Converter,
  pending: readonly IPendingActivity[],
  events: readonly IHistoryEvent[],
): Promise<PendingActivity[]> {
  const scheduledBy = new Map<string, string>();
  const ended = new Set<string>();
  for (const event of events) {
    const activityId = event.activityTaskScheduledEventAttributes?.activityId;
    if (activityId) scheduledBy.set(activityId, String(event.eventId));
    if (event.activityTaskCancelRequestedEventAttributes) continue;
    const answered = answeredEventId(event);
    if (answered) ended.add(answered);
  }
  const found: PendingActivity[] = [];
  for (const activity of pending) {
    const scheduledEventId = scheduledBy.get(activity.activityId ?? '');
    if (!scheduledEventId || ended.has(scheduledEventId)) continue;
    const failure = activity.lastFailure && (await readableFailure(converter, activity.lastFailure));
    const nextAttemptAt = optionalTsToDate(activity.nextAttemptScheduleTime);
    found.push({
      scheduledEventId,
      activityType: activity.activityType?.name ?? '',
      state: (activity.state && STATES[activity.state]) || 'SCHEDULED',
      attempt: activity.attempt ?? 1,
      ...(activity.maximumAttempts ? { maximumAttempts: activity.maximumAttempts } : {}),
      ...(failure ? { lastFailure: failureSentence(runFailureOf(failure)) } : {}),
      ...(nextAttemptAt ? { nextAttemptAt: nextAttemptAt.toISOString() } : {}),
    });
  }
  return found.sort((a, b) => Number(a.scheduledEventId) - Number(b.scheduledEventId));
}

const STATES: Partial<Record<temporal.api.enums.v1.PendingActivityState, PendingActivity['state']>> = {
  [PendingActivityState.PENDING_ACTIVITY_STATE_STARTED]: 'STARTED',
  // Its attempt goes on; the pause comes after it.
  [PendingActivityState.PENDING_ACTIVITY_STATE_PAUSE_REQUESTED]: 'STARTED',
  [PendingActivityState.PENDING_ACTIVITY_STATE_CANCEL_REQUESTED]: 'CANCEL_REQUESTED',
  [PendingActivityState.PENDING_ACTIVITY_STATE_PAUSED]: 'PAUSED',
};
