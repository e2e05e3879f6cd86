import { isDeepStrictEqual } from 'node:util';
import { builtInEventType, PegasusError, type Emitted } from '@pegasus-workflows/contracts';
import { type ExecutionEngine } from '../executions/engine.js';
import { type Principal, type Services } from '../infra/context.js';
import { type EventDispatcher } from './dispatcher.js';
import { type PayloadSchemas } from './payload-schemas.js';
import { recordEvent, type EventRow } from './record.js';
import { findEventType } from './types-store.js';

type Payload = Record<string, unknown>;

export interface EventsParts {
  services: Pick<Services, 'db' | 'clock'>;
  admission: ExecutionEngine['admission'];
  schemas: PayloadSchemas;
  dispatcher: EventDispatcher;
}

/**
 * Job: takes events in.
 *
 * Boundary: an event and its outbox item are one transaction; what it starts is the dispatcher's.
 *
 * Invariants
 * 1. An event is recorded if and only if its emitter is told so, or will be when it repeats its Idempotency-Key.
 * 2. Nothing is recorded of an unknown or disabled type, or with a payload that does not fit the type's schema.
 */
export class Events {
  readonly #parts: EventsParts;

  constructor(parts: EventsParts) {
    this.#parts = parts;
  }

  /**
   * Records an event of the caller's tenant. Throws NOT_FOUND, VALIDATION_ERROR with each failing path,
   * PAYLOAD_TOO_LARGE, RATE_LIMITED, and IDEMPOTENCY_KEY_REUSED for a key that was given with something else.
   */
  async emit(
    principal: Principal,
    eventType: string,
    payload: Payload,
    idempotencyKey?: string,
  ): Promise<EventRow> {
    const { services, dispatcher } = this.#parts;
    const { tenantId } = principal;
    await this.requireValid(tenantId, eventType, payload);
    const { row, isNew } = await services.db.tenant(tenantId, (tx) =>
      recordEvent(tx, {
        tenantId,
        type: eventType,
        payload,
        source: 'API',
        occurredAt: services.clock(),
        // Kept apart from the keys of partners' webhooks.
        dedupKey: idempotencyKey === undefined ? null : `api:${idempotencyKey}`,
        createdByUserId: principal.execution ? null : principal.principalId,
      }),
    );
    if (isNew) dispatcher.kick();
    else if (row.type !== eventType || !isDeepStrictEqual(row.payload, payload)) {
      throw new PegasusError(
        'IDEMPOTENCY_KEY_REUSED',
        'This Idempotency-Key was used for another event; use a new key for each event.',
      );
    }
    return row;
  }

  /**
   * Whether an event of this type with this payload may be recorded: for emitters of every kind.
   * Throws NOT_FOUND, VALIDATION_ERROR, PAYLOAD_TOO_LARGE, RATE_LIMITED.
   */
  async requireValid(tenantId: string, eventType: string, payload: Payload): Promise<void> {
    const { services, admission, schemas } = this.#parts;
    await admission.refuseIfTooLarge(tenantId, 'The payload', payload);
    const builtIn = builtInEventType(eventType);
    const own = builtIn
      ? undefined
      : await services.db.tenant(tenantId, (tx) => findEventType(tx, eventType));
    if (!builtIn && own?.name !== eventType) {
      throw new PegasusError('NOT_FOUND', 'There is no event type of this name; create it first.');
    }
    if (own && !own.enabled) {
      throw new PegasusError('NOT_FOUND', `The event type ${eventType} is disabled; enable it first.`);
    }
    const schema = builtIn?.payloadSchema ?? own?.payloadSchema;
    if (schema) await schemas.requireFit(tenantId, eventType, schema, payload);
  }

  /** What `emit` would answer now; records nothing. */
  async wouldEmit({ tenantId }: Principal, eventType: string, payload: Payload): Promise<Emitted> {
    await this.requireValid(tenantId, eventType, payload);
    return { emitted: true, eventType, occurredAt: this.#parts.services.clock().toISOString() };
  }
}

export function toEmitted({ type, occurredAt }: EventRow): Emitted {
  return { emitted: true, eventType: type, occurredAt: occurredAt.toISOString() };
}
