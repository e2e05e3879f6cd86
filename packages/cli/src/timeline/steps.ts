import { type HistoryEvent } from '@pegasus-workflows/contracts';

export type StepState = 'running' | 'done' | 'failed' | 'cancelled' | 'noted';

/** One line of a run's timeline. */
export interface Step {
  /** Stable while the history grows: the id of the event that began it. */
  id: string;
  kind: 'workflow' | 'activity' | 'timer' | 'child' | 'signal' | 'update' | 'other';
  label: string;
  state: StepState;
  /** Milliseconds since the run began. */
  startMs: number;
  /** Absent while it runs, and for what has no length, such as a signal. */
  durationMs?: number;
  /** Times it was tried; absent where nothing is retried, or not known yet. */
  attempts?: number;
  failure?: string;
}

interface Rule {
  kind: Step['kind'];
  effect: 'begin' | 'progress' | 'done' | 'failed' | 'cancelled' | 'noted';
  label: string;
}

const rule = (kind: Rule['kind'], effect: Rule['effect'], label: string): Rule => ({ kind, effect, label });

/** What each event of Temporal's history means for a timeline. Events that are not here are Temporal's bookkeeping. */
const RULES: Record<string, Rule> = {
  WorkflowExecutionStarted: rule('workflow', 'noted', 'started'),
  WorkflowExecutionCompleted: rule('workflow', 'done', 'completed'),
  WorkflowExecutionFailed: rule('workflow', 'failed', 'failed'),
  WorkflowExecutionTimedOut: rule('workflow', 'failed', 'timed out'),
  WorkflowExecutionCanceled: rule('workflow', 'cancelled', 'cancelled'),
  WorkflowExecutionTerminated: rule('workflow', 'failed', 'terminated'),
  WorkflowExecutionContinuedAsNew: rule('workflow', 'noted', 'continued as new'),
  WorkflowExecutionCancelRequested: rule('workflow', 'noted', 'cancel requested'),
  WorkflowTaskFailed: rule('other', 'failed', 'workflow task failed, Temporal tries again'),
  WorkflowExecutionSignaled: rule('signal', 'noted', 'signal'),
  WorkflowExecutionUpdateAccepted: rule('update', 'noted', 'update'),
  ActivityTaskScheduled: rule('activity', 'begin', 'activity'),
  ActivityTaskStarted: rule('activity', 'progress', 'activity'),
  ActivityTaskCompleted: rule('activity', 'done', 'activity'),
  ActivityTaskFailed: rule('activity', 'failed', 'activity'),
  ActivityTaskTimedOut: rule('activity', 'failed', 'activity'),
  ActivityTaskCanceled: rule('activity', 'cancelled', 'activity'),
  TimerStarted: rule('timer', 'begin', 'timer'),
  TimerFired: rule('timer', 'done', 'timer'),
  TimerCanceled: rule('timer', 'cancelled', 'timer'),
  StartChildWorkflowExecutionInitiated: rule('child', 'begin', 'child workflow'),
  ChildWorkflowExecutionCompleted: rule('child', 'done', 'child workflow'),
  ChildWorkflowExecutionFailed: rule('child', 'failed', 'child workflow'),
  StartChildWorkflowExecutionFailed: rule('child', 'failed', 'child workflow'),
  ChildWorkflowExecutionTimedOut: rule('child', 'failed', 'child workflow'),
  ChildWorkflowExecutionCanceled: rule('child', 'cancelled', 'child workflow'),
  ChildWorkflowExecutionTerminated: rule('child', 'failed', 'child workflow'),
};

/**
 * Folds a history into steps, in the order they began. The wire's events do not say which event they answer, so an end
 * belongs to the oldest open step of its kind and name: exact for steps in a row, a fair reading for equal parallel ones.
 */
export function toSteps(events: readonly HistoryEvent[]): Step[] {
  const steps: Step[] = [];
  const beganAt = Date.parse(events[0]?.timestamp ?? '');
  for (const event of events) {
    const known = RULES[event.type];
    if (!known) continue;
    const at = Date.parse(event.timestamp) - beganAt;
    const open =
      known.effect === 'begin' || known.effect === 'noted' || known.kind === 'workflow'
        ? undefined
        : oldestOpen(steps, known.kind, event.activityType);
    if (open) apply(open, known.effect, event, at);
    else if (known.effect !== 'progress') steps.push(newStep(known, event, at));
  }
  return steps;
}

function oldestOpen(steps: Step[], kind: Step['kind'], name: string | undefined): Step | undefined {
  return steps.find(
    (step) => step.kind === kind && step.state === 'running' && (name === undefined || step.label === name),
  );
}

function newStep({ kind, effect, label }: Rule, event: HistoryEvent, startMs: number): Step {
  const state = effect === 'begin' ? 'running' : effect === 'progress' ? 'running' : effect;
  const step: Step = { id: event.id, kind, label: event.activityType ?? label, state, startMs };
  if (kind === 'workflow' && state !== 'noted') step.durationMs = startMs;
  if (event.failure !== undefined) step.failure = event.failure;
  return step;
}

function apply(step: Step, effect: Rule['effect'], event: HistoryEvent, at: number): void {
  if (event.attempt !== undefined) step.attempts = event.attempt;
  if (event.failure !== undefined) step.failure = event.failure;
  if (effect === 'progress' || effect === 'begin') return;
  step.state = effect;
  step.durationMs = at - step.startMs;
}
