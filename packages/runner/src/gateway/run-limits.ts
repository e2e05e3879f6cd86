/**
 * Rules for how large and how long a run may become. The gateway knows of each workflow task how much history there is
 * before it, and ends a run that would outgrow its limit, in words that its author reads; Temporal's own limits lie above.
 */
import proto, { type temporal } from '@temporalio/proto';
import { closesRun } from './commands.js';
import { type HistorySize, type Task } from './worker-tokens.js';
import { fieldOf, numberOf } from './wire.js';

export interface RunLimits {
  historyEvents: number;
  historyBytes: number;
  /** From its start to its end, continued as new or not. */
  runSeconds: number;
}

type Completion = temporal.api.workflowservice.v1.IRespondWorkflowTaskCompletedRequest;
type Command = temporal.api.command.v1.ICommand;

const { CommandType } = proto.temporal.api.enums.v1;

/** Temporal takes no larger request. */
export const MAX_FORWARDED_BYTES = 4 * 1024 * 1024;

/** Fields of `PollWorkflowTaskQueueResponse`, `History`, `HistoryEvent` and `WorkflowTaskStartedEventAttributes`. */
const TASK = { startedEventId: 5, history: 8 } as const;
const HISTORY = { events: 1 } as const;
const EVENT = { workflowTaskStarted: 11 } as const;
const STARTED = { historySizeBytes: 5 } as const;

/** Of a `PollWorkflowTaskQueueResponse`. */
export function historySizeOf(task: Uint8Array): HistorySize {
  const last = fieldOf(fieldOf(task, TASK.history), HISTORY.events);
  return {
    events: numberOf(task, TASK.startedEventId),
    bytes: numberOf(fieldOf(last, EVENT.workflowTaskStarted), STARTED.historySizeBytes),
  };
}

/** Why a run may not go on with these commands; `undefined` when it may. One that ends or continues as new always may. */
export function historyRule(
  { history }: Pick<Task, 'history'>,
  commands: readonly Command[],
  { historyEvents, historyBytes }: RunLimits,
): string | undefined {
  const { events, bytes } = history ?? { events: 0, bytes: 0 };
  if (commands.some((command) => closesRun(command) || continuesAsNew(command))) return undefined;
  const advice = 'continue as new (continueAsNew) before that, or do less in one run';
  if (events + commands.length > historyEvents)
    return `its history has ${events} events and would have more than ${historyEvents}; ${advice}`;
  if (bytes > historyBytes)
    return `its history has ${Math.round(bytes / 1024)} KiB, more than ${Math.round(historyBytes / 1024)}; ${advice}`;
  return undefined;
}

/** The completion ends the run instead of what it would have done. */
export function failRun(completion: Completion, type: string, message: string): void {
  completion.messages = [];
  completion.queryResults = {};
  completion.commands = [
    {
      commandType: CommandType.COMMAND_TYPE_FAIL_WORKFLOW_EXECUTION,
      failWorkflowExecutionCommandAttributes: { failure: failure(type, message) },
    },
  ];
}

/** A failure in the platform's words; trying again makes it no better. */
export function failure(type: string, message: string): temporal.api.failure.v1.IFailure {
  return { message, source: 'Pegasus', applicationFailureInfo: { type, nonRetryable: true } };
}

function continuesAsNew(command: Command): boolean {
  return command.commandType === CommandType.COMMAND_TYPE_CONTINUE_AS_NEW_WORKFLOW_EXECUTION;
}
