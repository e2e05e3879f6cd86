import {
  isTerminal,
  PegasusError,
  type Execution,
  type ExecutionStatus,
  type PauseAnswer,
  type ResetAnswer,
  type ResetRequest,
} from '@pegasus-workflows/contracts';
import { oneLine } from '../infra/failure-text.js';
import { type PauseOutcome } from '../infra/temporal-controls.js';
import { type TemporalPort } from '../infra/temporal.js';
import { type Wakeups } from '../infra/wakeups.js';
import { type Caller, type ExecutionLookup } from './lookup.js';
import { type OutcomeWriter } from './outcome.js';
import { toExecution, type ExecutionRow } from './row.js';
import { type Watchers } from './watchers.js';

/**
 * Job: what an operator does to open runs against or beside their own code: terminate, reset, pause.
 *
 * Boundary: Temporal acts; rows follow through the outcome writer, whoever acted and whatever crashed in between, since
 * watchers, close feed and reconciler follow a reset to the run that goes on.
 *
 * Invariants
 * 1. A terminal row is never opened again: only open runs are reset.
 * 2. A repeated reset with one idempotency key resets once, as long as nothing else has reset the run.
 */
export interface ControlParts {
  lookup: ExecutionLookup;
  temporal: TemporalPort;
  outcome: OutcomeWriter;
  watchers: Watchers;
  wakeups: Wakeups<ExecutionRow>;
  clock: () => Date;
}

/** How long an answer waits for the row to follow; it is right without, only a moment behind. */
const FOLLOW_MS = 1_000;
const NO_REASON = 'no reason given';

export class Controls {
  readonly #parts: ControlParts;

  constructor(parts: ControlParts) {
    this.#parts = parts;
  }

  /**
   * Ends an open execution at once, its code unasked; a queued one never starts. Throws NOT_FOUND, EXECUTION_NOT_OPEN,
   * TEMPORAL_CONTROL_FAILED.
   */
  async terminate(
    caller: Caller,
    workflowId: string,
    id: string,
    reason: string | undefined,
  ): Promise<Execution> {
    const { lookup, outcome, temporal, clock } = this.#parts;
    const row = await lookup.settledRow(caller, workflowId, id);
    if (isTerminal(row.status)) throw notOpen(row.status, 'be terminated');
    if (row.status === 'QUEUED') {
      // Nobody here is starting it. If another server does, the reconciler ends the run that appears.
      const errorMessage = oneLine(`Terminated: ${reason ?? NO_REASON}`);
      await outcome.ended(id, { status: 'FAILED', errorMessage, at: clock(), onlyQueued: true });
      const after = await lookup.row(caller, workflowId, id);
      return isTerminal(after.status) ? toExecution(after) : this.terminate(caller, workflowId, id, reason);
    }
    const follow = this.#follow(row);
    const done = await temporal.controls
      .terminateNewest(row.temporalWorkflowId, reason ?? '')
      .catch(failedWith('Temporal did not terminate the run'));
    if (done === 'unknown') throw unknownRun();
    const after = await follow(caller);
    if (done === 'closed') throw notOpen(after.status, 'be terminated');
    return toExecution(after);
  }

  /**
   * Lets an open run go on from an earlier point. Throws NOT_FOUND, EXECUTION_NOT_RESETTABLE,
   * TEMPORAL_CONTROL_FAILED when Temporal did not do it.
   */
  async reset(
    caller: Caller,
    workflowId: string,
    id: string,
    { toEventId, to, reapply = 'all', reason }: ResetRequest,
    idempotencyKey: string,
  ): Promise<ResetAnswer> {
    const { lookup, temporal, outcome, clock } = this.#parts;
    const row = await lookup.settledRow(caller, workflowId, id);
    if (isTerminal(row.status) || !row.startedAt) throw notResettable(row.status);
    const done = await temporal.controls
      .reset(row.temporalWorkflowId, {
        to: to ?? { eventId: toEventId! },
        reapply,
        reason: reason ?? NO_REASON,
        requestId: idempotencyKey,
      })
      .catch(failedWith('Temporal did not reset the run'));
    if (done.kind === 'unknown') throw unknownRun();
    if (done.kind === 'impossible') {
      const why = oneLine(done.reason, 500).replace(/[.\s]+$/, '');
      throw new PegasusError('EXECUTION_NOT_RESETTABLE', `The run cannot be reset: ${why}.`);
    }
    if (done.kind !== 'reset') {
      const after = await this.#follow(row)(caller);
      throw notResettable(after.status);
    }
    await outcome.started(id, { runId: done.runId, startedAt: row.startedAt ?? clock() });
    this.#parts.watchers.watch({ ...watchable(row), runId: done.runId });
    const execution = toExecution(await lookup.row(caller, workflowId, id));
    return { execution, temporalRunId: done.runId, eventId: done.eventId };
  }

  /**
   * Holds an open run: as a whole where the cluster can, else the activities that are pending now. Throws NOT_FOUND,
   * EXECUTION_NOT_PAUSABLE when it is not open or there is nothing to pause, TEMPORAL_CONTROL_FAILED.
   */
  async pause(
    caller: Caller,
    workflowId: string,
    id: string,
    request: { reason?: string | undefined; requestId: string },
  ): Promise<PauseAnswer> {
    const answer = await this.#changePause('pause', caller, workflowId, id, request);
    if (answer.scope === 'workflow' || answer.activities.length > 0) return answer;
    throw new PegasusError(
      'EXECUTION_NOT_PAUSABLE',
      'This Temporal can pause activities only, and the run has none pending that is not paused; pause it when one is under way.',
    );
  }

  /** Lets go on what {@link Controls.pause} holds, which may be nothing. Throws what that throws. */
  unpause(
    caller: Caller,
    workflowId: string,
    id: string,
    request: { reason?: string | undefined; requestId: string },
  ): Promise<PauseAnswer> {
    return this.#changePause('unpause', caller, workflowId, id, request);
  }

  async #changePause(
    change: 'pause' | 'unpause',
    caller: Caller,
    workflowId: string,
    id: string,
    { reason, requestId }: { reason?: string | undefined; requestId: string },
  ): Promise<PauseAnswer> {
    const { lookup, temporal } = this.#parts;
    const row = await lookup.settledRow(caller, workflowId, id);
    if (isTerminal(row.status) || !row.startedAt) throw notPausable(row.status, change);
    const done: PauseOutcome = await temporal.controls[change](row.temporalWorkflowId, {
      reason: reason ?? NO_REASON,
      requestId,
    }).catch(failedWith(`Temporal did not ${change} the run`));
    if (done.kind === 'unknown') throw unknownRun();
    if (done.kind === 'done') return { scope: done.scope, activities: done.activities };
    const after = await this.#follow(row)(caller);
    throw notPausable(after.status, change);
  }

  /** Begins to watch a run; the answer resolves with its row once that has changed, or a moment later. */
  #follow(row: ExecutionRow): (caller: Caller) => Promise<ExecutionRow> {
    const { watchers, wakeups, lookup } = this.#parts;
    const changed = wakeups.next(row.id, FOLLOW_MS);
    watchers.watch(watchable(row));
    return async (caller) => {
      await changed;
      return lookup.row(caller, row.workflowId, row.id);
    };
  }
}

function watchable(row: ExecutionRow) {
  return {
    executionId: row.id,
    temporalWorkflowId: row.temporalWorkflowId,
    runId: row.temporalRunId,
    startedAt: row.startedAt,
  };
}

function notOpen(status: ExecutionStatus, what: string): PegasusError {
  return new PegasusError(
    'EXECUTION_NOT_OPEN',
    isTerminal(status)
      ? `The execution is ${status}; only an open one can ${what}.`
      : `The run of this execution has just ended; only an open one can ${what}.`,
  );
}

function notResettable(status: ExecutionStatus): PegasusError {
  return new PegasusError(
    'EXECUTION_NOT_RESETTABLE',
    status === 'QUEUED'
      ? 'The execution is QUEUED; there is nothing to go back to before its run has started.'
      : isTerminal(status)
        ? `The execution is ${status}; only an open one can be reset. Retry starts a new run with the same input.`
        : 'The run of this execution has just ended; only an open one can be reset.',
  );
}

function notPausable(status: ExecutionStatus, change: 'pause' | 'unpause'): PegasusError {
  return new PegasusError(
    'EXECUTION_NOT_PAUSABLE',
    `The execution is ${status}; only a started, open one can be ${change}d.`,
  );
}

function unknownRun(): PegasusError {
  const sentence = 'Temporal does not know the run of this execution; try again.';
  return new PegasusError('TEMPORAL_CONTROL_FAILED', sentence);
}

function failedWith(what: string): (error: unknown) => never {
  return (error) => {
    const reason = oneLine(error instanceof Error ? error.message : String(error), 500);
    const sentence = `${what}: ${reason}. Try again.`;
    throw new PegasusError('TEMPORAL_CONTROL_FAILED', sentence, { cause: error });
  };
}
