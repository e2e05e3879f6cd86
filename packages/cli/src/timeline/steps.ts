import { type History, type HistoryEvent, type PendingActivity } from '@pegasus-workflows/contracts';

export type StepState = 'running' | 'done' | 'failed' | 'cancelled' | 'noted';

/** What an open step waits for. Times are ISO-8601 in UTC. */
export interface Waiting {
  /** Of a timer: when it fires. */
  until?: string;
  /** Of an activity: the attempt that is under way or comes next, from 1. */
  attempt?: number;
  /** Absent when the number of attempts has no limit. */
  maximumAttempts?: number;
  /** When the next attempt begins, while it waits between two. */
  nextAttemptAt?: string;
  lastFailure?: string;
  /** Nobody has taken the activity up yet: its worker starts, or there is none. */
  unclaimed?: boolean;
}

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
  /** Only while it is open, and only what is known. */
  waiting?: Waiting;
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
  PegasusCallRefused: rule('other', 'failed', 'call refused'),
  WorkflowExecutionSignaled: rule('signal', 'noted', 'signal'),
  SignalExternalWorkflowExecutionInitiated: rule('signal', 'begin', 'signal to another workflow'),
  ExternalWorkflowExecutionSignaled: rule('signal', 'done', 'signal to another workflow'),
  SignalExternalWorkflowExecutionFailed: rule('signal', 'failed', 'signal to another workflow'),
  WorkflowExecutionUpdateAccepted: rule('update', 'begin', 'update'),
  WorkflowExecutionUpdateCompleted: rule('update', 'done', 'update'),
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
 * Folds a history into steps, in the order they began. An event says which one it answers (`scheduledEventId`); of a
 * server that does not tell, an end belongs to the oldest open step of its kind and name: exact for steps in a row, a
 * fair reading for equal parallel ones.
 */
export function toSteps({ events, pendingActivities = [] }: History): Step[] {
  const steps: Step[] = [];
  const beganAt = Date.parse(events[0]?.timestamp ?? '');
  for (const event of events) {
    const known = RULES[event.type];
    if (!known) continue;
    const at = Date.parse(event.timestamp) - beganAt;
    const begins = known.effect === 'begin' || known.effect === 'noted' || known.kind === 'workflow';
    const open = begins ? undefined : openStep(steps, known.kind, event);
    if (open) apply(open, known.effect, event, at);
    else if (known.effect !== 'progress') steps.push(newStep(known, event, at));
  }
  for (const pending of pendingActivities) addPending(steps, pending);
  // What was open when a run ended waits for nothing any more.
  if (steps.some(isEnd)) for (const step of steps) if (step.state === 'running') endWithRun(step);
  return steps;
}

function isEnd({ kind, state, label }: Step): boolean {
  return kind === 'workflow' && (state !== 'noted' || label === 'continued as new');
}

function endWithRun(step: Step): void {
  step.state = 'cancelled';
  delete step.waiting;
}

function openStep(steps: Step[], kind: Step['kind'], event: HistoryEvent): Step | undefined {
  const { scheduledEventId, activityType } = event;
  if (scheduledEventId !== undefined) return steps.find(({ id }) => id === scheduledEventId);
  return steps.find(
    (step) =>
      step.kind === kind &&
      step.state === 'running' &&
      (activityType === undefined || step.label === activityType),
  );
}

function newStep({ kind, effect, label }: Rule, event: HistoryEvent, startMs: number): Step {
  const state = effect === 'begin' || effect === 'progress' ? 'running' : effect;
  const step: Step = { id: event.id, kind, label: labelOf(kind, label, event), state, startMs };
  if (kind === 'workflow' && state !== 'noted') step.durationMs = startMs;
  if (event.failure !== undefined) step.failure = event.failure;
  if (event.firesAt !== undefined && state === 'running') step.waiting = { until: event.firesAt };
  return step;
}

function labelOf(kind: Step['kind'], label: string, { activityType, name }: HistoryEvent): string {
  if (activityType !== undefined) return activityType;
  if (name === undefined || kind === 'timer' || kind === 'workflow' || kind === 'other') return label;
  return kind === 'child' ? name : `${label} ${name}`;
}

function apply(step: Step, effect: Rule['effect'], event: HistoryEvent, at: number): void {
  if (event.attempt !== undefined) step.attempts = event.attempt;
  if (event.failure !== undefined) step.failure = event.failure;
  if (effect === 'progress' || effect === 'begin') return;
  step.state = effect;
  step.durationMs = at - step.startMs;
  delete step.waiting;
}

/** Temporal writes an activity's attempts into the history when it has ended; until then they are told apart from it. */
function addPending(steps: readonly Step[], pending: PendingActivity): void {
  const step = steps.find(({ id, state }) => id === pending.scheduledEventId && state === 'running');
  if (!step) return;
  const { attempt, maximumAttempts, lastFailure, nextAttemptAt, state } = pending;
  step.attempts = attempt;
  step.waiting = {
    attempt,
    ...(maximumAttempts === undefined ? {} : { maximumAttempts }),
    ...(nextAttemptAt === undefined ? {} : { nextAttemptAt }),
    ...(lastFailure === undefined ? {} : { lastFailure }),
    ...(state === 'SCHEDULED' && nextAttemptAt === undefined ? { unclaimed: true } : {}),
  };
}
