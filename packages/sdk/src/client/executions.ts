import {
  LIMITS,
  dataOf,
  isTerminal,
  listOf,
  type Execution,
  type ExecutionsQuery,
  type History,
} from '@pegasus-workflows/contracts';
import { backoffMs, delay } from './backoff.js';
import { PegasusDecodeError, PegasusTimeoutError } from './errors.js';
import { newIdempotencyKey } from './idempotency-key.js';
import type { CallOptions } from './options.js';
import { readExecution, readHistory } from './schemas.js';
import type { Transport } from './transport.js';

export interface RetryExecutionOptions extends CallOptions {
  /** Two calls with the same key start one run. Default: a fresh key per call. */
  idempotencyKey?: string | undefined;
}

export interface WaitOptions {
  signal?: AbortSignal | undefined;
  /** Give up after this long, in milliseconds; default: never. */
  timeoutMs?: number | undefined;
  /** Called with the first answer and whenever the status has changed since. */
  onStatus?: ((execution: Execution) => void) | undefined;
}

/** Seconds one long poll is held: below the 30 s after which proxies like to cut an idle request. */
const HOLD_SECONDS = Math.min(25, LIMITS.waitSeconds);
/** A server that is restarting is waited for this long, in milliseconds. */
const WAIT_RETRY = { maxRetries: 1_000, budgetMs: 120_000 };

/** Runs of workflows: read, await, cancel, retry. */
export class ExecutionsApi {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** One page, newest first; `limit` 1..200 (default 50), `before` = the id of the last row of the previous page. */
  async list(
    workflowId: string,
    query: ExecutionsQuery = {},
    options: CallOptions = {},
  ): Promise<Execution[]> {
    const search = new URLSearchParams();
    if (query.limit !== undefined) search.set('limit', String(query.limit));
    if (query.before !== undefined) search.set('before', query.before);
    const path = `${executionsPath(workflowId)}${search.size > 0 ? `?${search}` : ''}`;
    const call = { method: 'GET', path, repeatable: true } as const;
    return (await this.#transport.json(call, listOf(readExecution), options)).data;
  }

  /** Every execution, newest first, fetched page by page as the loop asks for more. */
  async *pages(
    workflowId: string,
    { pageSize = LIMITS.executionsPageMax, ...options }: CallOptions & { pageSize?: number } = {},
  ): AsyncGenerator<Execution, void, undefined> {
    let before: string | undefined;
    for (;;) {
      const rows = await this.list(workflowId, { limit: pageSize, before }, options);
      const last = rows.at(-1);
      // A server that ignores `before` would be read for ever.
      if (last && last.id === before)
        throw new PegasusDecodeError('The list of executions does not go on: the server ignores `before`.', {
          field: 'data',
        });
      yield* rows;
      if (!last || rows.length < pageSize) return;
      before = last.id;
    }
  }

  async get(workflowId: string, executionId: string, options: CallOptions = {}): Promise<Execution> {
    const call = { method: 'GET', path: executionPath(workflowId, executionId), repeatable: true } as const;
    return (await this.#transport.json(call, dataOf(readExecution), options)).data;
  }

  /**
   * Resolves with the execution once its status is terminal, whatever that status is.
   *
   * Holds a long poll (`?waitSeconds=`). A server that does not know it answers at once; then this polls, ever more
   * slowly up to every two seconds. A server that restarts meanwhile is waited for.
   *
   * @throws PegasusTimeoutError after `timeoutMs`; the run itself goes on
   */
  async wait(workflowId: string, executionId: string, options: WaitOptions = {}): Promise<Execution> {
    const { signal, timeoutMs, onStatus } = options;
    const deadline = timeoutMs === undefined ? Infinity : Date.now() + timeoutMs;
    let seen: Execution | undefined;
    for (let quickAnswers = 0; ;) {
      const asked = Date.now();
      const holdSeconds = Math.min(HOLD_SECONDS, Math.max(0, Math.ceil((deadline - asked) / 1000)));
      const execution = await this.#poll(workflowId, executionId, holdSeconds, signal);
      if (execution.status !== seen?.status) onStatus?.(execution);
      seen = execution;
      if (isTerminal(execution.status)) return execution;
      const now = Date.now();
      if (now >= deadline)
        throw new PegasusTimeoutError(
          `Execution ${executionId} is still ${execution.status} after ${timeoutMs} ms.`,
          { timeoutMs: timeoutMs!, hint: 'It goes on running: wait again, or cancel it.' },
        );
      if (now - asked >= holdSeconds * 900) continue;
      const pause = Math.min(2_000, backoffMs(quickAnswers++));
      await delay(Math.min(pause, deadline - now), signal);
    }
  }

  /** What happened in a run, oldest first; no events if it never started. */
  async history(workflowId: string, executionId: string, options: CallOptions = {}): Promise<History> {
    const path = `${executionPath(workflowId, executionId)}/history`;
    return (
      await this.#transport.json({ method: 'GET', path, repeatable: true }, dataOf(readHistory), options)
    ).data;
  }

  /**
   * Asks a queued or running execution to stop; its workflow may clean up first, so await the CANCELLED status.
   * Not repeated by itself: a repeat could meet the effect of the first and report it as a conflict.
   */
  async cancel(workflowId: string, executionId: string, options: CallOptions = {}): Promise<Execution> {
    const path = `${executionPath(workflowId, executionId)}/cancel`;
    const call = { method: 'POST', path, repeatable: false } as const;
    return (await this.#transport.json(call, dataOf(readExecution), options)).data;
  }

  /** Starts a new run with the same input, after FAILED, TIMED_OUT or CANCELLED; resolves with the new execution. */
  async retry(
    workflowId: string,
    executionId: string,
    options: RetryExecutionOptions = {},
  ): Promise<Execution> {
    const path = `${executionPath(workflowId, executionId)}/retry`;
    const idempotencyKey = options.idempotencyKey ?? newIdempotencyKey();
    const call = { method: 'POST', path, repeatable: true, idempotencyKey } as const;
    return (await this.#transport.json(call, dataOf(readExecution), options)).data;
  }

  async #poll(
    workflowId: string,
    executionId: string,
    holdSeconds: number,
    signal: AbortSignal | undefined,
  ): Promise<Execution> {
    const path = `${executionPath(workflowId, executionId)}?waitSeconds=${holdSeconds}`;
    const call = { method: 'GET', path, repeatable: true, retry: WAIT_RETRY } as const;
    const options = { signal, timeoutMs: (holdSeconds + 10) * 1000 };
    return (await this.#transport.json(call, dataOf(readExecution), options)).data;
  }
}

function executionsPath(workflowId: string): string {
  return `/api/v1/workflows/${encodeURIComponent(workflowId)}/executions`;
}
function executionPath(workflowId: string, executionId: string): string {
  return `${executionsPath(workflowId)}/${encodeURIComponent(executionId)}`;
}
