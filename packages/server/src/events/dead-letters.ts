import {
  EVENT_LIMITS,
  PegasusError,
  type DeadLetter,
  type DeadLettersQuery,
  type Replayed,
} from '@pegasus-workflows/contracts';
import { and, count, desc, eq, inArray, isNotNull, lt, type SQL } from 'drizzle-orm';
import { type Services } from '../infra/context.js';
import { type Tx } from '../infra/database.js';
import { domainEvents, outbox } from '../infra/schema.js';
import { type EventDispatcher } from './dispatcher.js';

const DEAD = and(eq(outbox.topic, 'EVENT'), isNotNull(outbox.deadAt));

/**
 * Events that the dispatcher has given up, each with the reason. Replaying begins anew with all attempts, and starts
 * only what is missing: triggers that have had their run get no second one. Every method acts for one tenant.
 */
export class DeadLetters {
  readonly #services: Pick<Services, 'db' | 'clock'>;
  readonly #dispatcher: EventDispatcher;

  constructor(services: Pick<Services, 'db' | 'clock'>, dispatcher: EventDispatcher) {
    this.#services = services;
    this.#dispatcher = dispatcher;
  }

  /** A page, the last event first. Throws VALIDATION_ERROR for a cursor of elsewhere. */
  list(tenantId: string, { limit, before }: DeadLettersQuery & { limit: number }): Promise<DeadLetter[]> {
    return this.#services.db.tenant(tenantId, async (tx) => {
      const older = before === undefined ? undefined : lt(outbox.seq, await seqOf(tx, before));
      const rows = await tx
        .select({ item: outbox, event: domainEvents })
        .from(outbox)
        .innerJoin(domainEvents, eq(domainEvents.id, outbox.refId))
        .where(and(DEAD, older))
        .orderBy(desc(outbox.seq))
        .limit(limit);
      return rows.map(({ item, event }) => ({
        id: event.id,
        eventType: event.type,
        occurredAt: event.occurredAt.toISOString(),
        reason: item.lastError ?? '',
        attempts: item.attempts,
        deadAt: (item.deadAt ?? item.createdAt).toISOString(),
      }));
    });
  }

  /** Throws NOT_FOUND. */
  async replay(tenantId: string, eventId: string): Promise<Replayed> {
    const replayed = await this.#services.db.tenant(tenantId, async (tx) => {
      const n = await this.#revive(tx, [eventId]);
      if (n === 0) throw notFound();
      return { replayed: n, remaining: 0 };
    });
    this.#dispatcher.kick();
    return replayed;
  }

  /** Replays the oldest first, at most {@link EVENT_LIMITS.replayAtOnce}. */
  async replayAll(tenantId: string, type: string | undefined): Promise<Replayed> {
    const replayed = await this.#services.db.tenant(tenantId, async (tx) => {
      const wanted: SQL | undefined = type === undefined ? DEAD : and(DEAD, eq(domainEvents.type, type));
      const rows = await tx
        .select({ eventId: outbox.refId })
        .from(outbox)
        .innerJoin(domainEvents, eq(domainEvents.id, outbox.refId))
        .where(wanted)
        .orderBy(outbox.seq)
        .limit(EVENT_LIMITS.replayAtOnce);
      const ids = rows.map((row) => row.eventId);
      const n = ids.length === 0 ? 0 : await this.#revive(tx, ids);
      const [rest] = await tx
        .select({ n: count() })
        .from(outbox)
        .innerJoin(domainEvents, eq(domainEvents.id, outbox.refId))
        .where(wanted);
      return { replayed: n, remaining: rest?.n ?? 0 };
    });
    this.#dispatcher.kick();
    return replayed;
  }

  /** Gives up for good what has not been started; the event itself stays in the log. Throws NOT_FOUND. */
  async discard(tenantId: string, eventId: string): Promise<void> {
    await this.#services.db.tenant(tenantId, async (tx) => {
      const gone = await tx
        .delete(outbox)
        .where(and(DEAD, eq(outbox.refId, eventId)))
        .returning({ seq: outbox.seq });
      if (gone.length === 0) throw notFound();
    });
  }

  async #revive(tx: Tx, eventIds: readonly string[]): Promise<number> {
    const rows = await tx
      .update(outbox)
      .set({ deadAt: null, attempts: 0, lastError: null, availableAt: this.#services.clock() })
      .where(and(DEAD, inArray(outbox.refId, [...eventIds])))
      .returning({ seq: outbox.seq });
    return rows.length;
  }
}

async function seqOf(tx: Tx, eventId: string): Promise<number> {
  const [row] = await tx
    .select({ seq: outbox.seq })
    .from(outbox)
    .where(and(DEAD, eq(outbox.refId, eventId)));
  if (row) return row.seq;
  throw new PegasusError('VALIDATION_ERROR', 'before: must be the id of a dead letter of this list.');
}

function notFound(): PegasusError {
  return new PegasusError('NOT_FOUND', 'There is no dead letter of an event of this id.');
}
