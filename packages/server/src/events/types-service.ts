import {
  builtInEventType,
  PegasusError,
  type EventType,
  type EventTypeChange,
  type NewEventType,
} from '@pegasus-workflows/contracts';
import { eq } from 'drizzle-orm';
import { type Principal, type Services } from '../infra/context.js';
import { type Tx } from '../infra/database.js';
import { eventTypes } from '../infra/schema.js';
import { type PayloadSchemas } from './payload-schemas.js';
import {
  countListeners,
  findEventType,
  listEventTypes,
  toEventType,
  type EventTypeRow,
} from './types-store.js';

type Caller = Pick<Principal, 'tenantId' | 'principalId'>;

/** A tenant's own event types. Every method acts for one tenant and sees nothing else. */
export class EventTypes {
  readonly #services: Pick<Services, 'db' | 'clock'>;
  readonly #schemas: PayloadSchemas;

  constructor(services: Pick<Services, 'db' | 'clock'>, schemas: PayloadSchemas) {
    this.#services = services;
    this.#schemas = schemas;
  }

  /** By name. */
  list({ tenantId }: Caller): Promise<EventType[]> {
    return this.#services.db.tenant(tenantId, async (tx) => (await listEventTypes(tx)).map(toEventType));
  }

  /** By name or id. Throws NOT_FOUND. */
  get({ tenantId }: Caller, nameOrId: string): Promise<EventType> {
    return this.#services.db.tenant(tenantId, async (tx) => toEventType(await required(tx, nameOrId)));
  }

  /** Throws CONFLICT when the name is taken or reserved, VALIDATION_ERROR when the schema is none. */
  async create({ tenantId, principalId }: Caller, wanted: NewEventType): Promise<EventType> {
    if (builtInEventType(wanted.name)) {
      throw new PegasusError(
        'CONFLICT',
        `The event type ${wanted.name} is built in; it can be emitted and listened to as it is. Choose another name.`,
      );
    }
    if (wanted.payloadSchema) await this.#schemas.requireSchema(tenantId, wanted.payloadSchema);
    return this.#services.db.tenant(tenantId, async (tx) => {
      const [row] = await tx
        .insert(eventTypes)
        .values({ ...wanted, tenantId, createdByUserId: principalId })
        .onConflictDoNothing()
        .returning();
      if (row) return toEventType(row);
      throw new PegasusError('CONFLICT', `The event type ${wanted.name} exists already; change it instead.`);
    });
  }

  /** Changes what is given. Events that wait already are dispatched under the new condition. Throws NOT_FOUND, VALIDATION_ERROR. */
  async update({ tenantId }: Caller, nameOrId: string, change: EventTypeChange): Promise<EventType> {
    if (change.payloadSchema) await this.#schemas.requireSchema(tenantId, change.payloadSchema);
    return this.#services.db.tenant(tenantId, async (tx) => {
      const { id } = await required(tx, nameOrId);
      const [row] = await tx
        .update(eventTypes)
        .set({ ...change, updatedAt: this.#services.clock() })
        .where(eq(eventTypes.id, id))
        .returning();
      if (!row) throw notFound(nameOrId);
      return toEventType(row);
    });
  }

  /** Its events stay. Throws NOT_FOUND, and CONFLICT while enabled triggers listen to it, unless forced. */
  async delete({ tenantId }: Caller, nameOrId: string, force: boolean): Promise<void> {
    await this.#services.db.tenant(tenantId, async (tx) => {
      const { id, name } = await required(tx, nameOrId);
      const listeners = await countListeners(tx, name);
      if (listeners > 0 && !force) {
        const triggers =
          listeners === 1 ? '1 enabled trigger listens' : `${listeners} enabled triggers listen`;
        throw new PegasusError(
          'CONFLICT',
          `${triggers} to ${name}. Disable or delete them first, or add ?force=true; they then start nothing any more.`,
        );
      }
      await tx.delete(eventTypes).where(eq(eventTypes.id, id));
    });
  }
}

async function required(tx: Tx, nameOrId: string): Promise<EventTypeRow> {
  const row = await findEventType(tx, nameOrId);
  if (!row) throw notFound(nameOrId);
  return row;
}

/** Does not repeat a name that was given: it may be anything. */
function notFound(nameOrId: string): PegasusError {
  if (builtInEventType(nameOrId)) {
    return new PegasusError(
      'NOT_FOUND',
      `The event type ${nameOrId} is built in; there is nothing to change about it.`,
    );
  }
  return new PegasusError('NOT_FOUND', 'There is no event type of this name.');
}
