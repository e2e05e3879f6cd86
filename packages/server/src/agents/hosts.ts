import { PegasusError, type AgentHost, type AgentWorkspace } from '@pegasus-workflows/contracts';
import { and, asc, eq, gte, inArray, lt } from 'drizzle-orm';
import { type Database, type Tx } from '../infra/database.js';
import { agentRemotes, agentWorkspaces, tenants } from '../infra/schema.js';
import { type DispatchRow } from './row.js';

/**
 * Job: which workspaces there are, as agent hosts say.
 *
 * Boundary: rows of `agent_workspaces`, and of `agent_remotes` for hosts that take dispatches from others. A host says
 * again and again all that it has; what it names no more is gone.
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
type Offer = Pick<WorkspaceRow, 'models' | 'seenAt'>;
type Wanted = Pick<DispatchRow, 'workspace' | 'model' | 'isolation'>;

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
  async heard(hostId: string, { workspaces, models, remotes = [] }: AgentHost): Promise<void> {
    const { db, clock } = this.#parts;
    const seenAt = clock();
    const offered = new Map(workspaces.map((one) => [`${one.tenantId}/${one.name}`, one]));
    await db.system(async (tx) => {
      await refuseUnknownTenants(tx, [
        ...new Set([...workspaces.map(({ tenantId }) => tenantId), ...remotes]),
      ]);
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
      const taking = [...new Set(remotes)].map((tenantId) => ({ tenantId, hostId, models, seenAt }));
      if (taking.length > 0)
        await tx
          .insert(agentRemotes)
          .values(taking)
          .onConflictDoUpdate({
            target: [agentRemotes.tenantId, agentRemotes.hostId],
            set: { models, seenAt },
          });
      await tx
        .delete(agentRemotes)
        .where(and(eq(agentRemotes.hostId, hostId), lt(agentRemotes.seenAt, seenAt)));
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
   * for a model that no host has which could work on it, and where another host is asked for and there is none.
   */
  async require(tx: Tx, tenantId: string, { workspace, model, isolation }: Wanted): Promise<void> {
    const known = await tx.select().from(agentWorkspaces).where(eq(agentWorkspaces.tenantId, tenantId));
    const offers = known.filter(({ name }) => name === workspace);
    if (offers.length === 0) throw noSuchWorkspace(workspace, known);
    if (isolation === null) return this.#requireModel(offers, model, `the workspace ${workspace} has`);
    const remotes = await tx.select().from(agentRemotes).where(eq(agentRemotes.tenantId, tenantId));
    if (remotes.length === 0)
      throw new PegasusError(
        'VALIDATION_ERROR',
        'isolation: no host takes dispatches from others; start one whose file has [[remotes]], or leave it out.',
      );
    this.#requireModel(remotes, model, 'hosts that take dispatches from others have');
  }

  #requireModel(offers: readonly Offer[], model: string | null, subject: string): void {
    if (model === null) return;
    const since = this.#parts.clock().getTime() - LATELY_MS;
    const lately = offers.filter(({ seenAt }) => seenAt.getTime() >= since);
    const models = new Set((lately.length > 0 ? lately : offers).flatMap((offer) => offer.models));
    if (models.has(model)) return;
    const there =
      models.size === 0
        ? 'there is none'
        : `there ${models.size === 1 ? 'is' : 'are'} ${listed([...models])}`;
    throw new PegasusError('VALIDATION_ERROR', `model: ${subject} no model of this name; ${there}.`);
  }

  /** Invariant 2. */
  async forget(): Promise<void> {
    const { db, clock } = this.#parts;
    const before = new Date(clock().getTime() - FORGET_MS);
    await db.system(async (tx) => {
      await tx.delete(agentWorkspaces).where(lt(agentWorkspaces.seenAt, before));
      await tx.delete(agentRemotes).where(lt(agentRemotes.seenAt, before));
    });
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
