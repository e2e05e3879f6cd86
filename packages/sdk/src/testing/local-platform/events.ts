import {
  builtInEventType,
  emitRequestSchema,
  LIMITS,
  PegasusError,
  type Emitted,
} from '@pegasus-workflows/contracts';
import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { Ajv } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { z } from 'zod';
import { localRoute, type LocalRoute } from './router.js';

/** An event type of the tenant; the built-in ones are always there. */
export interface LocalEventType {
  name: string;
  /** JSON Schema of the payload. */
  payloadSchema?: Record<string, unknown> | undefined;
}

/** An event that was emitted. */
export interface LocalEvent {
  id: string;
  eventType: string;
  payload: Record<string, unknown>;
  occurredAt: string;
}

/** A key under which an event may be emitted again without being a second one. */
interface Emission extends LocalEvent {
  idempotencyKey: string | null;
}

/** Emitting events. They are kept and start nothing. */
export class LocalEvents {
  readonly #types: readonly LocalEventType[];
  readonly #now: () => Date;
  readonly #emitted: Emission[] = [];

  constructor({ types, now }: { types: readonly (string | LocalEventType)[]; now: () => Date }) {
    this.#types = types.map((type) => (typeof type === 'string' ? { name: type } : type));
    this.#now = now;
  }

  /** In the order in which they were emitted. */
  get emitted(): LocalEvent[] {
    return this.#emitted.map(({ idempotencyKey: _, ...event }) => event);
  }

  get routes(): LocalRoute[] {
    return [
      localRoute({
        method: 'POST',
        path: '/api/v1/event-types/:name/emit',
        action: 'EmitTenantEvent',
        params: z.object({ name: z.string().min(1).max(128) }),
        body: emitRequestSchema,
        emptyBody: {},
        maxBodyBytes: LIMITS.eventBytes,
        mutation: { method: 'events.emit' },
        plan: ({ params: { name }, body: { payload = {} }, headers }) => {
          const idempotencyKey = headers.get('idempotency-key');
          this.#requireFit(name, payload);
          const known = this.#repeated(idempotencyKey, name, payload);
          const { id, occurredAt } = known ?? { id: randomUUID(), occurredAt: this.#now().toISOString() };
          const data: Emitted = { emitted: true, eventType: name, occurredAt };
          const event = { id, eventType: name, payload, occurredAt, idempotencyKey };
          return {
            status: 201,
            data,
            commit: () => {
              if (!known) this.#emitted.push(event);
              return { headers: { Location: `/api/v1/events/${id}` } };
            },
          };
        },
      }),
    ];
  }

  #repeated(key: string | null, eventType: string, payload: Record<string, unknown>): Emission | undefined {
    const known =
      key === null ? undefined : this.#emitted.find(({ idempotencyKey }) => idempotencyKey === key);
    if (!known || (known.eventType === eventType && isDeepStrictEqual(known.payload, payload))) return known;
    throw new PegasusError(
      'IDEMPOTENCY_KEY_REUSED',
      'This Idempotency-Key was used for another event; use a new key for each event.',
    );
  }

  #requireFit(name: string, payload: Record<string, unknown>): void {
    const type = builtInEventType(name) ?? this.#types.find((own) => own.name === name);
    if (!type) throw new PegasusError('NOT_FOUND', 'There is no event type of this name; create it first.');
    if (!type.payloadSchema) return;
    const problems = problemsOf(type.payloadSchema, payload);
    if (problems.length === 0) return;
    const sentence = `payload: does not fit the event type ${name}: ${problems[0]!}.`;
    throw new PegasusError('VALIDATION_ERROR', sentence, { problems });
  }
}

function problemsOf(schema: Record<string, unknown>, payload: unknown): string[] {
  const isOld = typeof schema['$schema'] === 'string' && schema['$schema'].includes('draft-07');
  const ajv = new (isOld ? Ajv : Ajv2020)({ strict: false, allErrors: true, logger: false });
  addFormats.default(ajv);
  const validate = ajv.compile(schema);
  if (validate(payload)) return [];
  return (validate.errors ?? []).map(
    ({ instancePath, message }) => `${instancePath || '/'}: ${message ?? 'does not fit'}`,
  );
}
