import { randomUUID } from 'node:crypto';
import {
  LIMITS,
  PegasusError,
  projectionSegmentSchema,
  projectionsQuerySchema,
  putProjectionSchema,
  type Projection,
} from '@pegasus-workflows/contracts';
import { z } from 'zod';
import { localRoute, type LocalPlan, type LocalRoute } from './router.js';

/** A projection that is there before the activity runs. */
export interface LocalProjection {
  integration: string;
  entityType: string;
  key: string;
  /** Any JSON value. */
  state: unknown;
}

const LIST = '/api/v1/integration-projections/runtime/:integration/:entityType';
const ONE = `${LIST}/:key`;
const listParams = z.object({ integration: projectionSegmentSchema, entityType: projectionSegmentSchema });
const params = listParams.extend({ key: projectionSegmentSchema });
type Place = z.output<typeof params>;

/** Projections in memory, with versions and conditions as the platform has them. */
export class LocalProjections {
  readonly #now: () => Date;
  readonly #rows = new Map<string, Projection>();

  constructor({ given, now }: { given: readonly LocalProjection[]; now: () => Date }) {
    this.#now = now;
    for (const { state, ...place } of given) this.#rows.set(nameOf(place), this.#next(place, state));
  }

  /** All of them, as they are now, by name. */
  get all(): Projection[] {
    return [...this.#rows]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, projection]) => structuredClone(projection));
  }

  get routes(): LocalRoute[] {
    return [this.#list(), this.#get(), this.#put(), this.#delete()];
  }

  #list(): LocalRoute {
    return localRoute({
      method: 'GET',
      path: LIST,
      action: 'ReadIntegrationProjection',
      params: listParams,
      query: projectionsQuerySchema,
      plan: ({ params: { integration, entityType }, query: { limit, after } }) => {
        const found = this.all
          .filter((row) => row.integrationId === integration && row.entityType === entityType)
          .filter(({ entityKey }) => after === undefined || entityKey > after);
        const data = found.slice(0, limit);
        const next = data.length < found.length ? data.at(-1)!.entityKey : null;
        return { status: 200, data, meta: { count: data.length, next } };
      },
    });
  }

  #get(): LocalRoute {
    return localRoute({
      method: 'GET',
      path: ONE,
      action: 'ReadIntegrationProjection',
      params,
      plan: ({ params: place, headers }) => {
        const projection = this.#present(place);
        if (holds(headers, projection.version)) return tagged(200, projection);
        return { status: 304, headers: tagged(200, projection).headers };
      },
    });
  }

  #put(): LocalRoute {
    return localRoute({
      method: 'PUT',
      path: ONE,
      action: 'WriteIntegrationProjection',
      params,
      body: putProjectionSchema,
      maxBodyBytes: LIMITS.projectionBodyBytes,
      mutation: { method: 'projections.put' },
      plan: ({ params: place, body: { state }, headers }) => {
        refuseIfTooLarge(state);
        const present = this.#rows.get(nameOf(place));
        requireCondition(place, headers, present?.version);
        const projection = this.#next(place, state, present);
        const commit = () => void this.#rows.set(nameOf(place), projection);
        return { ...tagged(present ? 200 : 201, projection), commit };
      },
    });
  }

  #delete(): LocalRoute {
    return localRoute({
      method: 'DELETE',
      path: ONE,
      action: 'WriteIntegrationProjection',
      params,
      mutation: { method: 'projections.delete' },
      plan: ({ params: place, headers }) => {
        requireCondition(place, headers, this.#present(place).version);
        return { status: 204, commit: () => void this.#rows.delete(nameOf(place)) };
      },
    });
  }

  #present(place: Place): Projection {
    const projection = this.#rows.get(nameOf(place));
    if (projection) return projection;
    throw new PegasusError('NOT_FOUND', `There is no projection ${nameOf(place)}.`);
  }

  #next(place: Place, state: unknown, present?: Projection): Projection {
    const now = this.#now().toISOString();
    return {
      id: present?.id ?? randomUUID(),
      integrationId: place.integration,
      entityType: place.entityType,
      entityKey: place.key,
      state,
      version: (present?.version ?? 0) + 1,
      updatedByUserId: null,
      createdAt: present?.createdAt ?? now,
      updatedAt: now,
    };
  }
}

function nameOf({ integration, entityType, key }: Place): string {
  return `${integration}/${entityType}/${key}`;
}

function tagged(status: 200 | 201, projection: Projection): LocalPlan {
  return { status, data: projection, headers: { ETag: `"${projection.version}"` } };
}

function refuseIfTooLarge(state: unknown): void {
  const bytes = Buffer.byteLength(JSON.stringify(state));
  if (bytes <= LIMITS.projectionStateBytes) return;
  throw new PegasusError(
    'PAYLOAD_TOO_LARGE',
    `state: has ${bytes} bytes of JSON; at most ${LIMITS.projectionStateBytes} are allowed. Keep what workflows need of it, or split it over several keys.`,
  );
}

function requireCondition(place: Place, headers: Headers, version: number | undefined): void {
  if (holds(headers, version)) return;
  const is = version === undefined ? 'does not exist' : `is at version ${version}`;
  throw new PegasusError(
    'PRECONDITION_FAILED',
    `The projection ${nameOf(place)} ${is}, which is not what the call expects; read it again and decide anew.`,
  );
}

/** `If-Match` and `If-None-Match` as clients send them: `*`, or versions in quotes. */
function holds(headers: Headers, version: number | undefined): boolean {
  const names = (name: string): boolean | null => {
    const tags = headers
      .get(name)
      ?.split(',')
      .map((tag) => tag.trim());
    if (!tags) return null;
    return version !== undefined && tags.some((tag) => tag === '*' || tag === `"${version}"`);
  };
  return names('if-match') !== false && names('if-none-match') !== true;
}
