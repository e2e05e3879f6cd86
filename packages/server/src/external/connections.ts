import {
  externalAuthSchema,
  PegasusError,
  type Connection,
  type createConnectionRequestSchema,
  type updateConnectionRequestSchema,
} from '@pegasus-workflows/contracts';
import { type z } from 'zod';
import { type Principal, type Services } from '../infra/context.js';
import { type Tx } from '../infra/database.js';
import { checkDestination } from '../infra/destination.js';
import { externalConnections } from '../infra/schema.js';
import { findConnection, listConnections, oneConnection, toConnection, type ConnectionRow } from './store.js';

/**
 * Job: which outside APIs a tenant's workflows may call, and as whom.
 *
 * Boundary: rows of `external_connections`, each change one transaction, written down by the audit trigger. Calling is
 * `caller.ts`.
 *
 * Invariants
 * 1. A connection names secrets, and holds none.
 * 2. A URL that would be refused is refused when it is written; every call checks it again.
 */
type CreateRequest = z.output<typeof createConnectionRequestSchema>;
type UpdateRequest = z.output<typeof updateConnectionRequestSchema>;

export class Connections {
  readonly #services: Services;

  constructor(services: Services) {
    this.#services = services;
  }

  async list({ tenantId }: Principal): Promise<Connection[]> {
    const rows = await this.#inTenant(tenantId, (tx) => listConnections(tx, tenantId));
    return rows.map(toConnection);
  }

  async get(principal: Principal, idOrName: string): Promise<Connection> {
    return toConnection(await this.find(principal, idOrName));
  }

  /** Throws NOT_FOUND. */
  async find({ tenantId }: Principal, idOrName: string): Promise<ConnectionRow> {
    return required(await this.#inTenant(tenantId, (tx) => findConnection(tx, tenantId, idOrName)));
  }

  /** Throws CONFLICT when the name is taken. */
  async create({ tenantId, principalId }: Principal, request: CreateRequest): Promise<Connection> {
    await this.#checkUrls(request);
    const now = this.#services.clock();
    const row = await this.#inTenant(tenantId, async (tx) => {
      const [inserted] = await tx
        .insert(externalConnections)
        .values({ ...request, tenantId, createdByUserId: principalId, createdAt: now, updatedAt: now })
        .onConflictDoNothing()
        .returning();
      return inserted;
    });
    if (row) return toConnection(row);
    throw new PegasusError(
      'CONFLICT',
      `There is a connection ${JSON.stringify(request.name)} already; change it with PATCH.`,
    );
  }

  async update({ tenantId }: Principal, idOrName: string, request: UpdateRequest): Promise<Connection> {
    const { auth, authConfig, baseUrl, timeoutSeconds, enabled } = request;
    // Parsed again for the defaults: the request's own schema has only checked it.
    const authentication = auth === undefined ? {} : externalAuthSchema.parse({ auth, authConfig });
    await this.#checkUrls({ baseUrl, ...authentication });
    const row = await this.#inTenant(tenantId, async (tx) => {
      const { id } = required(await findConnection(tx, tenantId, idOrName));
      const [changed] = await tx
        .update(externalConnections)
        .set({ baseUrl, timeoutSeconds, enabled, ...authentication, updatedAt: this.#services.clock() })
        .where(oneConnection(tenantId, id))
        .returning();
      return required(changed);
    });
    return toConnection(row);
  }

  async remove({ tenantId }: Principal, idOrName: string): Promise<void> {
    await this.#inTenant(tenantId, async (tx) => {
      const { id } = required(await findConnection(tx, tenantId, idOrName));
      await tx.delete(externalConnections).where(oneConnection(tenantId, id));
    });
  }

  /** Invariant 2. */
  async #checkUrls({
    baseUrl,
    authConfig,
  }: {
    baseUrl?: string | undefined;
    authConfig?: CreateRequest['authConfig'];
  }): Promise<void> {
    const { egress } = this.#services.settings;
    if (baseUrl !== undefined) await checkDestination(baseUrl, egress);
    if (authConfig && 'tokenUrl' in authConfig) await checkDestination(authConfig.tokenUrl, egress);
  }

  #inTenant<T>(tenantId: string, work: (tx: Tx) => Promise<T>): Promise<T> {
    return this.#services.db.tenant(tenantId, work);
  }
}

function required(row: ConnectionRow | undefined): ConnectionRow {
  if (row) return row;
  throw new PegasusError('NOT_FOUND', 'There is no such connection; create it first.', {
    hint: 'Run `pegasus-workflows connections list` to see those that there are.',
  });
}
