import { PegasusError, type RunRequest } from '@pegasus-workflows/contracts';
import { type ExecutionRow } from './row.js';

/** How a run is to be started: what its row says beyond what every row says. */
export type RunPlan = Pick<
  ExecutionRow,
  | 'input'
  | 'dryRun'
  | 'idempotencyKey'
  | 'priority'
  | 'held'
  | 'startAfter'
  | 'concurrencyKey'
  | 'concurrencyLimit'
  | 'debounceKey'
>;

/** One run of a concurrency key at a time, unless the request says more. */
const DEFAULT_CONCURRENCY_LIMIT = 1;

/**
 * What a request asks for. A debounced run has no idempotency key: repeating its request is what debouncing is about.
 * Throws VALIDATION_ERROR when the header and the body name different keys.
 */
export function planOf(request: RunRequest, idempotencyHeader: string | undefined, now: Date): RunPlan {
  const { debounce, concurrencyKey = null } = request;
  const startAfter = debounce ? secondsAfter(now, debounce.seconds) : instantOf(request.delay, now);
  return {
    input: request.input ?? null,
    dryRun: request.mode === 'dry_run',
    idempotencyKey: debounce ? null : (keyOf(request.idempotencyKey, idempotencyHeader) ?? null),
    priority: request.priority ?? null,
    held: startAfter !== null || concurrencyKey !== null,
    startAfter,
    concurrencyKey,
    concurrencyLimit:
      concurrencyKey === null ? null : (request.concurrencyLimit ?? DEFAULT_CONCURRENCY_LIMIT),
    debounceKey: debounce?.key ?? null,
  };
}

/** A retry starts at once, in the same queue and at the same urgency. */
export function planOfRetry(row: ExecutionRow, idempotencyKey: string | undefined): RunPlan {
  return {
    input: row.input,
    dryRun: row.dryRun,
    idempotencyKey: idempotencyKey ?? null,
    priority: row.priority,
    held: row.concurrencyKey !== null,
    startAfter: null,
    concurrencyKey: row.concurrencyKey,
    concurrencyLimit: row.concurrencyLimit,
    debounceKey: null,
  };
}

function keyOf(body: string | undefined, header: string | undefined): string | undefined {
  if (body !== undefined && header !== undefined && body !== header) {
    throw new PegasusError(
      'VALIDATION_ERROR',
      'idempotencyKey: differs from the Idempotency-Key header; send one of them.',
    );
  }
  return body ?? header;
}

function instantOf(delay: RunRequest['delay'], now: Date): Date | null {
  if (delay === undefined) return null;
  const at = typeof delay === 'number' ? secondsAfter(now, delay) : new Date(delay);
  return at > now ? at : null;
}

function secondsAfter(now: Date, seconds: number): Date {
  return new Date(now.getTime() + seconds * 1_000);
}
