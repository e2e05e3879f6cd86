import { type HistoryEvent } from '@pegasus-workflows/contracts';
import { answeredEventId, nameOfEvent } from '@pegasus-workflows/project/temporal-events';
import { optionalTsToDate, optionalTsToMs } from '@temporalio/common/lib/time.js';
import proto, { type temporal } from '@temporalio/proto';
import { failureSentence } from './failure-text.js';
import { type RunFailure, type RunStatus } from './temporal.js';

type IHistoryEvent = temporal.api.history.v1.IHistoryEvent;
type IFailure = temporal.api.failure.v1.IFailure;

const { EventType, TimeoutType, WorkflowExecutionStatus } = proto.temporal.api.enums.v1;

/** `EVENT_TYPE_ACTIVITY_TASK_SCHEDULED` → `ActivityTaskScheduled`. */
function pascalCase(constant: string): string {
  return constant
    .replace(/^EVENT_TYPE_/, '')
    .split('_')
    .map((word) => word.charAt(0) + word.slice(1).toLowerCase())
    .join('');
}

const STATUSES: Partial<Record<temporal.api.enums.v1.WorkflowExecutionStatus, RunStatus>> = {
  [WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_COMPLETED]: 'COMPLETED',
  [WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_FAILED]: 'FAILED',
  [WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_CANCELED]: 'CANCELED',
  [WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_TERMINATED]: 'TERMINATED',
  [WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW]: 'CONTINUED_AS_NEW',
  [WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_TIMED_OUT]: 'TIMED_OUT',
};

/** Temporal's status enum as {@link RunStatus}; a paused run is still open. */
export function runStatusOf(
  status: temporal.api.enums.v1.WorkflowExecutionStatus | null | undefined,
): RunStatus {
  return STATUSES[status ?? WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_UNSPECIFIED] ?? 'RUNNING';
}

const TIMEOUT_NAMES: Partial<Record<temporal.api.enums.v1.TimeoutType, string>> = {
  [TimeoutType.TIMEOUT_TYPE_START_TO_CLOSE]: 'start-to-close',
  [TimeoutType.TIMEOUT_TYPE_SCHEDULE_TO_START]: 'schedule-to-start',
  [TimeoutType.TIMEOUT_TYPE_SCHEDULE_TO_CLOSE]: 'schedule-to-close',
  [TimeoutType.TIMEOUT_TYPE_HEARTBEAT]: 'heartbeat',
};

/** A decoded protobuf failure as {@link RunFailure}, causes included. */
export function runFailureOf(failure: IFailure | null | undefined): RunFailure {
  const base = {
    message: failure?.message ?? '',
    stackTrace: failure?.stackTrace ?? '',
    cause: failure?.cause ? runFailureOf(failure.cause) : undefined,
  };
  if (failure?.applicationFailureInfo)
    return { ...base, kind: 'application', type: failure.applicationFailureInfo.type ?? undefined };
  if (failure?.timeoutFailureInfo) {
    const timeoutType = failure.timeoutFailureInfo.timeoutType;
    return { ...base, kind: 'timeout', type: timeoutType ? TIMEOUT_NAMES[timeoutType] : undefined };
  }
  if (failure?.activityFailureInfo)
    return { ...base, kind: 'activity', type: failure.activityFailureInfo.activityType?.name ?? undefined };
  if (failure?.childWorkflowExecutionFailureInfo)
    return {
      ...base,
      kind: 'child',
      type: failure.childWorkflowExecutionFailureInfo.workflowType?.name ?? undefined,
    };
  if (failure?.canceledFailureInfo) return { ...base, kind: 'canceled' };
  if (failure?.terminatedFailureInfo) return { ...base, kind: 'terminated' };
  if (failure?.serverFailureInfo) return { ...base, kind: 'server' };
  if (failure?.nexusOperationExecutionFailureInfo) return { ...base, kind: 'nexus' };
  return { ...base, kind: 'other' };
}

/** The protobuf failure an event carries, wherever its type keeps it. */
export function failureOfEvent(event: IHistoryEvent): IFailure | null | undefined {
  return (
    event.activityTaskFailedEventAttributes?.failure ??
    event.activityTaskTimedOutEventAttributes?.failure ??
    event.activityTaskStartedEventAttributes?.lastFailure ??
    event.workflowExecutionFailedEventAttributes?.failure ??
    event.workflowExecutionStartedEventAttributes?.continuedFailure ??
    event.workflowTaskFailedEventAttributes?.failure ??
    event.childWorkflowExecutionFailedEventAttributes?.failure ??
    event.markerRecordedEventAttributes?.failure ??
    event.nexusOperationFailedEventAttributes?.failure ??
    event.nexusOperationTimedOutEventAttributes?.failure
  );
}

/** Of `TimerStarted`: when it fires. */
function firesAtOf(event: IHistoryEvent): Date | undefined {
  const startedAt = optionalTsToDate(event.eventTime);
  const after = optionalTsToMs(event.timerStartedEventAttributes?.startToFireTimeout);
  return startedAt && after !== undefined ? new Date(startedAt.getTime() + after) : undefined;
}

/**
 * Flattens one run's events into the wire's timeline. Failures must be decoded already. Every event of an activity
 * carries its `activityType`; started ones their `attempt`, and `failure` is one line of text. An event that answers
 * another has the name of that one.
 */
export function flattenHistory(events: readonly IHistoryEvent[]): HistoryEvent[] {
  return new HistoryFlattener().add(events);
}

/** As {@link flattenHistory}, for a run whose events come piece by piece. */
export class HistoryFlattener {
  readonly #activityTypes = new Map<string, string>();
  readonly #names = new Map<string, string>();

  add(events: readonly IHistoryEvent[]): HistoryEvent[] {
    return events.map((event) => this.#flatten(event));
  }

  #flatten(event: IHistoryEvent): HistoryEvent {
    const id = event.eventId?.toString() ?? '0';
    const answered = answeredEventId(event);
    const scheduledType = event.activityTaskScheduledEventAttributes?.activityType?.name;
    if (scheduledType) this.#activityTypes.set(id, scheduledType);
    const activityType = scheduledType ?? this.#activityTypes.get(answered ?? '');
    const name = nameOfEvent(event) ?? this.#names.get(answered ?? '');
    if (name) this.#names.set(id, name);
    const attempt =
      event.activityTaskStartedEventAttributes?.attempt ??
      event.workflowExecutionStartedEventAttributes?.attempt ??
      event.workflowTaskScheduledEventAttributes?.attempt;
    const failure = failureOfEvent(event);
    const firesAt = firesAtOf(event);
    return {
      id,
      type: pascalCase(EventType[event.eventType ?? 0] ?? 'UNSPECIFIED'),
      timestamp: (optionalTsToDate(event.eventTime) ?? new Date(0)).toISOString(),
      ...(activityType ? { activityType } : {}),
      ...(attempt ? { attempt } : {}),
      ...(failure ? { failure: failureSentence(runFailureOf(failure)) } : {}),
      ...(answered ? { scheduledEventId: answered } : {}),
      ...(name ? { name } : {}),
      ...(firesAt ? { firesAt: firesAt.toISOString() } : {}),
    };
  }
}

/** The run that continues the chain after this close event, if there is one. */
export function nextRunOf(event: IHistoryEvent): string | undefined {
  const attributes =
    event.workflowExecutionContinuedAsNewEventAttributes ??
    event.workflowExecutionCompletedEventAttributes ??
    event.workflowExecutionFailedEventAttributes ??
    event.workflowExecutionTimedOutEventAttributes;
  return attributes?.newExecutionRunId || undefined;
}
