import {
  isTerminal,
  PegasusError,
  type ExecutionStatus,
  type UpdateAnswer,
} from '@pegasus-workflows/contracts';
import { oneLine } from '../infra/failure-text.js';
import { type UpdateMessage, type UpdateOutcome } from '../infra/temporal-controls.js';
import { TEMPORAL_DEADLINES, type TemporalPort } from '../infra/temporal.js';
import { type Wakeups } from '../infra/wakeups.js';
import { type DemandSet } from '../internal/demand.js';
import { throwIfValueRefused } from './refused-value.js';
import { type Caller, type ExecutionLookup } from './lookup.js';
import { type Queries } from './queries.js';
import { type ExecutionRow } from './row.js';
import { WorkerCalls } from './worker-calls.js';

/**
 * Job: calls update handlers of open runs, and tells what became of a call.
 *
 * Boundary: an update is validated and answered by the author's code in the tenant's worker; Temporal keeps it.
 *
 * Invariants
 * 1. One idempotency key of one run is one update, at once or later, also when it has ended its run. A run that has
 *    continued as new or was reset has forgotten.
 * 2. That an update is under way is said only once it is in the run's history: then it survives every crash.
 * 3. A worker is in demand while an update waits for one, and a tenant has at most {@link UPDATES_AT_ONCE} waiting.
 */
export interface UpdateParts {
  lookup: ExecutionLookup;
  temporal: TemporalPort;
  demand: DemandSet;
  wakeups: Wakeups<ExecutionRow>;
  /** Knows the handlers of a run. */
  queries: Queries;
}

export const UPDATES_AT_ONCE = 20;
const WAIT_SECONDS = 25;
/** With several servers on one database, another one's write is noticed by looking, this often. */
const LOOK_AGAIN_MS = 1_000;

export interface UpdateWait {
  waitSeconds?: number | undefined;
  signal?: AbortSignal | undefined;
}

export class Updates {
  readonly #parts: UpdateParts;
  readonly #workers: WorkerCalls;

  constructor(parts: UpdateParts) {
    this.#parts = parts;
    this.#workers = new WorkerCalls(parts, { plural: 'updates', limit: UPDATES_AT_ONCE });
  }

  /**
   * One update, waited for. Throws NOT_FOUND, EXECUTION_NOT_OPEN, UPDATE_REJECTED with the run's reason,
   * CONCURRENCY_LIMIT, and TEMPORAL_UPDATE_FAILED when no worker accepted it in time or Temporal cannot be reached.
   */
  async update(
    caller: Caller,
    workflowId: string,
    id: string,
    message: UpdateMessage,
    { waitSeconds = WAIT_SECONDS, signal }: UpdateWait = {},
  ): Promise<UpdateAnswer> {
    const row = await this.#row(caller, workflowId, id);
    const limits = { acceptMs: TEMPORAL_DEADLINES.query, waitMs: waitSeconds * 1_000, signal };
    const outcome = await this.#workers.hold(caller, workflowId, row, () =>
      this.#parts.temporal.controls.update(row.temporalWorkflowId, message, limits).catch(failed),
    );
    if (outcome.kind === 'failed' && !isTerminal(row.status))
      await this.#refuseUnknownName(caller, row, message.name, signal);
    return this.#answer(caller, row, message.updateId, outcome);
  }

  /** What became of an update. Throws NOT_FOUND, EXECUTION_NOT_OPEN, UPDATE_REJECTED, TEMPORAL_UPDATE_FAILED. */
  async poll(
    caller: Caller,
    workflowId: string,
    id: string,
    updateId: string,
    { waitSeconds = 0, signal }: UpdateWait = {},
  ): Promise<UpdateAnswer> {
    const row = await this.#row(caller, workflowId, id);
    const limits = { waitMs: waitSeconds * 1_000, signal };
    const outcome = await this.#workers.hold(caller, workflowId, row, () =>
      this.#parts.temporal.controls.pollUpdate(row.temporalWorkflowId, updateId, limits).catch(failed),
    );
    if (outcome.kind === 'unknown')
      throw new PegasusError('NOT_FOUND', 'The run of this execution has no update of this id.');
    return this.#answer(caller, row, updateId, outcome);
  }

  /** An ended run may still know the outcome of an update, so only one that never started is refused here. */
  async #row(caller: Caller, workflowId: string, id: string): Promise<ExecutionRow> {
    const row = await this.#parts.lookup.settledRow(caller, workflowId, id);
    if (!row.startedAt) throw notOpen(row.status);
    return row;
  }

  async #answer(
    caller: Caller,
    row: ExecutionRow,
    updateId: string,
    outcome: UpdateOutcome,
  ): Promise<UpdateAnswer> {
    if (outcome.kind === 'completed') return { updateId, completed: true, result: outcome.result };
    if (outcome.kind === 'accepted') return { updateId, completed: false };
    if (outcome.kind === 'failed') {
      const reason = oneLine(outcome.reason, 1_000).replace(/[.\s]+$/, '');
      throw new PegasusError('UPDATE_REJECTED', `The run did not carry the update out: ${reason}.`);
    }
    if (isTerminal(row.status)) throw notOpen(row.status);
    if (outcome.kind === 'unknown') {
      const sentence = 'Temporal does not know the run of this execution; try again.';
      throw new PegasusError('TEMPORAL_UPDATE_FAILED', sentence);
    }
    // Closed in Temporal, its row a moment behind.
    await this.#parts.wakeups.next(row.id, LOOK_AGAIN_MS);
    throw notOpen((await this.#parts.lookup.row(caller, row.workflowId, row.id)).status);
  }

  /** The reason for an unknown name differs from SDK to SDK; what the run does take is told in one way. */
  async #refuseUnknownName(
    caller: Caller,
    row: ExecutionRow,
    name: string,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const handlers = this.#parts.queries.handlers(caller, row.workflowId, row.id, signal);
    const known = (await handlers.catch(() => undefined))?.updates.map((update) => update.name);
    if (!known || known.includes(name)) return;
    const takes = known.length > 0 ? `it takes ${known.join(', ')}` : 'it takes none';
    throw new PegasusError(
      'UPDATE_REJECTED',
      oneLine(`This run has no update ${JSON.stringify(name)}; ${takes}.`),
    );
  }
}

function notOpen(status: ExecutionStatus): PegasusError {
  const sentence =
    status === 'QUEUED'
      ? 'The execution is QUEUED; it takes updates once its run has started.'
      : isTerminal(status)
        ? `The execution is ${status}; only an open one takes updates.`
        : 'The run of this execution has just ended; only an open one takes updates.';
  return new PegasusError('EXECUTION_NOT_OPEN', sentence);
}

function failed(error: unknown): never {
  throwIfValueRefused(error);
  const reason = oneLine(error instanceof Error ? error.message : String(error), 500);
  throw new PegasusError(
    'TEMPORAL_UPDATE_FAILED',
    `Temporal did not carry the update out: ${reason}. Try again, with the same Idempotency-Key so that it counts once.`,
    { cause: error },
  );
}
