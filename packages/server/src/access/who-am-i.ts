import { ACTIONS, type WhoAmI } from '@pegasus-workflows/contracts';
import { eq } from 'drizzle-orm';
import { type Principal, type Services } from '../infra/context.js';
import { apiKeys, principals, tenants } from '../infra/schema.js';

/** Who makes a call, and what they may do. */
export async function whoAmI({ db }: Pick<Services, 'db'>, caller: Principal): Promise<WhoAmI> {
  const { tenantId, principalId, keyId, execution, actions } = caller;
  return db.tenant(tenantId, async (tx) => {
    const [tenant] = await tx.select().from(tenants).where(eq(tenants.id, tenantId));
    const [member] = await tx.select().from(principals).where(eq(principals.id, principalId));
    const [key] = keyId === null ? [] : await tx.select().from(apiKeys).where(eq(apiKeys.id, keyId));
    const { slug, displayName, isPlatform } = tenant!;
    return {
      tenant: { id: tenantId, slug, displayName, isPlatform },
      member: member
        ? { id: member.id, kind: member.kind, name: member.name, email: member.email, roles: member.roles }
        : null,
      key: key
        ? {
            id: key.id,
            name: key.name,
            prefix: key.prefix,
            roles: key.roles,
            expiresAt: key.expiresAt?.toISOString() ?? null,
          }
        : null,
      execution: execution
        ? { id: execution.id, workflowId: execution.workflowId, dryRun: execution.dryRun }
        : null,
      actions: ACTIONS.filter((action) => actions.has(action)),
    };
  });
}
