import { type HistoryEvent } from '@pegasus-workflows/contracts';
import { answeredEventId, eventTypeOf, nameOfEvent } from '@pegasus-workflows/project/temporal-events';
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
  const types = new Map<string, string>();
  return (history.events ?? []).map((event) => {
    const converted: HistoryEvent = {
      id: String(event.eventId),
      type: eventTypeOf(event),
      timestamp: new Date(millisecondsOf(event.eventTime)).toISOString(),
    };
    const answered = answeredEventId(event);
    if (answered !== undefined) converted.scheduledEventId = answered;
    const type = activityTypeOf(event, types);
    if (type !== undefined) converted.activityType = type;
    const name = nameOfEvent(event);
    if (name !== undefined) converted.name = name;
    const timer = event.timerStartedEventAttributes?.startToFireTimeout;
    if (timer) {
      const firesAt = millisecondsOf(event.eventTime) + millisecondsOf(timer);
      converted.firesAt = new Date(firesAt).toISOString();
    }
    const attempt = event.activityTaskStartedEventAttributes?.attempt;
    if (attempt) converted.attempt = attempt;
    const failure = failureOf(event);
    if (failure) converted.failure = toAuthorPaths(describeFailure(failure));
    return converted;
  });
}

function activityTypeOf(event: TemporalEvent, types: Map<string, string>): string | undefined {
  const scheduled =
    event.activityTaskScheduledEventAttributes?.activityType?.name ??
    event.startChildWorkflowExecutionInitiatedEventAttributes?.workflowType?.name;
  if (scheduled) types.set(String(event.eventId), scheduled);
  return scheduled ?? types.get(answeredEventId(event) ?? '');
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

/** Of an instant since the epoch, or of a duration. */
function millisecondsOf(time: TemporalEvent['eventTime']): number {
  return Number(time?.seconds ?? 0) * 1000 + Math.floor((time?.nanos ?? 0) / 1e6);
}
