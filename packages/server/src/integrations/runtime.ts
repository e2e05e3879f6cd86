import {
  PegasusError,
  projectionSegmentSchema,
  type MappedFromExternal,
  type MappedToExternal,
  type RecordAction,
  type RecordVerdict,
} from '@pegasus-workflows/contracts';
import {
  compileIntegration,
  parseConfig,
  valueAtField,
  type Integration,
  type IntegrationConfig,
} from '@pegasus-workflows/integrations';
import { type Logger } from '@pegasus-workflows/kit';
import { type Counter } from 'prom-client';
import { errorForLog } from '../infra/error-log.js';
import { type Principal, type Services } from '../infra/context.js';
import { findProjection } from '../projections/store.js';
import { baseFloorOf, partsOf } from './configs.js';
import { findActive, findParts, type ConfigHead } from './store.js';

/**
 * Job: records checked and mapped by the configuration that is in force.
 *
 * Boundary: reads `integration_configs` and `integration_projections`, writes nothing. The engine does the work.
 *
 * Invariants
 * 1. Every call goes by the version that is in force when it begins: which one that is is read each time, and only what
 *    never changes, a version compiled, is remembered, at most {@link CAPACITY} of them.
 * 2. A compiled version is found by the id of its row, which a tenant learns only from rows that it may see.
 * 3. A failure of the platform lets a record pass, and says so (`degraded`); what a record should become is never made up.
 */
const CAPACITY = 500;

export interface Compiled {
  config: IntegrationConfig;
  integration: Integration;
}

export class IntegrationRuntime {
  readonly #services: Services;
  readonly #logger: Logger;
  readonly #degraded: Counter;
  readonly #compiled = new Map<string, Compiled>();

  constructor(services: Services, degraded: Counter) {
    this.#services = services;
    this.#logger = services.logger;
    this.#degraded = degraded;
  }

  /** A record as the outside system has it, with the one before it: its projection, unless `prior` is given. */
  async validate(
    { tenantId }: Principal,
    integrationId: string,
    { order, prior, action }: { order: unknown; prior?: unknown; action?: RecordAction | undefined },
  ): Promise<RecordVerdict> {
    try {
      const compiled = await this.find(tenantId, integrationId);
      if (!compiled) return this.#letPass(tenantId, integrationId, new Error('there is no configuration'));
      const before =
        prior === undefined ? await this.#projected(tenantId, integrationId, compiled, order) : prior;
      return { ...compiled.integration.validate({ order, prior: before, action }), degraded: false };
    } catch (error) {
      return this.#letPass(tenantId, integrationId, error);
    }
  }

  /** A canonical record in the form of the outside system. Throws NOT_FOUND. */
  async mapTo(
    { tenantId }: Principal,
    integrationId: string,
    { data, action }: { data: unknown; action?: RecordAction | undefined },
  ): Promise<MappedToExternal> {
    const { integration } = await this.require(tenantId, integrationId);
    return { ...integration.mapTo(data, action), degraded: false };
  }

  /** A record of the outside system, made canonical. Throws NOT_FOUND. */
  async mapFrom({ tenantId }: Principal, integrationId: string, data: unknown): Promise<MappedFromExternal> {
    const { integration } = await this.require(tenantId, integrationId);
    return { ...integration.mapFrom({ order: data }), degraded: false };
  }

  /** The same. Throws NOT_FOUND. */
  async require(tenantId: string, integrationId: string): Promise<Compiled> {
    const compiled = await this.find(tenantId, integrationId);
    if (compiled) return compiled;
    throw new PegasusError('NOT_FOUND', `There is no configuration of ${integrationId}.`);
  }

  /** The version in force, compiled; `undefined` when there is none. Invariants 1 and 2. */
  async find(tenantId: string, integrationId: string): Promise<Compiled | undefined> {
    const found = await this.#services.db.tenant(tenantId, async (tx) => {
      const head = await findActive(tx, tenantId, integrationId);
      const known = head && this.#compiled.get(head.id);
      return head && { head, known, row: known ? undefined : await findParts(tx, head.id) };
    });
    if (!found) return undefined;
    if (found.known) return found.known;
    const compiled = compiledFrom(found.head, found.row!);
    this.#compiled.set(found.head.id, compiled);
    if (this.#compiled.size > CAPACITY) this.#compiled.delete(this.#compiled.keys().next().value!);
    return compiled;
  }

  /** The record as it was, by the key that the configuration names; `undefined` where there is none. */
  async #projected(
    tenantId: string,
    integrationId: string,
    { config: { inbound }, integration }: Compiled,
    order: unknown,
  ): Promise<unknown> {
    if (!inbound || !integration.needsPrior) return undefined;
    const { canonical } = integration.mapFrom({ order });
    const entityKey = projectionSegmentSchema.safeParse(String(valueAtField(canonical, inbound.key)));
    if (!entityKey.success) return undefined;
    const place = { integrationId, entityType: inbound.entityType, entityKey: entityKey.data };
    const row = await this.#services.db.tenant(tenantId, (tx) => findProjection(tx, place));
    return row?.state;
  }

  /** Invariant 3. */
  #letPass(tenantId: string, integrationId: string, error: unknown): RecordVerdict {
    this.#degraded.inc();
    this.#logger.warn({ tenantId, integrationId, error: errorForLog(error) }, 'a record was not checked');
    return { valid: true, issues: [], degraded: true };
  }
}

function compiledFrom(
  { integrationId, version }: ConfigHead,
  row: Parameters<typeof baseFloorOf>[0] & Parameters<typeof partsOf>[0],
): Compiled {
  const { config, problems } = parseConfig({ ...partsOf(row), corpus: [] }, baseFloorOf(row));
  if (config) return { config, integration: compileIntegration(config) };
  throw new Error(
    `version ${version} of ${integrationId} does not parse any more: ${problems[0]?.where} ${problems[0]?.problem}`,
  );
}
