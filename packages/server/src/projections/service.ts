import { randomUUID } from 'node:crypto';
import { LIMITS, PegasusError, type Projection, type ProjectionsPage } from '@pegasus-workflows/contracts';
import { type Principal, type Services } from '../infra/context.js';
import { type Database, type Tx } from '../infra/database.js';
import { holds, type Condition } from '../infra/conditions.js';
import {
  deleteProjection,
  findProjection,
  findProjections,
  insertProjection,
  keysAfter,
  lockVersion,
  replaceState,
  toProjection,
  type Collection,
  type Place,
} from './store.js';

/**
 * Job: what workflows remember of outside systems' records: read, listed, put, deleted.
 *
 * Boundary: rows of `integration_projections`; each method is one transaction of one tenant.
 *
 * Invariants
 * 1. Each replacement is one version more. Of writers that name the version they have read, one replaces it and the
 *    others are told PRECONDITION_FAILED: no change is lost.
 * 2. What a dry run is answered is what the real call would have been, and nothing is changed.
 * 3. A page holds at most {@link LIMITS.projectionsPageBytes} of states, whatever is stored, and one at the least.
 */
export class Projections {
  readonly #db: Database;
  readonly #clock: () => Date;

  constructor({ db, clock }: Pick<Services, 'db' | 'clock'>) {
    this.#db = db;
    this.#clock = clock;
  }

  /** Throws NOT_FOUND. */
  async get({ tenantId }: Principal, place: Place): Promise<Projection> {
    const row = await this.#db.tenant(tenantId, (tx) => findProjection(tx, place));
    if (!row) throw notFound(place);
    return toProjection(row);
  }

  /** In the order of the keys. */
  async list(
    { tenantId }: Principal,
    collection: Collection,
    { limit, after }: { limit: number; after?: string | undefined },
  ): Promise<ProjectionsPage> {
    return this.#db.tenant(tenantId, async (tx) => {
      const found = await keysAfter(tx, collection, after, limit + 1);
      const keys = fitting(found.slice(0, limit)).map(({ entityKey }) => entityKey);
      const rows = await findProjections(tx, collection, keys);
      const next = keys.length < found.length ? keys.at(-1)! : null;
      return { data: rows.map(toProjection), meta: { count: rows.length, next } };
    });
  }

  /** Throws PAYLOAD_TOO_LARGE, PRECONDITION_FAILED. */
  async put(principal: Principal, place: Place, state: unknown, condition: Condition): Promise<Written> {
    refuseIfTooLarge(state);
    const { tenantId, principalId: updatedByUserId } = principal;
    return this.#db.tenant(tenantId, async (tx) => {
      const now = this.#clock();
      for (;;) {
        const version = await lockVersion(tx, place);
        if (!holds(condition, version)) throw conditionFailed(place, version);
        if (version !== undefined) {
          const row = await replaceState(tx, place, { state, updatedByUserId, updatedAt: now });
          return { projection: toProjection(row), isNew: false };
        }
        const row = await insertProjection(tx, {
          tenantId,
          ...place,
          state,
          updatedByUserId,
          createdAt: now,
          updatedAt: now,
        });
        if (row) return { projection: toProjection(row), isNew: true };
        // Another writer's is there since: what it is decides anew.
      }
    });
  }

  /** What {@link put} would answer now. Throws what it would throw. */
  async previewPut(
    principal: Principal,
    place: Place,
    state: unknown,
    condition: Condition,
  ): Promise<Written> {
    refuseIfTooLarge(state);
    const present = await this.#db.tenant(principal.tenantId, (tx) => findProjection(tx, place));
    if (!holds(condition, present?.version)) throw conditionFailed(place, present?.version);
    const now = this.#clock();
    const projection = toProjection({
      ...(present ?? { id: randomUUID(), tenantId: principal.tenantId, ...place, createdAt: now }),
      state,
      version: (present?.version ?? 0) + 1,
      updatedByUserId: principal.principalId,
      updatedAt: now,
    });
    return { projection, isNew: present === undefined };
  }

  /** Throws NOT_FOUND, PRECONDITION_FAILED. */
  async delete({ tenantId }: Principal, place: Place, condition: Condition): Promise<void> {
    await this.#db.tenant(tenantId, async (tx) => {
      await requireDeletable(tx, place, condition);
      await deleteProjection(tx, place);
    });
  }

  /** Throws what {@link delete} would throw. */
  async previewDelete({ tenantId }: Principal, place: Place, condition: Condition): Promise<void> {
    await this.#db.tenant(tenantId, (tx) => requireDeletable(tx, place, condition));
  }
}

interface Written {
  projection: Projection;
  isNew: boolean;
}

/** The first ones whose sizes together are within the bound of a page (invariant 3). */
function fitting<T extends { bytes: number }>(rows: readonly T[]): T[] {
  let total = 0;
  return rows.filter(({ bytes }, i) => (total += bytes) <= LIMITS.projectionsPageBytes || i === 0);
}

async function requireDeletable(tx: Tx, place: Place, condition: Condition): Promise<void> {
  const version = await lockVersion(tx, place);
  if (version === undefined) throw notFound(place);
  if (!holds(condition, version)) throw conditionFailed(place, version);
}

function refuseIfTooLarge(state: unknown): void {
  const bytes = Buffer.byteLength(JSON.stringify(state));
  if (bytes <= LIMITS.projectionStateBytes) return;
  throw new PegasusError(
    'PAYLOAD_TOO_LARGE',
    `state: has ${bytes} bytes of JSON; at most ${LIMITS.projectionStateBytes} are allowed. Keep what workflows need of it, or split it over several keys.`,
  );
}

function nameOf({ integrationId, entityType, entityKey }: Place): string {
  return `${integrationId}/${entityType}/${entityKey}`;
}

function notFound(place: Place): PegasusError {
  return new PegasusError('NOT_FOUND', `There is no projection ${nameOf(place)}.`);
}

function conditionFailed(place: Place, version: number | undefined): PegasusError {
  const is = version === undefined ? 'does not exist' : `is at version ${version}`;
  return new PegasusError(
    'PRECONDITION_FAILED',
    `The projection ${nameOf(place)} ${is}, which is not what the call expects; read it again and decide anew.`,
  );
}
