import { PegasusError, type AgentHost, type AgentWorkspace } from '@pegasus-workflows/contracts';
import { and, asc, eq, gte, inArray, lt } from 'drizzle-orm';
import { type Database, type Tx } from '../infra/database.js';
import { agentWorkspaces, tenants } from '../infra/schema.js';

/**
 * Job: which workspaces there are, as agent hosts say.
 *
 * Boundary: rows of `agent_workspaces`. A host says again and again all that it has; what it names no more is gone.
 *
 * Invariants
 * 1. A host's newest word replaces all of its words before, in one transaction.
 * 2. A workspace whose host is silent stays known, so that its dispatches wait for it, until {@link FORGET_MS} have passed.
 * 3. Listed are those that were heard of within {@link LATELY_MS}.
 */
export const LATELY_MS = 60_000;
export const FORGET_MS = 7 * 24 * 3_600_000;
/** Of a long list, what a sentence names. */
const NAMED = 20;

type WorkspaceRow = typeof agentWorkspaces.$inferSelect;

interface HostsParts {
  db: Database;
  clock: () => Date;
}

export class Hosts {
  readonly #parts: HostsParts;

  constructor(parts: HostsParts) {
    this.#parts = parts;
  }

  /** A host is there, and this is all that it offers. Throws VALIDATION_ERROR for a tenant that is unknown. */
  async heard(hostId: string, { workspaces, models }: AgentHost): Promise<void> {
    const { db, clock } = this.#parts;
    const seenAt = clock();
    const offered = new Map(workspaces.map((one) => [`${one.tenantId}/${one.name}`, one]));
    await db.system(async (tx) => {
      await refuseUnknownTenants(tx, [...new Set(workspaces.map(({ tenantId }) => tenantId))]);
      const rows = [...offered.values()].map((one) => ({ ...one, hostId, models, seenAt }));
      if (rows.length > 0)
        await tx
          .insert(agentWorkspaces)
          .values(rows)
          .onConflictDoUpdate({
            target: [agentWorkspaces.tenantId, agentWorkspaces.name, agentWorkspaces.hostId],
            set: { models, seenAt },
          });
      await tx
        .delete(agentWorkspaces)
        .where(and(eq(agentWorkspaces.hostId, hostId), lt(agentWorkspaces.seenAt, seenAt)));
    });
  }

  /** What a tenant is offered now, by name. */
  async list(tenantId: string): Promise<AgentWorkspace[]> {
    const { db, clock } = this.#parts;
    const since = new Date(clock().getTime() - LATELY_MS);
    const rows = await db.tenant(tenantId, (tx) =>
      tx
        .select()
        .from(agentWorkspaces)
        .where(and(eq(agentWorkspaces.tenantId, tenantId), gte(agentWorkspaces.seenAt, since)))
        .orderBy(asc(agentWorkspaces.name), asc(agentWorkspaces.hostId)),
    );
    return rows.map(({ name, hostId, models, seenAt }) => ({
      name,
      hostId,
      models,
      seenAt: seenAt.toISOString(),
    }));
  }

  /**
   * Whether a dispatch has somewhere to go. Throws NOT_FOUND for a workspace that no host has offered, VALIDATION_ERROR
   * for a model that none of its hosts has.
   */
  async require(tx: Tx, tenantId: string, workspace: string, model: string | null): Promise<void> {
    const known = await tx.select().from(agentWorkspaces).where(eq(agentWorkspaces.tenantId, tenantId));
    const offers = known.filter(({ name }) => name === workspace);
    if (offers.length === 0) throw noSuchWorkspace(workspace, known);
    if (model === null) return;
    const since = this.#parts.clock().getTime() - LATELY_MS;
    const lately = offers.filter(({ seenAt }) => seenAt.getTime() >= since);
    const models = new Set((lately.length > 0 ? lately : offers).flatMap((offer) => offer.models));
    if (models.has(model)) return;
    const has = models.size === 0 ? 'it has none' : `it has ${listed([...models])}`;
    throw new PegasusError(
      'VALIDATION_ERROR',
      `model: the workspace ${workspace} has no model of this name; ${has}.`,
    );
  }

  /** Invariant 2. */
  async forget(): Promise<void> {
    const { db, clock } = this.#parts;
    const before = new Date(clock().getTime() - FORGET_MS);
    await db.system((tx) => tx.delete(agentWorkspaces).where(lt(agentWorkspaces.seenAt, before)));
  }
}

async function refuseUnknownTenants(tx: Tx, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return;
  const found = await tx
    .select({ id: tenants.id })
    .from(tenants)
    .where(inArray(tenants.id, [...ids]));
  const known = new Set(found.map(({ id }) => id));
  const unknown = ids.find((id) => !known.has(id));
  if (unknown === undefined) return;
  throw new PegasusError('VALIDATION_ERROR', `workspaces: there is no tenant ${unknown}.`);
}

function noSuchWorkspace(workspace: string, known: readonly WorkspaceRow[]): PegasusError {
  const names = [...new Set(known.map(({ name }) => name))].sort();
  return new PegasusError(
    'NOT_FOUND',
    names.length === 0
      ? `There is no workspace ${workspace}: no agent host offers any; start a host for it.`
      : `There is no workspace ${workspace}; there ${names.length === 1 ? 'is' : 'are'} ${listed(names)}.`,
  );
}

function listed(names: readonly string[]): string {
  const more = names.length - NAMED;
  return names.slice(0, NAMED).join(', ') + (more > 0 ? ` and ${more} more` : '');
}
