import { DEFAULT_GROUP, PegasusError, type Manifest } from '@pegasus-workflows/contracts';
import { eq } from 'drizzle-orm';
import { type Database } from '../infra/database.js';
import { workflows } from '../infra/schema.js';
import { listNames, type ValueName } from './store.js';

/** One value that a workflow cannot run without. */
export interface Requirement extends ValueName {
  description: string | null;
}

/** Every secret and configuration value that a manifest declares, secrets first, each once. */
export function requirementsOf(
  manifest: Pick<Manifest, 'requiredSecrets' | 'requiredConfigs'>,
): Requirement[] {
  const found = new Map<string, Requirement>();
  const add = (kind: ValueName['kind'], declared: Manifest['requiredSecrets']): void => {
    for (const { key, group = DEFAULT_GROUP, description = null } of declared ?? []) {
      const requirement = { kind, group, key, description };
      if (!found.has(identityOf(requirement))) found.set(identityOf(requirement), requirement);
    }
  };
  add('SECRET', manifest.requiredSecrets);
  add('CONFIG', manifest.requiredConfigs);
  return [...found.values()];
}

/** Those of `wanted` that are not among `present`, in order. */
export function missingOf<T extends ValueName>(wanted: readonly T[], present: readonly ValueName[]): T[] {
  const known = new Set(present.map(identityOf));
  return wanted.filter((requirement) => !known.has(identityOf(requirement)));
}

/** A key has no "/", so no two values have the same. */
function identityOf({ kind, group, key }: ValueName): string {
  return `${kind} ${group}/${key}`;
}

const CAPACITY = 2_000;

/**
 * Job: whether a tenant has set what a workflow version declares to need.
 *
 * Boundary: asked before anything is started, for a person's runs, retries and triggers alike. What a version needs
 * never changes, so it is remembered: a version that needs nothing costs nothing from its second run on.
 */
export class RequirementCheck {
  readonly #db: Database;
  readonly #known = new Map<string, readonly Requirement[]>();

  constructor(db: Database) {
    this.#db = db;
  }

  /** What is not set, in the manifest's order; nothing for a version that the tenant does not see. */
  async missing(tenantId: string, workflowId: string): Promise<Requirement[]> {
    const wanted = await this.#wantedBy(tenantId, workflowId);
    if (wanted.length === 0) return [];
    return missingOf(wanted, await this.#db.tenant(tenantId, listNames));
  }

  /** For each of `wanted`, in order, whether the tenant has a value for it. */
  async arePresent(tenantId: string, wanted: readonly ValueName[]): Promise<boolean[]> {
    if (wanted.length === 0) return [];
    const missing = new Set(missingOf(wanted, await this.#db.tenant(tenantId, listNames)));
    return wanted.map((requirement) => !missing.has(requirement));
  }

  /** Throws REQUIREMENTS_MISSING, one problem per value, unless everything is set. */
  async require(tenantId: string, workflowId: string): Promise<void> {
    const missing = await this.missing(tenantId, workflowId);
    if (missing.length > 0) throw requirementsMissing(missing);
  }

  async #wantedBy(tenantId: string, workflowId: string): Promise<readonly Requirement[]> {
    const known = this.#known.get(`${tenantId}/${workflowId}`);
    if (known) return known;
    const [row] = await this.#db.tenant(tenantId, (tx) =>
      tx.select({ manifest: workflows.manifest }).from(workflows).where(eq(workflows.id, workflowId)),
    );
    if (!row) return [];
    const wanted = requirementsOf(row.manifest);
    this.#known.set(`${tenantId}/${workflowId}`, wanted);
    if (this.#known.size > CAPACITY) this.#known.delete(this.#known.keys().next().value!);
    return wanted;
  }
}

/** The refusal that lists what is not set, also for the record of a trigger that could not start its run. */
export function requirementsMissing(missing: readonly Requirement[]): PegasusError {
  const named = missing.map(
    ({ kind, group, key }) => `${kind === 'SECRET' ? 'secret' : 'config'} ${group}/${key}`,
  );
  const sentence = `The workflow needs what is not set: ${named.join(', ')}. Set it, then run again.`;
  return new PegasusError('REQUIREMENTS_MISSING', sentence, {
    problems: missing.map(({ description }, i) => named[i] + (description ? `: ${description}` : '')),
    hint: 'Set a secret with: pegasus-workflows secrets set <key>; a config with: pegasus-workflows configs set <key>.',
  });
}
