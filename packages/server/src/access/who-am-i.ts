import { ACTIONS, type WhoAmI } from '@pegasus-workflows/contracts';
import { eq, sql } from 'drizzle-orm';
import { type Principal, type Services } from '../infra/context.js';
import { apiKeys, principals, tenants } from '../infra/schema.js';

/** Who makes a call, and what they may do. */
export async function whoAmI({ db }: Pick<Services, 'db'>, caller: Principal): Promise<WhoAmI> {
  const { tenantId, principalId, keyId, execution, actions } = caller;
  return db.tenant(tenantId, async (tx) => {
    const [row] = await tx
      .select({
        tenant: { slug: tenants.slug, displayName: tenants.displayName, isPlatform: tenants.isPlatform },
        member: {
          id: principals.id,
          kind: principals.kind,
          name: principals.name,
          email: principals.email,
          roles: principals.roles,
        },
        key: {
          id: apiKeys.id,
          name: apiKeys.name,
          prefix: apiKeys.prefix,
          roles: apiKeys.roles,
          expiresAt: apiKeys.expiresAt,
        },
      })
      .from(tenants)
      .leftJoin(principals, eq(principals.id, principalId))
      .leftJoin(apiKeys, keyId === null ? sql`false` : eq(apiKeys.id, keyId))
      .where(eq(tenants.id, tenantId));
    const { tenant, member, key } = row!;
    return {
      tenant: { id: tenantId, ...tenant },
      member,
      key: key && { ...key, expiresAt: key.expiresAt?.toISOString() ?? null },
      execution: execution
        ? { id: execution.id, workflowId: execution.workflowId, dryRun: execution.dryRun }
        : null,
      actions: ACTIONS.filter((action) => actions.has(action)),
    };
  });
}
