import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import {
  isTerminal,
  PegasusError,
  RETRYABLE_STATUSES,
  temporalWorkflowId,
  type Execution,
  type ExecutionStatus,
  type RunRequest,
} from '@pegasus-workflows/contracts';
import { failpoint } from '@pegasus-workflows/kit';
import { errorForLog } from '../infra/error-log.js';
import { artifactInDemand, type DemandSet } from '../internal/demand.js';
import { type RequirementCheck } from '../secrets/requirement-check.js';
import { type Admission } from './admission.js';
import { type HeldRuns } from './held.js';
import { type Caller, type ExecutionLookup } from './lookup.js';
import { type Place } from './open-counts.js';
import { type OutcomeWriter } from './outcome.js';
import { toExecution, type ExecutionRow } from './row.js';
import { planOf, planOfRetry, type RunPlan } from './run-options.js';
import { refuseUnlessRunnable } from './runnable.js';
import { startRun, type StarterParts } from './starter.js';
import { type ExecutionStore, type PageQuery } from './store.js';
import { type Watchers } from './watchers.js';
import { type RunnableWorkflow } from './workflow-cache.js';

/**
 * Job: what a caller can do with executions.
 *
 * Boundary: every method acts for one tenant and sees nothing else. It never writes a status itself: the insert says
 * QUEUED, everything after is the outcome writer's.
 *
 * Invariants
 * 1. Nothing is stored unless every check passed.
 * 2. An execution's row is committed before its run is asked of Temporal; a crash in between is the reconciler's.
 * 3. A start whose outcome nobody knows ends as FAILED and 502, and never leaves a run behind (docs/adr/0003).
 * 4. One idempotency key is one execution of the tenant, however many requests carry it, at once or later.
 * 5. A held row is not started here: `held.ts` lets it go.
 */
export interface ServiceParts extends StarterParts {
  store: ExecutionStore;
  lookup: ExecutionLookup;
  clock: () => Date;
  outcome: OutcomeWriter;
  watchers: Watchers;
  admission: Admission;
  held: HeldRuns;
  demand: DemandSet;
  starting: Map<string, Promise<unknown>>;
  requirements: RequirementCheck;
  workflowsEnabled: boolean;
}

/** With several servers on one database, another one's write is noticed by looking, this often. */
const LOOK_AGAIN_MS = 1_000;

export class ExecutionService {
  readonly #parts: ServiceParts;

  constructor(parts: ServiceParts) {
    this.#parts = parts;
  }

  /**
   * Starts a run. Throws NOT_FOUND, WORKFLOW_MUST_FORK, WORKFLOWS_DISABLED, WORKFLOW_NOT_EXECUTABLE,
   * REQUIREMENTS_MISSING, CONCURRENCY_LIMIT, DAILY_QUOTA_EXCEEDED, CONFLICT, and TEMPORAL_START_FAILED with the FAILED
   * execution as its `data`.
   */
  async run(
    caller: Caller,
    workflowId: string,
    request: RunRequest,
    idempotencyKey?: string,
  ): Promise<Execution> {
    const workflow = await this.#parts.lookup.workflow(caller, workflowId);
    this.#refuseUnlessRunnable(caller, workflow);
    await this.#parts.admission.refuseIfTooLarge(caller.tenantId, 'input', request.input ?? null);
    return this.#create(caller, workflow, planOf(request, idempotencyKey, this.#parts.clock()));
  }

  /** Starts a new run with the input of an ended one. Throws EXECUTION_NOT_RETRYABLE, and all that `run` throws. */
  async retry(caller: Caller, workflowId: string, id: string, idempotencyKey?: string): Promise<Execution> {
    const workflow = await this.#parts.lookup.workflow(caller, workflowId);
    const row = await this.#parts.lookup.row(caller, workflowId, id);
    if (!(RETRYABLE_STATUSES as readonly ExecutionStatus[]).includes(row.status)) {
      const how =
        row.status === 'COMPLETED' ? 'Run the workflow again instead.' : 'Cancel it first, or wait.';
      const states = 'only a FAILED, TIMED_OUT or CANCELLED one can be retried';
      throw new PegasusError('EXECUTION_NOT_RETRYABLE', `The execution is ${row.status}; ${states}. ${how}`);
    }
    this.#refuseUnlessRunnable(caller, workflow);
    return this.#create(caller, workflow, planOfRetry(row, idempotencyKey));
  }

  /** A page, newest first. Throws NOT_FOUND, and VALIDATION_ERROR for a cursor of elsewhere or an impossible time. */
  async list(caller: Caller, workflowId: string, page: PageQuery): Promise<Execution[]> {
    await this.#parts.lookup.workflow(caller, workflowId);
    await this.#parts.outcome.settledAll();
    return (await this.#parts.store.list(caller.tenantId, workflowId, page)).map(toExecution);
  }

  /** One execution; with `waitSeconds`, as soon as it is terminal, at the latest after that long. */
  async get(
    caller: Caller,
    workflowId: string,
    id: string,
    { waitSeconds = 0, signal }: { waitSeconds?: number; signal?: AbortSignal } = {},
  ): Promise<Execution> {
    const { wakeups, watchers, store } = this.#parts;
    const until = Date.now() + waitSeconds * 1_000;
    while (Date.now() < until && !signal?.aborted && !wakeups.closed) {
      // Waiting begins before the look, so that a change in between is not missed. The look does not press for a
      // RUNNING that is about to be written: only the end matters here, and the two are then written as one.
      const woken = new AbortController();
      const aborts = signal ? AbortSignal.any([signal, woken.signal]) : woken.signal;
      const wake = wakeups.next(id, Math.min(LOOK_AGAIN_MS, until - Date.now()), aborts);
      let release = (): void => {};
      try {
        const row = await store.get(caller.tenantId, workflowId, id);
        if (!row) break;
        if (isTerminal(row.status)) return toExecution(row);
        if (row.startedAt) release = watchers.await(watchable(row));
        const ended = await wake;
        if (ended) return toExecution(ended);
      } finally {
        woken.abort();
        release();
      }
    }
    const row = await this.#parts.lookup.row(caller, workflowId, id);
    return toExecution(row);
  }

  /** Asks for cancellation. Throws EXECUTION_NOT_CANCELLABLE when it is over, TEMPORAL_CANCEL_FAILED. */
  async cancel(caller: Caller, workflowId: string, id: string): Promise<Execution> {
    const { outcome, temporal, lookup, clock } = this.#parts;
    const row = await lookup.settledRow(caller, workflowId, id);
    if (isTerminal(row.status)) throw notCancellable(row.status);
    if (row.status === 'QUEUED') {
      // Nobody here is starting it. If another server does, the reconciler ends the run that appears.
      const end = { status: 'CANCELLED', errorMessage: null, at: clock(), onlyQueued: true } as const;
      await outcome.ended(id, end);
      const after = await lookup.row(caller, workflowId, id);
      return after.status === 'CANCELLED' ? toExecution(after) : this.cancel(caller, workflowId, id);
    }
    const asked = await temporal.cancel(row.temporalWorkflowId, `cancel-${id}`).catch((error: unknown) => {
      const sentence = 'Temporal did not take the cancellation; try again.';
      throw new PegasusError('TEMPORAL_CANCEL_FAILED', sentence, { cause: error });
    });
    this.#parts.watchers.watch(watchable(row));
    if (asked === 'requested') return toExecution(row);
    if (asked === 'unknown') {
      throw new PegasusError(
        'TEMPORAL_CANCEL_FAILED',
        'Temporal does not know the run of this execution; try again.',
      );
    }
    // Closed in Temporal, its row a moment behind.
    await this.#parts.wakeups.next(id, LOOK_AGAIN_MS);
    throw notCancellable((await lookup.row(caller, workflowId, id)).status);
  }

  async #create(caller: Caller, workflow: RunnableWorkflow, plan: RunPlan): Promise<Execution> {
    const { store, admission, requirements, starting, demand } = this.#parts;
    const { tenantId } = caller;
    const { idempotencyKey } = plan;
    let place: Place;
    try {
      await requirements.require(tenantId, workflow.id);
      place = await admission.admit(tenantId);
    } catch (error) {
      // A repeated request needs neither values nor a place. Any other is told apart by the insert, without a look-up of its own.
      const present = idempotencyKey && (await store.byIdempotencyKey(tenantId, idempotencyKey));
      if (present) return this.#replay(caller, present, workflow.id, plan);
      throw error;
    }
    const id = randomUUID();
    if (!plan.held) {
      demand.open(artifactInDemand(workflow, plan.dryRun));
    }
    let settle = (): void => {};
    starting.set(id, new Promise<void>((resolve) => (settle = resolve)));
    try {
      const wanted = {
        ...plan,
        id,
        tenantId,
        workflowId: workflow.id,
        temporalWorkflowId: temporalWorkflowId(tenantId, workflow.name, id),
        triggeredByUserId: caller.principalId,
      };
      const inserting = plan.debounceKey === null ? store.insert(wanted) : store.debounce(wanted);
      const { row, isNew } = await inserting.catch((error: unknown) => {
        place.giveBack();
        throw error;
      });
      if (!isNew) {
        place.giveBack();
        if (plan.debounceKey !== null) return toExecution(row);
        return await this.#replay(caller, row, workflow.id, plan);
      }
      place.keep();
      failpoint('run.after-insert');
      if (!plan.held) return await this.#start(caller, row, workflow);
    } finally {
      starting.delete(id);
      settle();
    }
    return this.#hold(caller, workflow.id, id, plan);
  }

  /** A held row waits for its time; one that only waits for a place of its key may have it at once. */
  async #hold(caller: Caller, workflowId: string, id: string, plan: RunPlan): Promise<Execution> {
    if (plan.startAfter === null) await this.#parts.held.release();
    return toExecution(await this.#parts.lookup.row(caller, workflowId, id));
  }

  /** Invariants 2 and 3. The answer does not wait for the row's RUNNING: whoever reads it here finds it written. */
  async #start(caller: Caller, row: ExecutionRow, workflow: RunnableWorkflow): Promise<Execution> {
    const { outcome, watchers, clock, logger } = this.#parts;
    const result = await startRun(this.#parts, {
      priority: row.priority,
      executionId: row.id,
      workflow,
      input: row.input,
      triggerSource: row.triggerSource,
      dryRun: row.dryRun,
    });
    failpoint('run.after-start');
    const now = clock();
    if (result.kind === 'started') {
      const running = {
        ...row,
        status: 'RUNNING' as const,
        temporalRunId: result.runId,
        startedAt: now,
        updatedAt: now,
      };
      outcome
        .started(row.id, { runId: result.runId, startedAt: now })
        .then(() => failpoint('run.after-update'))
        .catch((error: unknown) => logger.error({ error: errorForLog(error) }, 'after a run was started'));
      watchers.watch(watchable(running));
      return toExecution(running);
    }
    const written = await outcome.ended(row.id, {
      status: 'FAILED',
      errorMessage: result.message,
      at: now,
      onlyQueued: true,
    });
    if (written === 'failed') {
      throw new PegasusError(
        'INTERNAL_ERROR',
        'The run was not started, and its row could not say so; it is mended soon.',
      );
    }
    const after = await this.#parts.lookup.row(caller, row.workflowId, row.id);
    if (after.status !== 'FAILED') return toExecution(after);
    throw startFailed(after);
  }

  /** Invariant 4: the first request's answer, whatever has become of the execution. */
  async #replay(
    caller: Caller,
    present: ExecutionRow,
    workflowId: string,
    { input, dryRun }: RunPlan,
  ): Promise<Execution> {
    const isSame =
      present.workflowId === workflowId &&
      present.dryRun === dryRun &&
      isDeepStrictEqual(present.input, input);
    if (!isSame) {
      throw new PegasusError(
        'CONFLICT',
        'This Idempotency-Key was used for another workflow or another input; use a new key for a new run.',
      );
    }
    await this.#parts.starting.get(present.id);
    const row = await this.#parts.lookup.row(caller, workflowId, present.id);
    if (row.status === 'FAILED' && !row.startedAt) throw startFailed(row);
    return toExecution(row);
  }

  #refuseUnlessRunnable(caller: Caller, workflow: RunnableWorkflow): void {
    refuseUnlessRunnable(caller.tenantId, workflow, this.#parts.workflowsEnabled);
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

function notCancellable(status: ExecutionStatus): PegasusError {
  return new PegasusError(
    'EXECUTION_NOT_CANCELLABLE',
    `The execution is ${status}; only an open one can be cancelled.`,
  );
}

function startFailed(row: ExecutionRow): PegasusError {
  const sentence = row.errorMessage ?? 'Temporal did not start the run.';
  return new PegasusError('TEMPORAL_START_FAILED', sentence, { data: toExecution(row) });
}
