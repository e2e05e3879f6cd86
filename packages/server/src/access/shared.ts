import { PegasusError, type Role } from '@pegasus-workflows/contracts';
import { and, eq, gt, isNull, or, sql, type SQL } from 'drizzle-orm';
import { type PgColumn } from 'drizzle-orm/pg-core';
import { type Principal } from '../infra/context.js';
import { type Tx } from '../infra/database.js';
import { apiKeys, principals } from '../infra/schema.js';

/** What every tenant must keep at least one working key of. */
export const ADMIN: Role = 'tenant_admin';

/** Throws FORBIDDEN for every tenant but the platform's: an administrator's role alone holds ManageTenants. */
export function requirePlatform({ isPlatformTenant }: Principal): void {
  if (isPlatformTenant) return;
  throw new PegasusError(
    'FORBIDDEN',
    'Only the platform tenant manages tenants; make this call with a key of the platform tenant.',
  );
}

/** Rows older than the row with the id `before`, in the order newest first. */
export function olderThan(
  table: { id: PgColumn; createdAt: PgColumn },
  before: string | undefined,
): SQL | undefined {
  if (before === undefined) return undefined;
  return sql`(${table.createdAt}, ${table.id}) < (select created_at, id from ${table.id.table} as last where last.id = ${before})`;
}

/**
 * Makes changes of one tenant's members and keys wait for each other until the transaction ends. Without it, two
 * administrators could each remove the other's last key.
 */
export async function lockAccess(tx: Tx, tenantId: string): Promise<void> {
  await tx.execute(sql`select pg_advisory_xact_lock(hashtextextended(${`access/${tenantId}`}, 0))`);
}

/** Throws CONFLICT when the transaction has left the tenant without a working key of an administrator. */
export async function keepAnAdministrator(tx: Tx, tenantId: string, now: Date): Promise<void> {
  const holdsAdmin = (column: PgColumn) => sql`${column} @> ${JSON.stringify([ADMIN])}::jsonb`;
  const [working] = await tx
    .select({ id: apiKeys.id })
    .from(apiKeys)
    .innerJoin(principals, eq(principals.id, apiKeys.principalId))
    .where(
      and(
        eq(apiKeys.tenantId, tenantId),
        isNull(apiKeys.revokedAt),
        or(isNull(apiKeys.expiresAt), gt(apiKeys.expiresAt, now)),
        holdsAdmin(apiKeys.roles),
        isNull(principals.disabledAt),
        isNull(principals.removedAt),
        or(isNull(principals.roles), holdsAdmin(principals.roles)),
      ),
    )
    .limit(1);
  if (working) return;
  throw new PegasusError(
    'CONFLICT',
    'This would leave the tenant without a working key of a tenant_admin; make another one first.',
  );
}
