import {
  PegasusError,
  type DomainEvent,
  type EventDetail,
  type EventsQuery,
} from '@pegasus-workflows/contracts';
import { and, asc, eq, lt, or, sql } from 'drizzle-orm';
import { type Database, type Tx } from '../infra/database.js';
import { domainEvents, eventDeliveries, executions, outbox } from '../infra/schema.js';
import { type EventRow } from './record.js';

/** What has happened, and what came of it. Every method acts for one tenant and sees nothing else. */
export class EventLog {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** A page, newest first. Throws VALIDATION_ERROR for a cursor of elsewhere. */
  list(tenantId: string, { limit, before, type }: EventsQuery & { limit: number }): Promise<DomainEvent[]> {
    return this.#db.tenant(tenantId, async (tx) => {
      const cursor = before === undefined ? undefined : await cursorOf(tx, before);
      const rows = await tx
        .select()
        .from(domainEvents)
        .where(
          and(
            type === undefined ? undefined : eq(domainEvents.type, type),
            cursor &&
              or(
                lt(domainEvents.createdAt, cursor.createdAt),
                and(eq(domainEvents.createdAt, cursor.createdAt), lt(domainEvents.id, cursor.id)),
              ),
          ),
        )
        // As the index is: without `nulls last`, PostgreSQL would sort, though no column can be null.
        .orderBy(sql`${domainEvents.createdAt} desc nulls last`, sql`${domainEvents.id} desc nulls last`)
        .limit(limit);
      return rows.map(toEvent);
    });
  }

  /** One event with the runs it has started, and how far it has come. Throws NOT_FOUND. */
  get(tenantId: string, id: string): Promise<EventDetail> {
    return this.#db.tenant(tenantId, async (tx) => {
      const [row] = await tx.select().from(domainEvents).where(eq(domainEvents.id, id));
      if (!row) throw new PegasusError('NOT_FOUND', 'There is no event of this id.');
      const [item] = await tx
        .select({ attempts: outbox.attempts, lastError: outbox.lastError, deadAt: outbox.deadAt })
        .from(outbox)
        .where(and(eq(outbox.topic, 'EVENT'), eq(outbox.refId, id)));
      const deliveries = await tx
        .select({
          triggerId: eventDeliveries.triggerId,
          workflowId: executions.workflowId,
          executionId: eventDeliveries.executionId,
          status: executions.status,
          createdAt: eventDeliveries.createdAt,
        })
        .from(eventDeliveries)
        .innerJoin(executions, eq(executions.id, eventDeliveries.executionId))
        .where(eq(eventDeliveries.eventId, id))
        .orderBy(asc(eventDeliveries.createdAt), asc(eventDeliveries.triggerId));
      const status = !item ? 'DISPATCHED' : item.deadAt ? 'DEAD' : 'WAITING';
      return {
        ...toEvent(row),
        dispatch: { status, attempts: item?.attempts ?? 0, lastError: item?.lastError ?? null },
        deliveries: deliveries.map((delivery) => ({
          ...delivery,
          createdAt: delivery.createdAt.toISOString(),
        })),
      };
    });
  }
}

async function cursorOf(tx: Tx, id: string): Promise<Pick<EventRow, 'id' | 'createdAt'>> {
  const [row] = await tx
    .select({ id: domainEvents.id, createdAt: domainEvents.createdAt })
    .from(domainEvents)
    .where(eq(domainEvents.id, id));
  if (!row) throw new PegasusError('VALIDATION_ERROR', 'before: must be the id of an event of this list.');
  return row;
}

export function toEvent(row: EventRow): DomainEvent {
  return {
    id: row.id,
    tenantId: row.tenantId,
    eventType: row.type,
    payload: row.payload,
    occurredAt: row.occurredAt.toISOString(),
    source: row.source,
    createdByUserId: row.createdByUserId,
    createdAt: row.createdAt.toISOString(),
  };
}
