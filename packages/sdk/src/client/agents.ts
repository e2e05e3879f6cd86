import {
  agentWorkspaceSchema,
  dataOf,
  dispatchEventSchema,
  dispatchSummarySchema,
  listOf,
  liveDispatchEvents,
  type AgentWorkspace,
  type Dispatch,
  type DispatchAnswer,
  type DispatchEvent,
  type DispatchRequest,
  type DispatchState,
  type DispatchSummary,
} from '@pegasus-workflows/contracts';
import type { AgentRole } from '@pegasus-workflows/contracts/agents';
import { PegasusTimeoutError } from './errors.js';
import { newIdempotencyKey } from './idempotency-key.js';
import type { CallOptions } from './options.js';
import { readDispatch } from './schemas.js';
import { readEvent, serverEvents } from './server-events.js';
import type { ApiCall, Transport } from './transport.js';

const DISPATCHES = '/api/v1/agents/dispatches';

export interface DispatchOptions extends CallOptions {
  /** Two requests with the same key are one dispatch. Default: a fresh key per call. */
  idempotencyKey?: string | undefined;
}

/** Which dispatches a list holds; all that are left out do not narrow it. */
export interface ListDispatchesQuery {
  /** 1 to 200; default 50. */
  limit?: number | undefined;
  /** The id of the last row of the previous page. */
  before?: string | undefined;
  state?: DispatchState | undefined;
  role?: AgentRole | undefined;
  workspace?: string | undefined;
}

export interface DispatchEventsPage {
  /** The place of the last event of the previous page; default 0, which is before the first. */
  after?: number | undefined;
  /** 1 to 1000; default 200. */
  limit?: number | undefined;
}

export interface WatchDispatchOptions {
  /** Ends the loop: it throws the signal's reason. */
  signal?: AbortSignal | undefined;
  /** The `id` of the last event that was dealt with: goes on from there, missing none. Default: from the first. */
  lastEventId?: string | undefined;
}

/** `id` is what `lastEventId` takes. */
export type WatchedDispatch =
  /** As it is: at first, and whenever its state or its question has changed. */
  | { type: 'dispatch'; id: string; dispatch: Dispatch }
  /** An event of the agent, each once. */
  | ({ type: 'event'; id: string } & DispatchEvent);

export interface WaitDispatchOptions {
  signal?: AbortSignal | undefined;
  /** Give up after this long, in milliseconds; default: never. */
  timeoutMs?: number | undefined;
  /** Called with the first answer and whenever its state or its question has changed since. */
  onChange?: ((dispatch: Dispatch) => void) | undefined;
}

/** Tasks for coding agents: dispatched to an agent host that has the workspace, watched, answered, stopped. */
export class AgentsApi {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /**
   * Hands a task to an agent. Resolves as soon as it is safely written, with the dispatch in the state QUEUED.
   *
   * @throws PegasusApiError VALIDATION_ERROR naming the field; NOT_FOUND when no host offers the workspace
   */
  async dispatch(request: DispatchRequest, options: DispatchOptions = {}): Promise<Dispatch> {
    const { idempotencyKey = newIdempotencyKey(), ...rest } = options;
    const call = {
      method: 'POST',
      path: DISPATCHES,
      body: request,
      repeatable: true,
      idempotencyKey,
    } as const;
    return (await this.#transport.json(call, dataOf(readDispatch), rest)).data;
  }

  /** One page, newest first. */
  async list(query: ListDispatchesQuery = {}, options: CallOptions = {}): Promise<DispatchSummary[]> {
    const call = read(`${DISPATCHES}${searchOf(query)}`);
    return (await this.#transport.json(call, listOf(dispatchSummarySchema), options)).data;
  }

  /** A dispatch with its task, its open question and its result. @throws PegasusApiError NOT_FOUND */
  async get(dispatchId: string, options: CallOptions = {}): Promise<Dispatch> {
    return (await this.#transport.json(read(pathOf(dispatchId)), dataOf(readDispatch), options)).data;
  }

  /** One page of what the agent has told, oldest first. @throws PegasusApiError NOT_FOUND */
  async events(
    dispatchId: string,
    query: DispatchEventsPage = {},
    options: CallOptions = {},
  ): Promise<DispatchEvent[]> {
    const call = read(`${pathOf(dispatchId)}/events${searchOf(query)}`);
    return (await this.#transport.json(call, listOf(dispatchEventSchema), options)).data;
  }

  /**
   * A dispatch and its events as they happen; ends after the dispatch whose state is ENDED. Connects again by itself, for
   * as long as it takes, and tells each event once.
   *
   * @throws PegasusApiError as soon as the server refuses; NOT_FOUND when there is no such dispatch
   */
  async *watch(
    dispatchId: string,
    options: WatchDispatchOptions = {},
  ): AsyncGenerator<WatchedDispatch, void, undefined> {
    const path = `${pathOf(dispatchId)}/stream`;
    for await (const { id, event, data } of serverEvents(this.#transport, path, options)) {
      if (event === 'event') yield { type: event, id, ...readEvent(liveDispatchEvents.event, data, path) };
      if (event !== 'dispatch') continue;
      const dispatch = readEvent(readDispatch, data, path);
      yield { type: event, id, dispatch };
      if (dispatch.state === 'ENDED') return;
    }
  }

  /**
   * Resolves with the dispatch once it has ended, however it ended: its `result` says that. A server that restarts
   * meanwhile is waited for.
   *
   * @throws PegasusTimeoutError after `timeoutMs`; the dispatch itself goes on
   */
  async wait(dispatchId: string, options: WaitDispatchOptions = {}): Promise<Dispatch> {
    const { signal, timeoutMs, onChange } = options;
    const limit = new AbortController();
    const onAbort = (): void => limit.abort(signal?.reason);
    if (signal?.aborted) onAbort();
    signal?.addEventListener('abort', onAbort, { once: true });
    let seen: Dispatch | undefined;
    const expire = (): void =>
      limit.abort(
        new PegasusTimeoutError(
          `Dispatch ${dispatchId} is still ${seen?.state ?? 'unknown'} after ${timeoutMs} ms.`,
          { timeoutMs: timeoutMs!, hint: 'It goes on: wait again, or cancel it.' },
        ),
      );
    const timer = timeoutMs === undefined ? undefined : setTimeout(expire, timeoutMs);
    try {
      for await (const watched of this.watch(dispatchId, { signal: limit.signal })) {
        if (watched.type !== 'dispatch') continue;
        seen = watched.dispatch;
        onChange?.(seen);
      }
      // The server says that there is nothing more to come: it had ended before.
      return seen?.state === 'ENDED' ? seen : await this.get(dispatchId, { signal: limit.signal });
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    }
  }

  /**
   * Answers what a dispatch asks: whether the call may be made that its question is about. The same answer given again is
   * the first one.
   *
   * @throws PegasusApiError CONFLICT when it asks that no longer
   */
  async answer(dispatchId: string, answer: DispatchAnswer, options: CallOptions = {}): Promise<Dispatch> {
    return this.#change(dispatchId, 'answer', options, answer);
  }

  /** Asks a dispatch to stop; it ends as `cancelled` in a moment. @throws PegasusApiError CONFLICT when it has ended */
  async cancel(dispatchId: string, options: CallOptions = {}): Promise<Dispatch> {
    return this.#change(dispatchId, 'cancel', options);
  }

  /** Lets a dispatch make no further step until it is resumed. @throws PegasusApiError CONFLICT when it has ended */
  async pause(dispatchId: string, options: CallOptions = {}): Promise<Dispatch> {
    return this.#change(dispatchId, 'pause', options);
  }

  /** Lets go on what {@link AgentsApi.pause} holds. @throws PegasusApiError CONFLICT when it has ended */
  async resume(dispatchId: string, options: CallOptions = {}): Promise<Dispatch> {
    return this.#change(dispatchId, 'resume', options);
  }

  /** The workspaces that agent hosts offer at present. */
  async workspaces(options: CallOptions = {}): Promise<AgentWorkspace[]> {
    const call = read('/api/v1/agents/workspaces');
    return (await this.#transport.json(call, listOf(agentWorkspaceSchema), options)).data;
  }

  /** A cancellation is not repeated by itself: a repeat could meet the effect of the first and report it as a conflict. */
  async #change(
    dispatchId: string,
    what: 'answer' | 'cancel' | 'pause' | 'resume',
    options: CallOptions,
    body?: DispatchAnswer,
  ): Promise<Dispatch> {
    const path = `${pathOf(dispatchId)}/${what}`;
    const call = { method: 'POST', path, repeatable: what !== 'cancel', ...(body ? { body } : {}) } as const;
    return (await this.#transport.json(call, dataOf(readDispatch), options)).data;
  }
}

function pathOf(dispatchId: string): string {
  return `${DISPATCHES}/${encodeURIComponent(dispatchId)}`;
}
function read(path: string): ApiCall {
  return { method: 'GET', path, repeatable: true };
}
function searchOf(query: ListDispatchesQuery | DispatchEventsPage): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) search.set(name, String(value));
  return search.size > 0 ? `?${search}` : '';
}
