import { matches } from '@pegasus-workflows/contracts';
import { and, eq, inArray, isNull } from 'drizzle-orm';
import { type Tx } from '../infra/database.js';
import { domainEvents, eventDeliveries, eventTypes, triggers, workflows } from '../infra/schema.js';
import { type EventRow } from './record.js';
import { runIdOf } from './run-id.js';

/** One run to be started: a trigger wants an event and has not got it yet. */
export interface Pair {
  event: EventRow;
  triggerId: string;
  workflowId: string;
  executionId: string;
}

/** What the database knows of some events: all that the decision needs. */
export interface Known {
  events: EventRow[];
  listeners: Listener[];
  /** `tenant/type` → the condition of the tenant's own type. */
  conditions: Map<string, unknown>;
  /** `event/trigger` of what was delivered before. */
  delivered: Set<string>;
}

interface Listener {
  id: string;
  tenantId: string;
  workflowId: string;
  eventType: string | null;
  filter: unknown;
  createdAt: Date;
}

/** Reads it in the caller's transaction, whatever the tenants of the events are. */
export async function readKnown(tx: Tx, eventIds: readonly string[]): Promise<Known> {
  const events = await tx
    .select()
    .from(domainEvents)
    .where(inArray(domainEvents.id, [...eventIds]));
  const tenantIds = [...new Set(events.map((event) => event.tenantId))];
  const types = [...new Set(events.map((event) => event.type))];
  if (events.length === 0) return { events, listeners: [], conditions: new Map(), delivered: new Set() };
  const listeners = await tx
    .select({
      id: triggers.id,
      tenantId: triggers.tenantId,
      workflowId: triggers.workflowId,
      eventType: triggers.eventType,
      filter: triggers.filter,
      createdAt: triggers.createdAt,
    })
    .from(triggers)
    // The workflow is the trigger's own tenant's: one of another tenant must be forked before it runs.
    .innerJoin(
      workflows,
      and(eq(workflows.id, triggers.workflowId), eq(workflows.tenantId, triggers.tenantId)),
    )
    .where(
      and(
        eq(triggers.kind, 'EVENT'),
        eq(triggers.enabled, true),
        inArray(triggers.tenantId, tenantIds),
        inArray(triggers.eventType, types),
        eq(workflows.executable, true),
        isNull(workflows.retiredAt),
      ),
    );
  if (listeners.length === 0) return { events, listeners, conditions: new Map(), delivered: new Set() };
  const own = await tx
    .select({ tenantId: eventTypes.tenantId, name: eventTypes.name, condition: eventTypes.domainCondition })
    .from(eventTypes)
    .where(and(inArray(eventTypes.tenantId, tenantIds), inArray(eventTypes.name, types)));
  const before = await tx
    .select({ eventId: eventDeliveries.eventId, triggerId: eventDeliveries.triggerId })
    .from(eventDeliveries)
    .where(inArray(eventDeliveries.eventId, [...eventIds]));
  return {
    events,
    listeners,
    conditions: new Map(own.map((type) => [`${type.tenantId}/${type.name}`, type.condition])),
    delivered: new Set(before.map(({ eventId, triggerId }) => `${eventId}/${triggerId}`)),
  };
}

/**
 * The runs that are still to be started, by event id. A trigger wants the events of its tenant and type that its
 * filter matches and that are no older than itself; an event that its type's condition does not match is nobody's.
 */
export function planOf({ events, listeners, conditions, delivered }: Known): Map<string, Pair[]> {
  const plan = new Map<string, Pair[]>();
  for (const event of events) {
    const pairs: Pair[] = [];
    plan.set(event.id, pairs);
    const condition = conditions.get(`${event.tenantId}/${event.type}`) ?? null;
    if (condition !== null && !matches(condition, event.payload)) continue;
    for (const { id, workflowId, filter, ...listener } of listeners) {
      if (listener.tenantId !== event.tenantId || listener.eventType !== event.type) continue;
      if (listener.createdAt > event.createdAt || delivered.has(`${event.id}/${id}`)) continue;
      if (filter !== null && !matches(filter, event.payload)) continue;
      pairs.push({ event, triggerId: id, workflowId, executionId: runIdOf(event.id, id) });
    }
  }
  return plan;
}
