import {
  dataOf,
  projectionSegmentSchema,
  type Projection,
  type ProjectionsPage,
} from '@pegasus-workflows/contracts';
import { backoffMs, delay } from './backoff.js';
import { isPegasusApiError } from './errors.js';
import type { CallOptions } from './options.js';
import { readProjection, readProjectionsPage } from './schemas.js';
import type { Transport } from './transport.js';

const PROJECTIONS = '/api/v1/integration-projections/runtime';
const UPDATE_ATTEMPTS = 10;

/** What the caller expects to be there; PRECONDITION_FAILED when it is not. */
export interface ProjectionCondition {
  /** Only when the projection is at this version. */
  ifVersion?: number | undefined;
}

export interface ProjectionsPageQuery {
  /** At most 200; default 50. A page can end earlier when its states are large: `meta.next` tells. */
  limit?: number | undefined;
  /** The `meta.next` of the page before. */
  after?: string | undefined;
}

export interface UpdateProjectionOptions extends CallOptions {
  /** How often to begin anew after somebody else was faster. Default 10. */
  maxAttempts?: number | undefined;
}

/**
 * What workflows remember of outside systems' records, by integration, type and key: `('shop', 'order', '1001')`. Each
 * of the three is 1 to 256 letters, digits, ".", "_", ":" and "-"; other names are a TypeError. The manifest declares
 * `ReadIntegrationProjection` and `WriteIntegrationProjection`.
 */
export class ProjectionsApi {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Throws NOT_FOUND; {@link find} does not. */
  async get(
    integration: string,
    entityType: string,
    key: string,
    options: CallOptions = {},
  ): Promise<Projection> {
    const call = { method: 'GET', path: pathOf(integration, entityType, key), repeatable: true } as const;
    return (await this.#transport.json(call, dataOf(readProjection), options)).data;
  }

  /** `undefined` when there is none. */
  async find(
    integration: string,
    entityType: string,
    key: string,
    options: CallOptions = {},
  ): Promise<Projection | undefined> {
    return this.get(integration, entityType, key, options).catch((error: unknown) => {
      if (isPegasusApiError(error) && error.code === 'NOT_FOUND') return undefined;
      throw error;
    });
  }

  /** One page, in the order of the keys. */
  async list(
    integration: string,
    entityType: string,
    { limit, after }: ProjectionsPageQuery = {},
    options: CallOptions = {},
  ): Promise<ProjectionsPage> {
    const query = new URLSearchParams();
    if (limit !== undefined) query.set('limit', String(limit));
    if (after !== undefined) query.set('after', after);
    const path = pathOf(integration, entityType) + (query.size === 0 ? '' : `?${query.toString()}`);
    const call = { method: 'GET', path, repeatable: true } as const;
    return this.#transport.json(call, readProjectionsPage, options);
  }

  /** All of them, page by page, in the order of the keys. */
  async *all(
    integration: string,
    entityType: string,
    options: CallOptions = {},
  ): AsyncGenerator<Projection, void, undefined> {
    let after: string | null | undefined;
    while (after !== null) {
      const page: ProjectionsPage = await this.list(integration, entityType, { after }, options);
      yield* page.data;
      after = page.meta.next;
    }
  }

  /** Sets or replaces the state, any JSON value of at most 256 KiB. `ifVersion` 0: only when there is none. */
  async put(
    integration: string,
    entityType: string,
    key: string,
    state: unknown,
    { ifVersion, ...options }: ProjectionCondition & CallOptions = {},
  ): Promise<Projection> {
    const call = {
      method: 'PUT',
      path: pathOf(integration, entityType, key),
      body: { state },
      ifMatch: ifVersion ? `"${ifVersion}"` : undefined,
      ifNoneMatch: ifVersion === 0 ? '*' : undefined,
      // A conditional change whose answer was lost would fail on its own success.
      repeatable: ifVersion === undefined,
    } as const;
    return (await this.#transport.json(call, dataOf(readProjection), options)).data;
  }

  /**
   * Reads the state (`undefined`: there is none), lets `change` make the next one of it, and writes that only if nobody
   * else has written meanwhile; otherwise begins anew. No change of two at once is lost.
   *
   * An activity that is tried again changes again: make `change` give the same state when it has been applied before.
   * Throws PRECONDITION_FAILED when others were faster every time.
   */
  async update(
    integration: string,
    entityType: string,
    key: string,
    change: (state: unknown) => unknown,
    { maxAttempts = UPDATE_ATTEMPTS, ...options }: UpdateProjectionOptions = {},
  ): Promise<Projection> {
    for (let attempt = 1; ; attempt++) {
      const present = await this.find(integration, entityType, key, options);
      const state = await change(present?.state);
      try {
        const condition = { ifVersion: present?.version ?? 0, ...options };
        return await this.put(integration, entityType, key, state, condition);
      } catch (error) {
        const wasFaster = isPegasusApiError(error) && error.code === 'PRECONDITION_FAILED';
        if (!wasFaster || attempt >= maxAttempts) throw error;
        await delay(backoffMs(Math.min(attempt - 1, 3)), options.signal);
      }
    }
  }

  /** Throws NOT_FOUND when there is none. */
  async delete(
    integration: string,
    entityType: string,
    key: string,
    { ifVersion, ...options }: ProjectionCondition & CallOptions = {},
  ): Promise<void> {
    const ifMatch = ifVersion === undefined ? undefined : `"${ifVersion}"`;
    const path = pathOf(integration, entityType, key);
    await this.#transport.empty({ method: 'DELETE', path, ifMatch, repeatable: false }, options);
  }
}

/** @throws TypeError naming the part that cannot be in a path */
function pathOf(integration: string, entityType: string, ...key: string[]): string {
  const named = { integration, entityType, ...(key.length > 0 ? { key: key[0] } : {}) };
  const segments = Object.entries(named).map(([name, segment]) => {
    const parsed = projectionSegmentSchema.safeParse(segment);
    if (parsed.success) return encodeURIComponent(parsed.data);
    throw new TypeError(`projections: ${name}: ${parsed.error.issues[0]!.message}`);
  });
  return [PROJECTIONS, ...segments].join('/');
}
