import {
  liveExecutionEvents,
  liveExecutionsEvents,
  type Execution,
  type ExecutionChange,
  type ExecutionStatus,
  type LiveHistory,
  type LiveLogs,
} from '@pegasus-workflows/contracts';
import { createParser, type EventSourceMessage } from 'eventsource-parser';
import type { z } from 'zod';
import { backoffMs, delay } from './backoff.js';
import { PegasusDecodeError, isPegasusApiError } from './errors.js';
import { isTransient, type Transport } from './transport.js';

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

/** Nothing at all for this long, not even a sign of life, means that the connection is dead. Milliseconds. */
const SILENCE_MS = 45_000;

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
    for await (const { id, event, data } of this.#events(path, options)) {
      if (event === 'ready' || event === 'restarted') yield { type: event, id };
      else if (event === 'execution')
        yield { type: event, id, execution: read(liveExecutionsEvents.execution, data, path) };
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
    for await (const { id, event, data } of this.#events(path, options)) {
      if (event === 'history') yield { type: event, id, ...read(liveExecutionEvents.history, data, path) };
      else if (event === 'log') yield { type: event, id, ...read(liveExecutionEvents.log, data, path) };
      else if (event === 'execution')
        yield { type: event, id, execution: read(liveExecutionEvents.execution, data, path) };
    }
  }

  /** Events with their data, over as many connections as it takes; ends when the server says that it was the last one. */
  async *#events(path: string, { signal, lastEventId }: LiveOptions): AsyncGenerator<ServerEvent, void> {
    let last = lastEventId;
    let hasConnected = false;
    for (let failures = 0; ;) {
      try {
        const headers = last === undefined ? {} : { 'Last-Event-ID': last };
        const connection = await this.#transport.stream(path, { signal, headers, silenceMs: SILENCE_MS });
        if (!connection) return;
        hasConnected = true;
        for await (const event of parsed(connection)) {
          failures = 0;
          // Before it is dealt with: whoever goes on is past it.
          last = event.id || last;
          yield event;
        }
      } catch (error) {
        signal?.throwIfAborted();
        const isOnce = !hasConnected && failures >= this.#transport.defaultRetry.maxRetries;
        if (isOnce || !isTransient(error)) throw error;
        const asked = isPegasusApiError(error) ? (error.retryAfterMs ?? 0) : 0;
        await delay(Math.max(asked, backoffMs(failures++)), signal);
        continue;
      }
      // The server is ending, or has ended this one for the key's sake: the next answer tells.
      await delay(backoffMs(failures++), signal);
    }
  }
}

interface ServerEvent {
  id: string;
  event: string;
  data: string;
}

async function* parsed(text: AsyncIterable<string>): AsyncGenerator<ServerEvent, void> {
  const messages: EventSourceMessage[] = [];
  const parser = createParser({ onEvent: (message) => void messages.push(message) });
  for await (const piece of text) {
    parser.feed(piece);
    for (const { id = '', event = 'message', data } of messages.splice(0)) yield { id, event, data };
  }
}

function read<T extends z.ZodType>(schema: T, data: string, path: string): z.output<T> {
  let json: unknown;
  try {
    json = JSON.parse(data);
  } catch {
    throw new PegasusDecodeError(`GET ${path}: the data of an event is not JSON.`, { field: 'data' });
  }
  const parsedData = schema.safeParse(json);
  if (parsedData.success) return parsedData.data;
  const issue = parsedData.error.issues[0]!;
  const field = issue.path.join('.');
  throw new PegasusDecodeError(`GET ${path}: ${field || 'an event'} is not as agreed: ${issue.message}.`, {
    field,
  });
}
