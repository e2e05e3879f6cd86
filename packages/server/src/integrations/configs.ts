import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  DEFAULT_GROUP,
  integrationConfigBodySchema,
  PegasusError,
  type GateReportBody,
  type IntegrationConfigBody,
  type IntegrationConfigVersion,
  type IntegrationRequirements,
  type IntegrationSummary,
  type IntegrationVersion,
} from '@pegasus-workflows/contracts';
import { gateSteps, NO_FLOOR, parseConfig, type WholeFloor } from '@pegasus-workflows/integrations';
import { KeyedCount } from '@pegasus-workflows/kit';
import { refuseOverStorage } from '../access/storage-quota.js';
import { holds, type Condition } from '../infra/conditions.js';
import { type Principal, type Services } from '../infra/context.js';
import { type Tx } from '../infra/database.js';
import { type RequirementLookup, type RequirementRef } from '../workflows/requirements.js';
import {
  countOverlays,
  deleteLineage,
  findActive,
  findBody,
  findGlobal,
  findParts,
  findVersion,
  insertVersion,
  listHeads,
  listRequirements,
  listVersions,
  lockLineage,
  toVersion,
  type ConfigHead,
  type ConfigRow,
} from './store.js';

/**
 * Job: versions of integration configurations: published, listed, rolled back, forked, dropped.
 *
 * Boundary: rows of `integration_configs`, each change one transaction, written down by the audit trigger. What a
 * configuration may say is the engine's to decide (`@pegasus-workflows/integrations`); what runs on it is `runtime.ts`.
 *
 * Invariants
 * 1. No version is written that the gate has not passed in this very call, whatever its corpus says and whoever asks:
 *    publish, rollback and fork all go through {@link Configs.#insert}.
 * 2. A version is never changed. The active one is the newest of the tenant's own lineage, else of the GLOBAL one; a
 *    publish that fails leaves it.
 * 3. Of two publishers at once both succeed, one after the other, unless they say which version they mean to replace:
 *    then one is told PRECONDITION_FAILED.
 * 4. A configuration that is laid over a GLOBAL one keeps the floor of that one.
 * 5. The gate of one tenant runs once at a time, and lets others have their turn between its steps.
 */
export class Configs {
  readonly #services: Services;
  readonly #gates = new KeyedCount();

  constructor(services: Services) {
    this.#services = services;
  }

  /** The gate's report; nothing is written. Throws RATE_LIMITED. */
  async check(
    { tenantId, isPlatformTenant }: Principal,
    integrationId: string,
    body: Body,
  ): Promise<GateReportBody> {
    const base = isPlatformTenant ? NO_FLOOR : await this.#globalFloor(tenantId, integrationId);
    return this.#gate(tenantId, body, base);
  }

  /** Throws GATE_FAILED, FEATURE_DISABLED, PRECONDITION_FAILED, STORAGE_QUOTA_EXCEEDED, RATE_LIMITED. */
  async publish(
    principal: Principal,
    integrationId: string,
    body: Body,
    condition: Condition,
  ): Promise<IntegrationVersion> {
    return this.#insert(principal, integrationId, body, { condition });
  }

  /** Publishes an old version of the caller's own lineage once more. Throws NOT_FOUND and what {@link publish} does. */
  async rollback(principal: Principal, integrationId: string, version: number): Promise<IntegrationVersion> {
    const row = await this.#services.db.tenant(principal.tenantId, (tx) =>
      findVersion(tx, principal.tenantId, integrationId, version),
    );
    if (!row) {
      throw new PegasusError(
        'NOT_FOUND',
        `There is no version ${version} of ${integrationId} that is the tenant's own.`,
        {
          hint: `Run \`pegasus-workflows integration-config versions ${integrationId}\` to see those that there are.`,
        },
      );
    }
    return this.#insert(principal, integrationId, bodyOf(row), { rolledBackFrom: version });
  }

  /** Copies the GLOBAL one into the tenant. Throws NOT_FOUND, CONFLICT, and what {@link publish} does. */
  async fork(principal: Principal, integrationId: string, force: boolean): Promise<IntegrationVersion> {
    const { tenantId } = principal;
    const source = await this.#services.db.tenant(tenantId, async (tx) => {
      const head = await findGlobal(tx, integrationId);
      return head && (await findBody(tx, head.id));
    });
    if (!source || source.tenantId === tenantId) {
      throw new PegasusError('NOT_FOUND', `There is no GLOBAL configuration of ${integrationId} to copy.`);
    }
    return this.#insert(principal, integrationId, bodyOf(source), {
      forkedFromVersion: source.version,
      refuse: (newest) =>
        newest === 0 || force
          ? undefined
          : new PegasusError(
              'CONFLICT',
              `The tenant has a configuration of ${integrationId} already; with force=true the copy becomes its next version.`,
            ),
    });
  }

  /** Drops the caller's own lineage. Throws NOT_FOUND, DEPENDENTS_EXIST. */
  async drop(
    { tenantId, isPlatformTenant }: Principal,
    integrationId: string,
    force: boolean,
  ): Promise<void> {
    if (isPlatformTenant && !force) {
      const tenants = await this.#services.db.system((tx) => countOverlays(tx, integrationId));
      if (tenants > 0) {
        throw new PegasusError(
          'DEPENDENTS_EXIST',
          `${tenants} ${tenants === 1 ? 'tenant has' : 'tenants have'} a configuration laid over this one; with force=true it is dropped, and theirs stay.`,
        );
      }
    }
    await this.#services.db.tenant(tenantId, async (tx) => {
      await lockLineage(tx, tenantId, integrationId);
      if ((await deleteLineage(tx, tenantId, integrationId)) === 0) throw noneFor(integrationId);
    });
  }

  /** The active one for the caller. Throws NOT_FOUND. */
  async active({ tenantId }: Principal, integrationId: string): Promise<IntegrationConfigVersion> {
    const row = await this.#services.db.tenant(tenantId, async (tx) => {
      const head = await findActive(tx, tenantId, integrationId);
      return head && (await findBody(tx, head.id));
    });
    if (!row) throw noneFor(integrationId);
    return toConfig(row, true);
  }

  /** One version of the lineage that is in force for the caller. Throws NOT_FOUND. */
  async version(
    { tenantId }: Principal,
    integrationId: string,
    version: number,
  ): Promise<IntegrationConfigVersion> {
    const found = await this.#services.db.tenant(tenantId, async (tx) => {
      const head = await findActive(tx, tenantId, integrationId);
      const row = head && (await findVersion(tx, head.tenantId, integrationId, version));
      return row && { row, active: row.id === head.id };
    });
    if (!found) throw new PegasusError('NOT_FOUND', `There is no version ${version} of ${integrationId}.`);
    return toConfig(found.row, found.active);
  }

  /** Of the lineage that is in force for the caller, newest first. Throws NOT_FOUND. */
  async versions({ tenantId }: Principal, integrationId: string): Promise<IntegrationVersion[]> {
    const heads = await this.#services.db.tenant(tenantId, async (tx) => {
      const head = await findActive(tx, tenantId, integrationId);
      return head ? listVersions(tx, head.tenantId, integrationId) : [];
    });
    if (heads.length === 0) throw noneFor(integrationId);
    return heads.map((head, at) => toVersion(head, at === 0));
  }

  /** What is in force for the caller, by integration. */
  async list({ tenantId }: Principal): Promise<IntegrationSummary[]> {
    return inForce(await this.#services.db.tenant(tenantId, (tx) => listHeads(tx, tenantId)), tenantId);
  }

  /** What the configurations in force need, and what of it the tenant has not set. */
  async requirements({ tenantId }: Principal, lookup: RequirementLookup): Promise<IntegrationRequirements> {
    const declared = await this.#services.db.tenant(tenantId, async (tx) => {
      const heads = inForce(await listHeads(tx, tenantId), tenantId);
      const wanted = await listRequirements(
        tx,
        heads.map(({ id }) => id),
      );
      return heads.map((head) => ({ head, wanted: requirementsOf(wanted.get(head.id)) }));
    });
    const all = declared.flatMap(({ wanted }) => wanted);
    const present = (await lookup.arePresent(tenantId, all)).values();
    const integrations = declared.map(({ head: { integrationId, version, visibility }, wanted }) => {
      const requirements = wanted.map((item) => ({ ...item, present: present.next().value ?? false }));
      const missingCount = requirements.filter((item) => !item.present).length;
      return { integrationId, version, visibility, requirements, missingCount };
    });
    return {
      integrations,
      totalMissing: integrations.reduce((sum, { missingCount }) => sum + missingCount, 0),
    };
  }

  /** Invariants 1 and 3. */
  async #insert(
    principal: Principal,
    integrationId: string,
    body: Body,
    { condition, refuse, ...origin }: Origin,
  ): Promise<IntegrationVersion> {
    const { db, settings, clock } = this.#services;
    const { tenantId, principalId, isPlatformTenant } = principal;
    if (!settings.integrationPublishEnabled) {
      throw new PegasusError(
        'FEATURE_DISABLED',
        'Publishing integration configurations is switched off on this platform.',
        {
          hint: 'Ask its operator: INTEGRATION_CONFIG_PUBLISH_ENABLED.',
        },
      );
    }
    const base = isPlatformTenant ? NO_FLOOR : await this.#globalFloor(tenantId, integrationId);
    const report = await this.#gate(tenantId, body, base);
    if (!report.ok) throw new PegasusError('GATE_FAILED', sentenceOf(report), { report });
    const { corpus, displayName, ...parts } = body;
    const row = await db.tenant(tenantId, async (tx) => {
      const newest = await lockLineage(tx, tenantId, integrationId);
      const refusal = refuse?.(newest);
      if (refusal) throw refusal;
      if (condition && !holds(condition, newest || undefined)) throw conditionFailed(integrationId, newest);
      const inserted = await insertVersion(tx, {
        tenantId,
        integrationId,
        version: newest + 1,
        visibility: isPlatformTenant ? 'GLOBAL' : 'TENANT',
        displayName: displayName ?? null,
        parts: JSON.stringify(parts),
        corpus: JSON.stringify(corpus),
        baseFloor: base === NO_FLOOR ? null : JSON.stringify({ fields: [...base.fields], rules: base.rules }),
        ...origin,
        createdByUserId: principalId,
        createdAt: clock(),
      });
      await refuseOverStorage(tx, tenantId);
      return inserted;
    });
    return toVersion(row, true);
  }

  /** Invariant 5. */
  async #gate(tenantId: string, body: Body, base: WholeFloor): Promise<GateReportBody> {
    if (this.#gates.of(tenantId) > 0) {
      throw new PegasusError(
        'RATE_LIMITED',
        'Another configuration of this tenant is being checked; try again when it is done.',
        {
          retryAfterSeconds: 1,
        },
      );
    }
    this.#gates.begin(tenantId);
    try {
      const steps = gateSteps(body, base);
      for (;;) {
        const step = steps.next();
        if (step.done) return step.value;
        await nextTurn();
      }
    } finally {
      this.#gates.end(tenantId);
    }
  }

  /** Invariant 4: the floor of the GLOBAL configuration in force; none where there is no such. */
  async #globalFloor(tenantId: string, integrationId: string): Promise<WholeFloor> {
    const row = await this.#services.db.tenant(tenantId, async (tx: Tx) => {
      const head = await findGlobal(tx, integrationId);
      return head && (await findParts(tx, head.id));
    });
    if (!row) return NO_FLOOR;
    const { config } = parseConfig({ ...partsOf(row), corpus: [] });
    return config?.floor ?? NO_FLOOR;
  }
}

type Body = IntegrationConfigBody;

/** Of the lineages that a tenant sees one for each integration: its own, else the GLOBAL one. */
function inForce(heads: readonly ConfigHead[], tenantId: string): IntegrationSummary[] {
  const byIntegration = new Map<string, ConfigHead[]>();
  for (const head of heads) {
    byIntegration.set(head.integrationId, [...(byIntegration.get(head.integrationId) ?? []), head]);
  }
  return [...byIntegration.values()].map((both) => {
    const own = both.find((head) => head.tenantId === tenantId);
    const overlaysGlobal =
      own?.visibility === 'TENANT' && both.some(({ visibility }) => visibility === 'GLOBAL');
    return { ...toVersion(own ?? both[0]!, true), overlaysGlobal };
  });
}

const requirementsSchema = integrationConfigBodySchema.pick({ requiredSecrets: true, requiredConfigs: true });

function requirementsOf(declared: { secrets: unknown; configs: unknown } | undefined): RequirementRef[] {
  const parsed = requirementsSchema.parse({
    requiredSecrets: declared?.secrets ?? undefined,
    requiredConfigs: declared?.configs ?? undefined,
  });
  const kinds = [
    ['SECRET', parsed.requiredSecrets ?? []],
    ['CONFIG', parsed.requiredConfigs ?? []],
  ] as const;
  return kinds.flatMap(([kind, wanted]) =>
    wanted.map((one) =>
      typeof one === 'string' ? { kind, group: DEFAULT_GROUP, key: one } : { kind, ...one },
    ),
  );
}

interface Origin {
  condition?: Condition;
  rolledBackFrom?: number;
  forkedFromVersion?: number;
  /** Why there may be no further version, when there are that many. */
  refuse?: (newest: number) => PegasusError | undefined;
}

/** What was published, but for its corpus. */
export function partsOf({ parts }: Pick<ConfigRow, 'parts'>): Omit<Body, 'corpus' | 'displayName'> {
  return JSON.parse(parts) as Omit<Body, 'corpus' | 'displayName'>;
}

/** The floor that a version was published over. */
export function baseFloorOf({ baseFloor }: Pick<ConfigRow, 'baseFloor'>): WholeFloor {
  if (baseFloor === null) return NO_FLOOR;
  const { fields, rules } = JSON.parse(baseFloor) as {
    fields: [string, never][];
    rules: WholeFloor['rules'];
  };
  return { fields: new Map(fields), rules };
}

function bodyOf(row: ConfigRow): Body {
  const { displayName } = row;
  return {
    ...partsOf(row),
    corpus: JSON.parse(row.corpus) as unknown,
    ...(displayName === null ? {} : { displayName }),
  };
}

function toConfig(row: ConfigRow, active: boolean): IntegrationConfigVersion {
  const { parts, corpus, baseFloor: _internal, ...head } = row;
  return {
    ...toVersion(head, active),
    ...(JSON.parse(parts) as Pick<IntegrationConfigVersion, 'mapping' | 'rules'>),
    corpus: JSON.parse(corpus) as unknown,
  };
}

function sentenceOf({ problems, corpus: { total, passed, failures } }: GateReportBody): string {
  const found = [
    ...(problems.length > 0 ? [`${problems.length} ${problems.length === 1 ? 'problem' : 'problems'}`] : []),
    ...(failures.length > 0 ? [`${total - passed} of ${total} cases of the corpus failed`] : []),
  ];
  const [first] = problems;
  const where = first ? `; first: ${first.where} ${first.problem}` : '';
  return `The gate refuses this configuration: ${found.join(', ')}${where}. Nothing was published.`;
}

function noneFor(integrationId: string): PegasusError {
  return new PegasusError('NOT_FOUND', `There is no configuration of ${integrationId}.`, {
    hint: 'Run `pegasus-workflows integration-config list` to see those that there are.',
  });
}

function conditionFailed(integrationId: string, newest: number): PegasusError {
  const is = newest === 0 ? 'there is none' : `it is at version ${newest}`;
  return new PegasusError(
    'PRECONDITION_FAILED',
    `The configuration of ${integrationId} is not at the version that the call expects: ${is}. Pull it again, and decide anew.`,
  );
}
