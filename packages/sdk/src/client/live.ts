import {
  liveExecutionEvents,
  liveExecutionsEvents,
  type Execution,
  type ExecutionChange,
  type ExecutionStatus,
  type LiveHistory,
  type LiveLogs,
} from '@pegasus-workflows/contracts';
import { readEvent, serverEvents } from './server-events.js';
import type { Transport } from './transport.js';

export interface LiveOptions {
  /** Ends the loop: it throws the signal's reason. */
  signal?: AbortSignal | undefined;
  /** The `id` of the last event that was dealt with: goes on from there, missing none. Default: from now. */
  lastEventId?: string | undefined;
}

export interface LiveExecutionOptions extends LiveOptions {
  /** Tells what the code logs too; the stream ends about a second after the execution then. */
  logs?: boolean | undefined;
}

export interface LiveExecutionsOptions extends LiveOptions {
  /** Executions of this workflow version alone. */
  workflowId?: string | undefined;
  /** Changes into this status, or into any of several. */
  status?: ExecutionStatus | readonly ExecutionStatus[] | undefined;
}

/** `id` is what `lastEventId` takes. */
export type LiveExecutionsEvent =
  | { type: 'execution'; id: string; execution: ExecutionChange }
  /** All that was committed before this has been told, and all that is committed from now on will be. */
  | { type: 'ready'; id: string }
  /** The place to go on from is not known any more: read the list anew. The events go on from now. */
  | { type: 'restarted'; id: string };

export type LiveExecutionEvent =
  | { type: 'execution'; id: string; execution: Execution }
  /** Events of the timeline, each once; those of a further run, after a reset or continue-as-new, begin at 1 again. */
  | ({ type: 'history'; id: string } & LiveHistory)
  /** With `logs`: entries of its log, each once. */
  | ({ type: 'log'; id: string } & LiveLogs);

/**
 * What happens, as it happens. A loop that has begun connects again by itself, for as long as it takes, and misses
 * nothing: it ends with the server's refusal (a revoked key, an execution that does not exist), never with a lost
 * connection. One that cannot begin fails as any call does.
 */
export class LiveApi {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /**
   * Executions of the tenant as they change, for ever: leave the loop, or abort the signal. One that changes several times
   * in a short while is told once, as it is last.
   *
   * @throws PegasusApiError as soon as the server refuses; NOT_FOUND when it has no live streams
   */
  async *executions(
    options: LiveExecutionsOptions = {},
  ): AsyncGenerator<LiveExecutionsEvent, void, undefined> {
    const { workflowId, status } = options;
    const search = new URLSearchParams();
    if (workflowId !== undefined) search.set('workflowId', workflowId);
    if (status !== undefined) search.set('status', typeof status === 'string' ? status : status.join(','));
    const path = `/api/v1/executions/stream${search.size > 0 ? `?${search}` : ''}`;
    for await (const { id, event, data } of serverEvents(this.#transport, path, options)) {
      if (event === 'ready' || event === 'restarted') yield { type: event, id };
      else if (event === 'execution')
        yield { type: event, id, execution: readEvent(liveExecutionsEvents.execution, data, path) };
    }
  }

  /**
   * One execution and its timeline as they happen; ends after the execution with its final status.
   *
   * @throws PegasusApiError as soon as the server refuses; NOT_FOUND when there is no such execution, or it has no live streams
   */
  async *execution(
    workflowId: string,
    executionId: string,
    options: LiveExecutionOptions = {},
  ): AsyncGenerator<LiveExecutionEvent, void, undefined> {
    const path = `/api/v1/workflows/${encodeURIComponent(workflowId)}/executions/${encodeURIComponent(executionId)}/stream${options.logs ? '?logs=true' : ''}`;
    for await (const { id, event, data } of serverEvents(this.#transport, path, options)) {
      if (event === 'history')
        yield { type: event, id, ...readEvent(liveExecutionEvents.history, data, path) };
      else if (event === 'log') yield { type: event, id, ...readEvent(liveExecutionEvents.log, data, path) };
      else if (event === 'execution')
        yield { type: event, id, execution: readEvent(liveExecutionEvents.execution, data, path) };
    }
  }
}
