import { DEFAULT_GROUP, type RequirementsSummary } from '@pegasus-workflows/contracts';
import { type Principal, type Services } from '../infra/context.js';
import { listVisible, type WorkflowRow } from './store.js';

/** One secret or configuration value, as a manifest names it. */
export interface RequirementRef {
  kind: 'SECRET' | 'CONFIG';
  group: string;
  key: string;
}

/** Where secrets and configuration values are kept, as far as this capability needs to know. */
export interface RequirementLookup {
  /** For each of `wanted`, in order, whether the tenant has a value for it. */
  arePresent(tenantId: string, wanted: readonly RequirementRef[]): Promise<boolean[]>;
}

/** What every workflow the caller sees declares to need, and what of it is missing in the caller's tenant. */
export async function summarizeRequirements(
  services: Services,
  lookup: RequirementLookup,
  { tenantId }: Principal,
): Promise<RequirementsSummary> {
  const rows = await services.db.tenant(tenantId, (tx) => listVisible(tx, tenantId));
  const declared = rows.map((row) => ({ row, wanted: requirementsOf(row) }));
  const all = declared.flatMap(({ wanted }) => wanted);
  const present = (await lookup.arePresent(tenantId, all)).values();
  const workflows = declared.map(({ row, wanted }) => {
    const requirements = wanted.map((item) => ({ ...item, present: present.next().value ?? false }));
    return {
      workflowId: row.id,
      name: row.name,
      version: row.version,
      visibility: row.visibility,
      requirements,
      missingCount: requirements.filter((item) => !item.present).length,
    };
  });
  return { workflows, totalMissing: workflows.reduce((sum, { missingCount }) => sum + missingCount, 0) };
}

function requirementsOf({ manifest }: WorkflowRow) {
  const kinds = [
    ['SECRET', manifest.requiredSecrets ?? []],
    ['CONFIG', manifest.requiredConfigs ?? []],
  ] as const;
  return kinds.flatMap(([kind, wanted]) =>
    wanted.map(({ key, group = DEFAULT_GROUP, description = null }) => ({ kind, key, group, description })),
  );
}
