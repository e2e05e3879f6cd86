import {
  LIMITS,
  dataOf,
  isTerminal,
  listOf,
  type ControlRequest,
  type Execution,
  type ExecutionStatus,
  type Handlers,
  type History,
  type HistoryExport,
  type Log,
  type LogLevel,
  type RecordedMutation,
  type PauseAnswer,
  type ResetAnswer,
  type ResetRequest,
  type UpdateAnswer,
} from '@pegasus-workflows/contracts';
import { backoffMs, delay } from './backoff.js';
import { PegasusDecodeError, PegasusTimeoutError } from './errors.js';
import { newIdempotencyKey } from './idempotency-key.js';
import type { CallOptions } from './options.js';
import {
  readExecution,
  readHandlers,
  readHistory,
  readHistoryExport,
  readLog,
  readMutation,
  readPauseAnswer,
  readQueryAnswer,
  readResetAnswer,
  readUpdateAnswer,
} from './schemas.js';
import type { ApiCall, Transport } from './transport.js';

export interface RetryExecutionOptions extends CallOptions {
  /** Two calls with the same key start one run. Default: a fresh key per call. */
  idempotencyKey?: string | undefined;
}

/** Which executions a list holds; all that are left out do not narrow it. */
export interface ExecutionFilters {
  /** One status, or any of several. */
  status?: ExecutionStatus | readonly ExecutionStatus[] | undefined;
  /** Created at or after this instant: a Date, or text in ISO 8601 UTC such as `2026-01-31T08:00:00Z`. */
  since?: Date | string | undefined;
  /** Created before this instant. */
  until?: Date | string | undefined;
}

export interface ListExecutionsQuery extends ExecutionFilters {
  /** 1 to 200; default 50. */
  limit?: number | undefined;
  /** The id of the last row of the previous page. */
  before?: string | undefined;
}

/** Which entries of a log; all that are left out do not narrow it. */
export interface LogFilters {
  /** This level and those above it. */
  level?: LogLevel | undefined;
  /** Only of this step: an activity type, or an activity id. */
  step?: string | undefined;
  /** Said at or after this instant: a Date, or text in ISO 8601 UTC. */
  since?: Date | string | undefined;
}

export interface LogsQuery extends LogFilters {
  /** 1 to 1000; default 200. */
  limit?: number | undefined;
  /** The id of the last entry of the previous page. */
  after?: string | undefined;
}

export interface SignalOptions extends CallOptions {
  /** Two signals of one execution with the same key count once. Default: a fresh key per call. */
  idempotencyKey?: string | undefined;
}

export interface UpdateOptions extends CallOptions {
  /** The update's id: two calls of one execution with the same key are one update. Default: a fresh key per call. */
  idempotencyKey?: string | undefined;
  /** How long to wait for the result once the run has accepted it, 0 to 55; default 25. */
  waitSeconds?: number | undefined;
}

export interface ControlOptions extends CallOptions {
  /** Shown in the run's history. */
  reason?: string | undefined;
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
/** Answering may begin with the start of a worker, and a whole history may be large. Milliseconds. */
const SLOW_ANSWER_MS = 90_000;

/** Runs of workflows: read, await, signal, query, cancel, retry. */
export class ExecutionsApi {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** One page, newest first. */
  async list(
    workflowId: string,
    query: ListExecutionsQuery = {},
    options: CallOptions = {},
  ): Promise<Execution[]> {
    const search = searchOf(query);
    const path = `${executionsPath(workflowId)}${search.size > 0 ? `?${search}` : ''}`;
    const call = { method: 'GET', path, repeatable: true } as const;
    return (await this.#transport.json(call, listOf(readExecution), options)).data;
  }

  /** Every execution, or every one that the filters let through, newest first, fetched page by page as the loop asks for more. */
  async *pages(
    workflowId: string,
    {
      pageSize = LIMITS.executionsPageMax,
      status,
      since,
      until,
      ...options
    }: CallOptions & ExecutionFilters & { pageSize?: number } = {},
  ): AsyncGenerator<Execution, void, undefined> {
    let before: string | undefined;
    for (;;) {
      const rows = await this.list(workflowId, { limit: pageSize, before, status, since, until }, options);
      const last = rows.at(-1);
      // A server that ignores `before` would be read for ever.
      if (last && last.id === before)
        throw new PegasusDecodeError('The list of executions does not go on: the server ignores `before`.', {
          field: 'data',
        });
      yield* rows;
      // A page may end early where its rows are large: only an empty one is the end.
      if (!last) return;
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

  /**
   * What happened in a run, oldest first; no events if it never started. Of an open run, `pendingActivities` tells what
   * it waits for: Temporal writes an activity's attempts into the history only when it has ended.
   */
  async history(workflowId: string, executionId: string, options: CallOptions = {}): Promise<History> {
    const path = `${executionPath(workflowId, executionId)}/history`;
    return (
      await this.#transport.json({ method: 'GET', path, repeatable: true }, dataOf(readHistory), options)
    ).data;
  }

  /**
   * One page of what the code of an execution has logged, oldest first, child runs included. An entry of the source
   * `platform` tells how many were left out where it stands.
   */
  async logs(
    workflowId: string,
    executionId: string,
    query: LogsQuery = {},
    options: CallOptions = {},
  ): Promise<Log[]> {
    const path = `${executionPath(workflowId, executionId)}/logs${logSearch(query)}`;
    return (await this.#transport.json(read(path), listOf(readLog), options)).data;
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

  /**
   * Sends a signal to an open run; the run's worker receives it in its own time. Resolves with the execution.
   *
   * @param args what the handler is called with, at most 20 JSON values
   * @throws PegasusApiError EXECUTION_NOT_OPEN when it has ended
   */
  async signal(
    workflowId: string,
    executionId: string,
    name: string,
    args: readonly unknown[] = [],
    options: SignalOptions = {},
  ): Promise<Execution> {
    const path = `${executionPath(workflowId, executionId)}/signal`;
    const idempotencyKey = options.idempotencyKey ?? newIdempotencyKey();
    const call = { method: 'POST', path, body: { name, args }, repeatable: true, idempotencyKey } as const;
    return (await this.#transport.json(call, dataOf(readExecution), options)).data;
  }

  /**
   * Asks a run, open or ended, and resolves with what its handler returns. Changes nothing. A worker is started for it
   * where none runs, so the answer may take a while.
   *
   * @param name a query of the workflow, or `__stack_trace`: the places in the code where the run waits now
   * @throws PegasusApiError QUERY_REJECTED with the reason when there is no such query or its handler threw;
   *   EXECUTION_NOT_OPEN when the run never started
   */
  async query(
    workflowId: string,
    executionId: string,
    name: string,
    args: readonly unknown[] = [],
    options: CallOptions = {},
  ): Promise<unknown> {
    const path = `${executionPath(workflowId, executionId)}/query`;
    const call = { method: 'POST', path, body: { name, args }, repeatable: true } as const;
    return (await this.#transport.json(call, dataOf(readQueryAnswer), slow(options))).data.result;
  }

  /**
   * Calls an update handler of an open run. Resolves with what it returns, or with `completed: false` when the run has
   * accepted it and is not done within `waitSeconds`: {@link ExecutionsApi.updateOutcome} tells the rest.
   *
   * @throws PegasusApiError UPDATE_REJECTED with the reason when the run refused it or its handler failed;
   *   EXECUTION_NOT_OPEN when it has ended
   */
  async update(
    workflowId: string,
    executionId: string,
    name: string,
    args: readonly unknown[] = [],
    { waitSeconds, ...options }: UpdateOptions = {},
  ): Promise<UpdateAnswer> {
    const path = `${executionPath(workflowId, executionId)}/update`;
    const idempotencyKey = options.idempotencyKey ?? newIdempotencyKey();
    const body = { name, args, ...(waitSeconds === undefined ? {} : { waitSeconds }) };
    const call = { method: 'POST', path, body, repeatable: true, idempotencyKey } as const;
    return (await this.#transport.json(call, dataOf(readUpdateAnswer), slow(options))).data;
  }

  /**
   * What became of an update, at the latest after `waitSeconds` (none unless said).
   *
   * @throws PegasusApiError NOT_FOUND when the run has none of that id, UPDATE_REJECTED as {@link ExecutionsApi.update}
   */
  async updateOutcome(
    workflowId: string,
    executionId: string,
    updateId: string,
    { waitSeconds = 0, ...options }: CallOptions & { waitSeconds?: number | undefined } = {},
  ): Promise<UpdateAnswer> {
    const path = `${executionPath(workflowId, executionId)}/updates/${encodeURIComponent(updateId)}`;
    const call = read(`${path}?waitSeconds=${waitSeconds}`);
    return (await this.#transport.json(call, dataOf(readUpdateAnswer), slow(options))).data;
  }

  /**
   * Ends an open execution at once as FAILED: its code is not asked and cleans nothing up. Not repeated by itself, as
   * {@link ExecutionsApi.cancel}.
   *
   * @throws PegasusApiError EXECUTION_NOT_OPEN when it has ended
   */
  async terminate(
    workflowId: string,
    executionId: string,
    { reason, ...options }: ControlOptions = {},
  ): Promise<Execution> {
    const call = control(workflowId, executionId, 'terminate', { reason });
    return (await this.#transport.json(call, dataOf(readExecution), options)).data;
  }

  /**
   * Lets an open run go on from an earlier point, as the same execution, forgetting what came after.
   *
   * @throws PegasusApiError EXECUTION_NOT_RESETTABLE when it has ended or there is no such point
   */
  async reset(
    workflowId: string,
    executionId: string,
    request: ResetRequest,
    options: CallOptions & { idempotencyKey?: string | undefined } = {},
  ): Promise<ResetAnswer> {
    const path = `${executionPath(workflowId, executionId)}/reset`;
    const idempotencyKey = options.idempotencyKey ?? newIdempotencyKey();
    const call = { method: 'POST', path, body: request, repeatable: true, idempotencyKey } as const;
    return (await this.#transport.json(call, dataOf(readResetAnswer), options)).data;
  }

  /**
   * Holds an open run as a whole where the cluster can, else the activities that are pending now.
   *
   * @throws PegasusApiError EXECUTION_NOT_PAUSABLE when it is not open or nothing of it can be paused
   */
  async pause(
    workflowId: string,
    executionId: string,
    { reason, ...options }: ControlOptions = {},
  ): Promise<PauseAnswer> {
    const call = control(workflowId, executionId, 'pause', { reason });
    return (await this.#transport.json(call, dataOf(readPauseAnswer), options)).data;
  }

  /** Lets go on what {@link ExecutionsApi.pause} holds. */
  async unpause(
    workflowId: string,
    executionId: string,
    { reason, ...options }: ControlOptions = {},
  ): Promise<PauseAnswer> {
    const call = control(workflowId, executionId, 'unpause', { reason });
    return (await this.#transport.json(call, dataOf(readPauseAnswer), options)).data;
  }

  /** The signals, queries and updates that a run answers to at present, as its own code declares them. */
  async handlers(workflowId: string, executionId: string, options: CallOptions = {}): Promise<Handlers> {
    const call = read(`${executionPath(workflowId, executionId)}/handlers`);
    return (await this.#transport.json(call, dataOf(readHandlers), slow(options))).data;
  }

  /**
   * The whole history of the newest run as Temporal's own JSON, for `Worker.runReplayHistory` and for keeping.
   *
   * @throws PegasusApiError EXECUTION_NOT_OPEN when it never started, NOT_FOUND when Temporal no longer keeps it,
   *   PAYLOAD_TOO_LARGE when it is larger than an export may be
   */
  async exportHistory(
    workflowId: string,
    executionId: string,
    options: CallOptions = {},
  ): Promise<HistoryExport> {
    const call = read(`${executionPath(workflowId, executionId)}/history/export`);
    return (await this.#transport.json(call, dataOf(readHistoryExport), slow(options))).data;
  }

  /**
   * What a dry run would have changed so far, in the order of its calls; empty for any other run.
   * @throws PegasusApiError NOT_FOUND
   */
  async mutations(
    workflowId: string,
    executionId: string,
    options: CallOptions = {},
  ): Promise<RecordedMutation[]> {
    const call = read(`${executionPath(workflowId, executionId)}/mutations`);
    return (await this.#transport.json(call, listOf(readMutation), options)).data;
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
function control(
  workflowId: string,
  executionId: string,
  what: 'terminate' | 'pause' | 'unpause',
  { reason }: ControlRequest,
): ApiCall {
  const path = `${executionPath(workflowId, executionId)}/${what}`;
  return { method: 'POST', path, body: reason === undefined ? {} : { reason }, repeatable: false };
}
function read(path: string): ApiCall {
  return { method: 'GET', path, repeatable: true };
}
function slow(options: CallOptions): CallOptions {
  return { timeoutMs: SLOW_ANSWER_MS, ...options };
}

/** The query of a page of logs, with its `?`; empty when there is nothing in it. */
export function logSearch({ limit, after, level, step, since }: LogsQuery): string {
  const search = new URLSearchParams();
  if (limit !== undefined) search.set('limit', String(limit));
  if (after !== undefined) search.set('after', after);
  if (level !== undefined) search.set('level', level);
  if (step !== undefined) search.set('step', step);
  if (since !== undefined) search.set('since', typeof since === 'string' ? since : since.toISOString());
  return search.size > 0 ? `?${search}` : '';
}

function searchOf({ limit, before, status, since, until }: ListExecutionsQuery): URLSearchParams {
  const search = new URLSearchParams();
  if (limit !== undefined) search.set('limit', String(limit));
  if (before !== undefined) search.set('before', before);
  // An empty list lets nothing through, which the server says in its own words.
  if (status !== undefined) search.set('status', typeof status === 'string' ? status : status.join(','));
  for (const [name, at] of Object.entries({ since, until }))
    if (at !== undefined) search.set(name, typeof at === 'string' ? at : at.toISOString());
  return search;
}
