import {
  dataOf,
  listOf,
  type DeadLetter,
  type DeadLettersQuery,
  type DomainEvent,
  type Emitted,
  type EventDetail,
  type EventsQuery,
  type EventType,
  type EventTypeChange,
  type NewEventType,
  type Replayed,
  type ReplayRequest,
} from '@pegasus-workflows/contracts';
import { newIdempotencyKey } from './idempotency-key.js';
import type { CallOptions } from './options.js';
import {
  readDeadLetter,
  readEmitted,
  readEvent,
  readEventDetail,
  readEventType,
  readReplayed,
} from './schemas.js';
import type { Transport } from './transport.js';

const TYPES = '/api/v1/event-types';
const EVENTS = '/api/v1/events';
const DEAD_LETTERS = `${EVENTS}/dead-letters`;

export interface EmitOptions extends CallOptions {
  /**
   * Two calls with the same key are one event. Default: a fresh key per call, so give one of your own where the caller
   * itself is repeated, as an activity is.
   */
  idempotencyKey?: string | undefined;
}

/** An event that the platform has: it starts the runs of the triggers that want it, whatever becomes of the caller. */
export interface EmittedEvent extends Emitted {
  /** Absent in a dry run, which records no event, and in a browser of another origin. */
  eventId?: string;
}

/** The tenant's own event types. The built-in ones are not among them, and can be emitted and listened to as they are. */
export class EventTypesApi {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** By name. */
  async list(options: CallOptions = {}): Promise<EventType[]> {
    return (await this.#transport.json(get(TYPES), listOf(readEventType), options)).data;
  }

  /** By name or id. */
  async get(nameOrId: string, options: CallOptions = {}): Promise<EventType> {
    return (await this.#transport.json(get(at(TYPES, nameOrId)), dataOf(readEventType), options)).data;
  }

  /** A CONFLICT when the name is taken, or that of a built-in type. */
  async create(request: NewEventType, options: CallOptions = {}): Promise<EventType> {
    const call = { method: 'POST', path: TYPES, body: request, repeatable: false } as const;
    return (await this.#transport.json(call, dataOf(readEventType), options)).data;
  }

  /** What is left out stays; `null` takes away. The name never changes. */
  async update(nameOrId: string, change: EventTypeChange, options: CallOptions = {}): Promise<EventType> {
    const call = { method: 'PATCH', path: at(TYPES, nameOrId), body: change, repeatable: true } as const;
    return (await this.#transport.json(call, dataOf(readEventType), options)).data;
  }

  /** Its events stay. A CONFLICT while enabled triggers listen to it, unless `force`: they then start nothing. */
  async delete(nameOrId: string, options: CallOptions & { force?: boolean } = {}): Promise<void> {
    const { force, ...rest } = options;
    const path = `${at(TYPES, nameOrId)}${force ? '?force=true' : ''}`;
    await this.#transport.empty({ method: 'DELETE', path, repeatable: false }, rest);
  }
}

/** What has happened: told by you, by partners and by the platform; each event starts the runs that its triggers want. */
export class EventsApi {
  readonly deadLetters: DeadLettersApi;
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
    this.deadLetters = new DeadLettersApi(transport);
  }

  /**
   * Tells that something has happened; resolves once that is safely written. Repeated safely.
   * @param eventType a built-in type, or one of the tenant's own
   * @param payload ids of what it is about, rather than a copy of it: what starts later should read what is true then
   */
  async emit(
    eventType: string,
    payload: Record<string, unknown> = {},
    { idempotencyKey = newIdempotencyKey(), ...options }: EmitOptions = {},
  ): Promise<EmittedEvent> {
    const call = {
      method: 'POST',
      path: `${at(TYPES, eventType)}/emit`,
      body: { payload },
      repeatable: true,
      idempotencyKey,
    } as const;
    const { body, location } = await this.#transport.created(call, dataOf(readEmitted), options);
    const eventId = location?.split('/').at(-1);
    return { ...body.data, ...(eventId ? { eventId } : {}) };
  }

  /** One page, newest first. */
  async list(query: EventsQuery = {}, options: CallOptions = {}): Promise<DomainEvent[]> {
    return (await this.#transport.json(get(EVENTS, query), listOf(readEvent), options)).data;
  }

  /** One event, the runs it has started, and how far its dispatch has come. */
  async get(eventId: string, options: CallOptions = {}): Promise<EventDetail> {
    return (await this.#transport.json(get(at(EVENTS, eventId)), dataOf(readEventDetail), options)).data;
  }
}

/** Events that could not start all their runs and were given up, each with the reason. Named by the event's id. */
export class DeadLettersApi {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** One page, the last event first. */
  async list(query: DeadLettersQuery = {}, options: CallOptions = {}): Promise<DeadLetter[]> {
    return (await this.#transport.json(get(DEAD_LETTERS, query), listOf(readDeadLetter), options)).data;
  }

  /** Begins anew with one event; only the runs that are missing are started. */
  async replay(eventId: string, options: CallOptions = {}): Promise<Replayed> {
    return this.#replay(`${at(DEAD_LETTERS, eventId)}/replay`, undefined, options);
  }

  /** All of them, or those of one type, the oldest first, at most 1000 a call: `remaining` says how many are left. */
  async replayAll(request: ReplayRequest = {}, options: CallOptions = {}): Promise<Replayed> {
    return this.#replay(`${DEAD_LETTERS}/replay`, request, options);
  }

  /** Gives up for good what an event has not started; the event itself stays in the log. */
  async discard(eventId: string, options: CallOptions = {}): Promise<void> {
    const call = { method: 'DELETE', path: at(DEAD_LETTERS, eventId), repeatable: false } as const;
    await this.#transport.empty(call, options);
  }

  async #replay(path: string, body: ReplayRequest | undefined, options: CallOptions): Promise<Replayed> {
    const call = { method: 'POST', path, ...(body ? { body } : {}), repeatable: false } as const;
    return (await this.#transport.json(call, dataOf(readReplayed), options)).data;
  }
}

function get(path: string, query: object = {}) {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) search.set(name, String(value));
  return { method: 'GET', path: search.size > 0 ? `${path}?${search}` : path, repeatable: true } as const;
}

function at(base: string, id: string): string {
  return `${base}/${encodeURIComponent(id)}`;
}
