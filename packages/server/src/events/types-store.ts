import { builtInEventType, EVENT_TYPE_NAME_PATTERN, type EventType } from '@pegasus-workflows/contracts';
import { and, asc, count, eq, or } from 'drizzle-orm';
import { type Tx } from '../infra/database.js';
import { eventTypes, triggers } from '../infra/schema.js';

export type EventTypeRow = typeof eventTypes.$inferSelect;

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** The tenant's own type of this name, or id; `tx` is the tenant's. */
export async function findEventType(tx: Tx, nameOrId: string): Promise<EventTypeRow | undefined> {
  const byName = eq(eventTypes.name, nameOrId);
  const isId = UUID.test(nameOrId);
  // What is neither may hold what the database does not take, such as U+0000.
  if (!isId && !EVENT_TYPE_NAME_PATTERN.test(nameOrId)) return undefined;
  const [row] = await tx
    .select()
    .from(eventTypes)
    .where(isId ? or(byName, eq(eventTypes.id, nameOrId)) : byName);
  return row;
}

/** Whether a trigger may listen to this name: a built-in type, or one of the tenant's own, enabled or not. */
export async function isKnownEventType(tx: Tx, name: string): Promise<boolean> {
  return builtInEventType(name) !== undefined || (await findEventType(tx, name)) !== undefined;
}

export async function listEventTypes(tx: Tx): Promise<EventTypeRow[]> {
  return tx.select().from(eventTypes).orderBy(asc(eventTypes.name));
}

/** How many enabled triggers listen to a type. */
export async function countListeners(tx: Tx, name: string): Promise<number> {
  const [row] = await tx
    .select({ n: count() })
    .from(triggers)
    .where(and(eq(triggers.kind, 'EVENT'), eq(triggers.enabled, true), eq(triggers.eventType, name)));
  return row?.n ?? 0;
}

export function toEventType(row: EventTypeRow): EventType {
  return {
    id: row.id,
    tenantId: row.tenantId,
    name: row.name,
    description: row.description,
    payloadSchema: row.payloadSchema,
    domainCondition: row.domainCondition,
    enabled: row.enabled,
    createdByUserId: row.createdByUserId,
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
  };
}
