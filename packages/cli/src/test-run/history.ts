import { type HistoryEvent } from '@pegasus-workflows/contracts';
import { type WorkflowHandle } from '@temporalio/client';

type TemporalHistory = Awaited<ReturnType<WorkflowHandle['fetchHistory']>>;
type TemporalEvent = NonNullable<TemporalHistory['events']>[number];
type Failure = NonNullable<NonNullable<TemporalEvent['activityTaskFailedEventAttributes']>['failure']>;

/** Frames of a stack trace that are not the author's. */
const FOREIGN_FRAME = /node_modules|node:|webpack|bundler|\(<anonymous>\)|external\//;

/** Temporal's history in the shape of our wire, which the timeline reads. */
export function toHistoryEvents(
  history: TemporalHistory,
  toAuthorPaths: (text: string) => string,
): HistoryEvent[] {
  const names = new Map<string, string>();
  return (history.events ?? []).map((event) => {
    const converted: HistoryEvent = {
      id: String(event.eventId),
      type: typeOf(event),
      timestamp: new Date(millisecondsOf(event.eventTime)).toISOString(),
    };
    const name = nameOf(event, names);
    if (name !== undefined) converted.activityType = name;
    const attempt = event.activityTaskStartedEventAttributes?.attempt;
    if (attempt) converted.attempt = attempt;
    const failure = failureOf(event);
    if (failure) converted.failure = toAuthorPaths(describeFailure(failure));
    return converted;
  });
}

/** Every event carries its attributes under a key that is its type: `activityTaskScheduledEventAttributes`. */
function typeOf(event: TemporalEvent): string {
  const key = Object.keys(event).find((name) => name.endsWith('EventAttributes')) ?? '';
  return key.charAt(0).toUpperCase() + key.slice(1, -'EventAttributes'.length);
}

function nameOf(event: TemporalEvent, names: Map<string, string>): string | undefined {
  const scheduled =
    event.activityTaskScheduledEventAttributes?.activityType?.name ??
    event.startChildWorkflowExecutionInitiatedEventAttributes?.workflowType?.name;
  if (scheduled) {
    names.set(String(event.eventId), scheduled);
    return scheduled;
  }
  const beginning =
    event.activityTaskStartedEventAttributes?.scheduledEventId ??
    event.activityTaskCompletedEventAttributes?.scheduledEventId ??
    event.activityTaskFailedEventAttributes?.scheduledEventId ??
    event.activityTaskTimedOutEventAttributes?.scheduledEventId ??
    event.activityTaskCanceledEventAttributes?.scheduledEventId ??
    event.childWorkflowExecutionCompletedEventAttributes?.initiatedEventId ??
    event.childWorkflowExecutionFailedEventAttributes?.initiatedEventId;
  return beginning ? names.get(String(beginning)) : undefined;
}

function failureOf(event: TemporalEvent): Failure | undefined {
  return (
    event.activityTaskFailedEventAttributes?.failure ??
    event.activityTaskTimedOutEventAttributes?.failure ??
    event.workflowExecutionFailedEventAttributes?.failure ??
    event.workflowTaskFailedEventAttributes?.failure ??
    event.childWorkflowExecutionFailedEventAttributes?.failure ??
    undefined
  );
}

/** The innermost cause says what happened; what wraps it only says where it passed through. */
function describeFailure(failure: Failure): string {
  let root = failure;
  while (root.cause) root = root.cause;
  const type = root.applicationFailureInfo?.type;
  const frames = (root.stackTrace ?? '')
    .split('\n')
    .filter((line) => line.trim() && !FOREIGN_FRAME.test(line));
  const [where] = frames.map((line) => `  ${line.trim()}`);
  return [`${type ? `${type}: ` : ''}${root.message ?? ''}`, ...(where ? [where] : [])].join('\n');
}

function millisecondsOf(time: TemporalEvent['eventTime']): number {
  return Number(time?.seconds ?? 0) * 1000 + Math.floor((time?.nanos ?? 0) / 1e6);
}
