import type { History } from './temporal-json.js';

export type HistoryEvent = NonNullable<History['events']>[number];

/** Temporal's event type, from the key that holds the event's attributes: `ActivityTaskScheduled`. */
export function eventTypeOf(event: HistoryEvent): string {
  const key = Object.keys(event).find((name) => name.endsWith('EventAttributes')) ?? '';
  return key.charAt(0).toUpperCase() + key.slice(1, -'EventAttributes'.length);
}

/** The id of the event that scheduled, initiated or started what this event tells about, if it answers one. */
export function answeredEventId(event: HistoryEvent): string | undefined {
  const scheduled =
    event.activityTaskStartedEventAttributes ??
    event.activityTaskCompletedEventAttributes ??
    event.activityTaskFailedEventAttributes ??
    event.activityTaskTimedOutEventAttributes ??
    event.activityTaskCancelRequestedEventAttributes ??
    event.activityTaskCanceledEventAttributes ??
    event.workflowTaskStartedEventAttributes ??
    event.workflowTaskCompletedEventAttributes ??
    event.workflowTaskTimedOutEventAttributes ??
    event.workflowTaskFailedEventAttributes ??
    event.nexusOperationStartedEventAttributes ??
    event.nexusOperationCompletedEventAttributes ??
    event.nexusOperationFailedEventAttributes ??
    event.nexusOperationTimedOutEventAttributes ??
    event.nexusOperationCanceledEventAttributes;
  const initiated =
    event.startChildWorkflowExecutionFailedEventAttributes ??
    childEnd(event) ??
    event.externalWorkflowExecutionSignaledEventAttributes ??
    event.signalExternalWorkflowExecutionFailedEventAttributes ??
    event.externalWorkflowExecutionCancelRequestedEventAttributes ??
    event.requestCancelExternalWorkflowExecutionFailedEventAttributes;
  const timer = event.timerFiredEventAttributes ?? event.timerCanceledEventAttributes;
  const id =
    scheduled?.scheduledEventId ??
    initiated?.initiatedEventId ??
    timer?.startedEventId ??
    event.workflowExecutionUpdateCompletedEventAttributes?.acceptedEventId;
  const text = id?.toString();
  return text === '0' ? undefined : text;
}

/** What an event is about, as far as it says so itself: a signal's, update's or child workflow type's name, a timer's id. */
export function nameOfEvent(event: HistoryEvent): string | undefined {
  const child =
    event.startChildWorkflowExecutionInitiatedEventAttributes ??
    event.startChildWorkflowExecutionFailedEventAttributes ??
    childEnd(event);
  const timer =
    event.timerStartedEventAttributes ??
    event.timerFiredEventAttributes ??
    event.timerCanceledEventAttributes;
  return (
    event.workflowExecutionSignaledEventAttributes?.signalName ??
    event.signalExternalWorkflowExecutionInitiatedEventAttributes?.signalName ??
    event.workflowExecutionUpdateAcceptedEventAttributes?.acceptedRequest?.input?.name ??
    event.nexusOperationScheduledEventAttributes?.operation ??
    event.markerRecordedEventAttributes?.markerName ??
    child?.workflowType?.name ??
    timer?.timerId ??
    undefined
  );
}

function childEnd(event: HistoryEvent) {
  return (
    event.childWorkflowExecutionStartedEventAttributes ??
    event.childWorkflowExecutionCompletedEventAttributes ??
    event.childWorkflowExecutionFailedEventAttributes ??
    event.childWorkflowExecutionCanceledEventAttributes ??
    event.childWorkflowExecutionTimedOutEventAttributes ??
    event.childWorkflowExecutionTerminatedEventAttributes
  );
}
