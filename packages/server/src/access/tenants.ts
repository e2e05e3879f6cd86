import {
  PegasusError,
  type CreatedApiKey,
  type CreatedTenant,
  type CreateTenantRequest,
  type PageQuery,
  type Tenant,
  type UpdateTenantRequest,
} from '@pegasus-workflows/contracts';
import { and, desc, eq, isNull } from 'drizzle-orm';
import { type Principal, type Services } from '../infra/context.js';
import { type Tx } from '../infra/database.js';
import { principals, tenants } from '../infra/schema.js';
import { insertKey } from './api-keys.js';
import { ADMIN, lockAccess, olderThan, requirePlatform } from './shared.js';

/**
 * Job: the tenants of the platform, their quotas, and the first key of each.
 *
 * Boundary: rows of `tenants`, and the service account `admin` of each; for the platform tenant only, which therefore
 * works beyond row-level security here. Quotas are enforced where runs, events and artifacts come in.
 *
 * Invariants
 * 1. Only the platform tenant reads or changes another tenant.
 * 2. A tenant is made together with a working key of an administrator, or not at all. An answer that was lost is made
 *    good by {@link makeAdminKey}.
 * 3. The platform tenant cannot be disabled: nobody could enable it again.
 */
type TenantRow = typeof tenants.$inferSelect;
type Ports = Pick<Services, 'db' | 'clock'>;

/** The service account that a tenant begins with. */
const ADMIN_ACCOUNT = 'admin';

function toTenant(row: TenantRow): Tenant {
  const { maxOpenExecutions, maxExecutionsPerDay, maxPayloadBytes, maxStorageBytes, maxStartsPerSecond } =
    row;
  return {
    id: row.id,
    slug: row.slug,
    displayName: row.displayName,
    isPlatform: row.isPlatform,
    disabledAt: row.disabledAt?.toISOString() ?? null,
    quotas: { maxOpenExecutions, maxExecutionsPerDay, maxPayloadBytes, maxStorageBytes, maxStartsPerSecond },
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
  };
}

/** The caller's own. */
export async function ownTenant({ db }: Ports, { tenantId }: Principal): Promise<Tenant> {
  return toTenant(await db.tenant(tenantId, (tx) => requireTenant(tx, tenantId)));
}

/** One page of all tenants, newest first. */
export async function listTenants({ db }: Ports, caller: Principal, page: PageQuery): Promise<Tenant[]> {
  requirePlatform(caller);
  const rows = await db.system((tx) =>
    tx
      .select()
      .from(tenants)
      .where(olderThan(tenants, page.before))
      .orderBy(desc(tenants.createdAt), desc(tenants.id))
      .limit(page.limit),
  );
  return rows.map(toTenant);
}

/** Throws NOT_FOUND. */
export async function getTenant({ db }: Ports, caller: Principal, id: string): Promise<Tenant> {
  requirePlatform(caller);
  return toTenant(await db.system((tx) => requireTenant(tx, id)));
}

/** Throws CONFLICT when the slug is taken. */
export async function createTenant(
  { db }: Ports,
  caller: Principal,
  { slug, displayName, quotas }: CreateTenantRequest,
): Promise<CreatedTenant> {
  requirePlatform(caller);
  return db.system(async (tx) => {
    const [row] = await tx
      .insert(tenants)
      .values({ ...quotas, slug, displayName })
      .onConflictDoNothing()
      .returning();
    if (!row) throw new PegasusError('CONFLICT', `The slug ${slug} is taken by another tenant.`);
    return { ...toTenant(row), adminKey: await insertAdminKey(tx, row.id, caller) };
  });
}

/** Changes quotas and display name, disables and enables; what is not named stays. */
export async function updateTenant(
  { db, clock }: Ports,
  caller: Principal,
  id: string,
  { displayName, quotas, disabled }: UpdateTenantRequest,
): Promise<Tenant> {
  requirePlatform(caller);
  return db.system(async (tx) => {
    const before = await requireTenant(tx, id, 'update');
    if (disabled && before.isPlatform)
      throw new PegasusError('CONFLICT', 'The platform tenant cannot be disabled.');
    const now = clock();
    const [row] = await tx
      .update(tenants)
      .set({
        ...quotas,
        updatedAt: now,
        ...(displayName === undefined ? {} : { displayName }),
        ...(disabled === undefined ? {} : { disabledAt: disabled ? (before.disabledAt ?? now) : null }),
      })
      .where(eq(tenants.id, id))
      .returning();
    return toTenant(row!);
  });
}

/**
 * A further key of the tenant's administrator, for one that was lost: the service account is made again when it was
 * removed, and is an enabled administrator afterwards. Throws NOT_FOUND.
 */
export async function makeAdminKey({ db }: Ports, caller: Principal, id: string): Promise<CreatedApiKey> {
  requirePlatform(caller);
  return db.system(async (tx) => {
    await requireTenant(tx, id);
    return insertAdminKey(tx, id, caller);
  });
}

async function insertAdminKey(tx: Tx, tenantId: string, { principalId }: Principal): Promise<CreatedApiKey> {
  await lockAccess(tx, tenantId);
  const account = { tenantId, kind: 'SERVICE_ACCOUNT', name: ADMIN_ACCOUNT, roles: [ADMIN] } as const;
  const [existing] = await tx
    .update(principals)
    .set({ roles: [ADMIN], disabledAt: null })
    .where(
      and(
        eq(principals.tenantId, tenantId),
        eq(principals.kind, account.kind),
        eq(principals.name, account.name),
        isNull(principals.removedAt),
      ),
    )
    .returning({ id: principals.id });
  const [made] = existing
    ? [existing]
    : await tx
        .insert(principals)
        .values({ ...account, roles: [ADMIN], createdByUserId: principalId })
        .returning({ id: principals.id });
  const key = { tenantId, principalId: made!.id, roles: [ADMIN], createdByUserId: principalId };
  return insertKey(tx, key, ADMIN_ACCOUNT);
}

async function requireTenant(tx: Tx, id: string, lock?: 'update'): Promise<TenantRow> {
  const found = tx.select().from(tenants).where(eq(tenants.id, id));
  const [row] = await (lock ? found.for(lock) : found);
  if (!row) throw new PegasusError('NOT_FOUND', 'There is no such tenant.');
  return row;
}
