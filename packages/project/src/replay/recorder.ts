/**
 * Runs inside Temporal's workflow sandbox, bundled beside the author's code when a divergence is to be explained: tells
 * every command that the code produces, and the place in the code that asked for it.
 *
 * It only looks on. Nothing is awaited and every call is passed through as it came, so the code takes the very steps
 * that it takes without it.
 */
import {
  proxySinks,
  type ConcludeActivationInput,
  type Sinks,
  type WorkflowInterceptorsFactory,
} from '@temporalio/workflow';
import type { CommandKind, ProducedCommand } from './commands.js';

type TemporalCommand = ConcludeActivationInput['commands'][number];

/** What the sandbox tells the process outside. */
export interface RecorderSinks extends Sinks {
  pegasusRecorder: {
    /** The stack of the call that asked for a command; `seq` is Temporal's own number of it among its kind. */
    called(kind: CommandKind, seq: number, stack: string): void;
    /** The commands of one activation, in their order. */
    produced(commands: ProducedCommand[]): void;
  };
}

const { pegasusRecorder } = proxySinks<RecorderSinks>();

function called(kind: CommandKind, seq: number): void {
  pegasusRecorder.called(kind, seq, new Error('here').stack ?? '');
}

/** A method of an interceptor that tells which call asks for a command of this kind, and passes it on as it came. */
function telling(kind: CommandKind) {
  return <Input extends { seq: number }, Output>(input: Input, next: (input: Input) => Output): Output => {
    called(kind, input.seq);
    return next(input);
  };
}

export const interceptors: WorkflowInterceptorsFactory = () => ({
  outbound: [
    {
      scheduleActivity: telling('activity'),
      scheduleLocalActivity: telling('local activity'),
      startTimer: telling('timer'),
      startChildWorkflowExecution: telling('child workflow'),
      signalWorkflow: telling('signal to another workflow'),
      continueAsNew(input, next) {
        called('continue as new', 0);
        return next(input);
      },
    },
  ],
  internals: [
    {
      concludeActivation(input, next) {
        pegasusRecorder.produced(withoutUndone(input.commands).flatMap(describe));
        return next(input);
      },
    },
  ],
});

/** What is begun and cancelled within one activation never reaches the history: Temporal drops both commands. */
function withoutUndone(commands: readonly TemporalCommand[]): TemporalCommand[] {
  const timers = new Set(commands.map(({ cancelTimer }) => cancelTimer?.seq));
  const activities = new Set(commands.map(({ requestCancelActivity }) => requestCancelActivity?.seq));
  const children = new Set(
    commands.map(({ cancelChildWorkflowExecution }) => cancelChildWorkflowExecution?.childWorkflowSeq),
  );
  return commands.filter(
    ({ startTimer, scheduleActivity, startChildWorkflowExecution }) =>
      !(startTimer && timers.has(startTimer.seq)) &&
      !(scheduleActivity && activities.has(scheduleActivity.seq)) &&
      !(startChildWorkflowExecution && children.has(startChildWorkflowExecution.seq)),
  );
}

function describe(command: TemporalCommand): ProducedCommand[] {
  const one = (kind: CommandKind, name?: string | null, seq?: number | null, id?: string | null) => [
    { kind, ...(name ? { name } : {}), ...(seq ? { seq } : {}), ...(id ? { id } : {}) },
  ];
  if (command.scheduleActivity) {
    const { activityType, seq, activityId } = command.scheduleActivity;
    return one('activity', activityType, seq, activityId);
  }
  if (command.startTimer) return one('timer', undefined, command.startTimer.seq, `${command.startTimer.seq}`);
  if (command.startChildWorkflowExecution) {
    const { workflowType, seq, workflowId } = command.startChildWorkflowExecution;
    return one('child workflow', workflowType, seq, workflowId);
  }
  if (command.signalExternalWorkflowExecution) {
    const { signalName, seq } = command.signalExternalWorkflowExecution;
    return one('signal to another workflow', signalName, seq);
  }
  if (command.requestCancelExternalWorkflowExecution) return one('cancellation of another workflow');
  if (command.scheduleNexusOperation) {
    const { operation, seq } = command.scheduleNexusOperation;
    return one('nexus operation', operation, seq);
  }
  if (command.setPatchMarker) {
    const { patchId, deprecated } = command.setPatchMarker;
    return deprecated ? [] : one('patch', patchId);
  }
  if (command.completeWorkflowExecution) return one('completion');
  if (command.failWorkflowExecution) return one('failure', command.failWorkflowExecution.failure?.message);
  if (command.cancelWorkflowExecution) return one('cancelled end');
  if (command.continueAsNewWorkflowExecution)
    return one('continue as new', command.continueAsNewWorkflowExecution.workflowType);
  return [];
}
