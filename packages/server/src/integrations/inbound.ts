import {
  LIMITS,
  PegasusError,
  projectionSegmentSchema,
  valueAt,
  type CanonicalEventPayload,
} from '@pegasus-workflows/contracts';
import { compareValues, isSame, valueAtField } from '@pegasus-workflows/integrations';
import { type Logger } from '@pegasus-workflows/kit';
import { type Counter } from 'prom-client';
import { recordEvent, type EventRow } from '../events/record.js';
import { type Events } from '../events/service.js';
import { type Services } from '../infra/context.js';
import { type Tx } from '../infra/database.js';
import {
  findProjection,
  insertProjection,
  lockVersion,
  replaceState,
  type Place,
  type ProjectionRow,
} from '../projections/store.js';
import { type Compiled, type IntegrationRuntime } from './runtime.js';

/**
 * Job: makes a canonical event of what a partner sends, as the integration's configuration says.
 *
 * Boundary: the receiver asks for a plan before its transaction and applies it in there, so that the partner's event,
 * the canonical one and the record's projection are one commit. What runs on the event is the dispatcher's.
 *
 * Invariants
 * 1. What a partner sends makes one canonical event or none, however often it is sent: a plan is applied only with a
 *    partner's event that is new.
 * 2. A record that is older than what is known, by `sequence`, or the same, makes no event and changes nothing.
 * 3. Each record is checked against the one that was there before it in the order of commits: a plan whose projection
 *    has changed since is not applied, and made anew.
 * 4. What is wrong with a configuration, a record or an event type never refuses the partner: its own event is kept.
 */
export interface InboundPlan {
  /** Throws {@link Overtaken}. */
  apply(tx: Tx, source: EventRow): Promise<void>;
}

/** The projection is not what the plan was made with. */
export class Overtaken extends Error {
  override readonly name = 'Overtaken';
}

export interface InboundParts {
  services: Pick<Services, 'db'>;
  runtime: Pick<IntegrationRuntime, 'find'>;
  events: Pick<Events, 'requireValid'>;
  logger: Logger;
  made: Counter<'result'>;
}

interface Sender {
  tenantId: string;
  integrationId: string;
}

/** What has come in, as far as it can be told before the transaction. */
interface Arrival {
  place: Place;
  state: unknown;
  known: ProjectionRow | undefined;
  type: string | undefined;
  payload: Omit<CanonicalEventPayload, 'sourceEventId'>;
}

export class InboundEvents {
  readonly #parts: InboundParts;

  constructor(parts: InboundParts) {
    this.#parts = parts;
  }

  /** What is to be written with the partner's event; `undefined` when that is all there is to write. */
  async plan(sender: Sender, body: unknown, now: Date): Promise<InboundPlan | undefined> {
    try {
      const compiled = await this.#parts.runtime.find(sender.tenantId, sender.integrationId);
      if (!compiled?.config.inbound?.event) return undefined;
      const arrival = await this.#look(sender, compiled, body, now);
      return arrival && { apply: (tx, source) => this.#apply(tx, sender, arrival, source) };
    } catch (error) {
      // Invariant 4.
      this.#tell(sender, error instanceof PegasusError ? error.code : 'INTERNAL_ERROR', error);
      return undefined;
    }
  }

  /** Tells that a plan was given up, so that the partner's event is written without it. */
  gaveUp(sender: Sender, error: unknown): void {
    this.#tell(sender, error instanceof PegasusError ? error.code : 'INTERNAL_ERROR', error);
  }

  async #look(
    { tenantId, integrationId }: Sender,
    { config, integration }: Compiled,
    body: unknown,
    now: Date,
  ): Promise<Arrival | undefined> {
    const sender = { tenantId, integrationId };
    const inbound = config.inbound!;
    const state = inbound.record === undefined ? body : valueAt(body, inbound.record);
    const first = integration.mapFrom({ order: state });
    const value = valueAtField(first.canonical, inbound.key);
    const key = projectionSegmentSchema.safeParse(
      ['string', 'number'].includes(typeof value) ? String(value) : '',
    );
    if (!key.success) return void this.#tell(sender, 'no-key');
    const place: Place = { integrationId, entityType: inbound.entityType, entityKey: key.data };
    const known = await this.#parts.services.db.tenant(tenantId, (tx) => findProjection(tx, place));
    if (known && this.#isOld(inbound.sequence, integration, first.canonical, known.state, state)) {
      return void this.#tell(sender, 'old');
    }
    const { canonical, valid, issues } = known
      ? integration.mapFrom({ order: state, prior: known.state })
      : first;
    const type = valid ? inbound.event : inbound.invalidEvent;
    const payload = { integrationId, receivedAt: now.toISOString(), key: key.data, canonical, valid, issues };
    // Any id will do for the schema: the partner's event has none yet.
    const sample = { ...payload, sourceEventId: '00000000-0000-4000-8000-000000000000' };
    if (type !== undefined) await this.#parts.events.requireValid(tenantId, type, sample);
    return { place, state, known, type, payload };
  }

  /** Invariant 2. */
  #isOld(
    sequence: string | undefined,
    { mapping }: Compiled['integration'],
    canonical: unknown,
    knownState: unknown,
    state: unknown,
  ): boolean {
    if (isSame(state, knownState)) return true;
    if (sequence === undefined) return false;
    const before = valueAtField(mapping.apply(knownState).record, sequence);
    const order = compareValues(valueAtField(canonical, sequence), before);
    return order !== undefined && order <= 0;
  }

  async #apply(
    tx: Tx,
    sender: Sender,
    { place, state, known, type, payload }: Arrival,
    source: EventRow,
  ): Promise<void> {
    const { tenantId } = sender;
    // Invariant 3.
    if ((await lockVersion(tx, place)) !== known?.version) throw new Overtaken();
    // A record that breaks a rule is not what the next one is compared with.
    if (payload.valid) await this.#keep(tx, tenantId, place, state, known, source.occurredAt);
    if (type !== undefined) {
      await recordEvent(tx, {
        tenantId,
        type,
        payload: { ...payload, sourceEventId: source.id },
        source: 'INGRESS',
        occurredAt: source.occurredAt,
        dedupKey: `canonical:${source.id}`,
      });
    }
    this.#tell(sender, payload.valid ? 'valid' : 'invalid');
  }

  async #keep(
    tx: Tx,
    tenantId: string,
    place: Place,
    state: unknown,
    known: ProjectionRow | undefined,
    now: Date,
  ): Promise<void> {
    const bytes = Buffer.byteLength(JSON.stringify(state));
    if (bytes > LIMITS.projectionStateBytes) {
      throw new PegasusError(
        'PAYLOAD_TOO_LARGE',
        `The record has ${bytes} bytes of JSON, more than is remembered of one.`,
      );
    }
    if (known) {
      await replaceState(tx, place, { state, updatedByUserId: null, updatedAt: now });
      return;
    }
    const row = { tenantId, ...place, state, updatedByUserId: null, createdAt: now, updatedAt: now };
    if (!(await insertProjection(tx, row))) throw new Overtaken();
  }

  #tell({ tenantId, integrationId }: Sender, result: string, error?: unknown): void {
    this.#parts.made.inc({ result });
    if (error === undefined) return;
    const told = error instanceof Error ? error.message : String(error);
    this.#parts.logger.warn({ tenantId, integrationId, result, error: told }, 'no canonical event was made');
  }
}
