import { eventTypeOf, type HistoryEvent } from './temporal-events.js';

/** What a workflow can ask Temporal for, as far as a history keeps it in the order it was asked. */
export type CommandKind =
  | 'activity'
  | 'local activity'
  | 'timer'
  | 'child workflow'
  | 'signal to another workflow'
  | 'cancellation of another workflow'
  | 'nexus operation'
  | 'patch'
  | 'completion'
  | 'failure'
  | 'cancelled end'
  | 'continue as new';

/** One command that the local code produced. */
export interface ProducedCommand {
  kind: CommandKind;
  /** Activity type, child workflow type, signal, patch; of a failure its message. */
  name?: string;
  /** Temporal's number of it among the commands of its kind. */
  seq?: number;
  /** Activity id, timer id or workflow id. */
  id?: string;
}

/** One command that the history remembers. */
export interface RememberedCommand {
  kind: CommandKind;
  name?: string;
  id?: string;
  /** Of the event that the command became. */
  eventId: number;
  /** In PascalCase, such as `ActivityTaskScheduled`. */
  eventType: string;
}

/** The commands that led to a history, in their order; events that only answer them, and Temporal's own, are left out. */
export function rememberedCommands(events: readonly HistoryEvent[]): RememberedCommand[] {
  return events.flatMap((event) => {
    const found = commandOf(event);
    if (!found) return [];
    const { kind, name, id } = found;
    return [
      {
        kind,
        eventId: Number(event.eventId),
        eventType: eventTypeOf(event),
        ...(name ? { name } : {}),
        ...(id ? { id } : {}),
      },
    ];
  });
}

interface Found {
  kind: CommandKind;
  name?: string | null | undefined;
  id?: string | null | undefined;
}

function commandOf(event: HistoryEvent): Found | undefined {
  const activity = event.activityTaskScheduledEventAttributes;
  if (activity) return { kind: 'activity', name: activity.activityType?.name, id: activity.activityId };
  const timer = event.timerStartedEventAttributes;
  if (timer) return { kind: 'timer', id: timer.timerId };
  const child = event.startChildWorkflowExecutionInitiatedEventAttributes;
  if (child) return { kind: 'child workflow', name: child.workflowType?.name, id: child.workflowId };
  const signal = event.signalExternalWorkflowExecutionInitiatedEventAttributes;
  if (signal) return { kind: 'signal to another workflow', name: signal.signalName };
  if (event.requestCancelExternalWorkflowExecutionInitiatedEventAttributes)
    return { kind: 'cancellation of another workflow' };
  const nexus = event.nexusOperationScheduledEventAttributes;
  if (nexus) return { kind: 'nexus operation', name: nexus.operation };
  const marker = event.markerRecordedEventAttributes;
  if (marker) return marker.markerName === PATCH_MARKER ? patchOf(marker) : undefined;
  return endOf(event);
}

function endOf(event: HistoryEvent): Found | undefined {
  if (event.workflowExecutionCompletedEventAttributes) return { kind: 'completion' };
  const failed = event.workflowExecutionFailedEventAttributes;
  if (failed) return { kind: 'failure', name: failed.failure?.message };
  if (event.workflowExecutionCanceledEventAttributes) return { kind: 'cancelled end' };
  const continued = event.workflowExecutionContinuedAsNewEventAttributes;
  if (continued) return { kind: 'continue as new', name: continued.workflowType?.name };
  return undefined;
}

const PATCH_MARKER = 'core_patch';

/** A deprecated patch may stay or go without harm, so it is no command to compare. */
function patchOf(marker: NonNullable<HistoryEvent['markerRecordedEventAttributes']>): Found | undefined {
  const [payload] = marker.details?.['patch-data']?.payloads ?? [];
  if (!payload?.data) return { kind: 'patch' };
  try {
    const data = JSON.parse(Buffer.from(payload.data).toString('utf8')) as {
      id?: unknown;
      deprecated?: unknown;
    };
    if (data.deprecated === true) return undefined;
    return typeof data.id === 'string' ? { kind: 'patch', name: data.id } : { kind: 'patch' };
  } catch {
    return { kind: 'patch' };
  }
}
