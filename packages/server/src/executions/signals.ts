import { createHash } from 'node:crypto';
import { isTerminal, PegasusError, type Execution, type ExecutionStatus } from '@pegasus-workflows/contracts';
import { oneLine } from '../infra/failure-text.js';
import { TemporalError, type RunMessage, type TemporalPort } from '../infra/temporal.js';
import { type Wakeups } from '../infra/wakeups.js';
import { throwIfValueRefused } from './refused-value.js';
import { type Caller, type ExecutionLookup } from './lookup.js';
import { toExecution, type ExecutionRow } from './row.js';

/**
 * Job: sends signals to open runs.
 *
 * Boundary: Temporal delivers; whether the run's code has a handler of that name is the run's business, now or later.
 *
 * Invariants
 * 1. One idempotency key of one execution is one signal. Temporal sees to it as long as the run is the same; what was
 *    sent from here is also remembered here, because a run that has ended or continued as new in the meantime has
 *    forgotten, and a repeat of a signal that ended its run is no conflict.
 * 2. A run that this process is starting is waited for.
 */
export interface SignalParts {
  lookup: ExecutionLookup;
  temporal: TemporalPort;
  wakeups: Wakeups<ExecutionRow>;
}

/** How many keys are remembered, the newest ones. */
const REMEMBERED_MAX = 10_000;
/** With several servers on one database, another one's write is noticed by looking, this often. */
const LOOK_AGAIN_MS = 1_000;

export class Signals {
  readonly #parts: SignalParts;
  /** Execution and key → digest of what was sent. */
  readonly #sent = new Map<string, string>();

  constructor(parts: SignalParts) {
    this.#parts = parts;
  }

  /**
   * Sends one signal; answers with the execution. Throws NOT_FOUND, EXECUTION_NOT_OPEN when it has ended or has not
   * started, CONFLICT when the key was used for another signal of this execution, TEMPORAL_SIGNAL_FAILED, STORAGE_QUOTA_EXCEEDED, PAYLOAD_TOO_LARGE.
   */
  async send(
    caller: Caller,
    workflowId: string,
    id: string,
    message: RunMessage,
    idempotencyKey: string,
  ): Promise<Execution> {
    const { lookup, temporal } = this.#parts;
    const row = await lookup.settledRow(caller, workflowId, id);
    const key = `${id} ${idempotencyKey}`;
    const digest = createHash('sha256').update(JSON.stringify(message)).digest('base64');
    const before = this.#sent.get(key);
    if (before === digest) return toExecution(row);
    if (before !== undefined) {
      throw new PegasusError(
        'CONFLICT',
        'This Idempotency-Key was used for another signal of this execution; use a new key for a new signal.',
      );
    }
    if (isTerminal(row.status) || !row.startedAt) throw notOpen(row.status);
    const outcome = await temporal
      .signal(row.temporalWorkflowId, { ...message, requestId: idempotencyKey })
      .catch((error: unknown) => {
        throwIfValueRefused(error);
        throw new PegasusError('TEMPORAL_SIGNAL_FAILED', failureOf(error), { cause: error });
      });
    if (outcome === 'sent') {
      this.#remember(key, digest);
      return toExecution(row);
    }
    if (outcome === 'unknown') {
      throw new PegasusError(
        'TEMPORAL_SIGNAL_FAILED',
        'Temporal does not know the run of this execution; try again.',
      );
    }
    // Closed in Temporal, its row a moment behind.
    await this.#parts.wakeups.next(id, LOOK_AGAIN_MS);
    throw notOpen((await lookup.row(caller, workflowId, id)).status);
  }

  #remember(key: string, digest: string): void {
    this.#sent.set(key, digest);
    if (this.#sent.size > REMEMBERED_MAX) this.#sent.delete(this.#sent.keys().next().value!);
  }
}

function notOpen(status: ExecutionStatus): PegasusError {
  const sentence =
    status === 'QUEUED'
      ? 'The execution is QUEUED; it takes signals once its run has started.'
      : isTerminal(status)
        ? `The execution is ${status}; only an open one takes signals.`
        : 'The run of this execution has just ended; only an open one takes signals.';
  return new PegasusError('EXECUTION_NOT_OPEN', sentence);
}

function failureOf(error: unknown): string {
  return error instanceof TemporalError && error.certainty === 'refused'
    ? `Temporal refused the signal: ${oneLine(error.message, 500)}`
    : 'Temporal did not take the signal; try again, with the same Idempotency-Key so that it counts once.';
}
