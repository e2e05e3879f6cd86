import {
  PegasusError,
  type AddMemberRequest,
  type Member,
  type PageQuery,
  type UpdateMemberRequest,
} from '@pegasus-workflows/contracts';
import { and, desc, eq, isNull } from 'drizzle-orm';
import { type Principal, type Services } from '../infra/context.js';
import { pgCode, type Tx } from '../infra/database.js';
import { apiKeys, principals } from '../infra/schema.js';
import { refuseToRaise } from './rights.js';
import { keepAnAdministrator, lockAccess, olderThan } from './shared.js';

/**
 * Job: who belongs to a tenant, and what their keys may do at most.
 *
 * Boundary: rows of `principals`, each call one transaction of the tenant. A member is removed for good, but its row
 * stays: the audit log and what the member made name it.
 *
 * Invariants
 * 1. Nobody gives a role that holds more than they do themselves.
 * 2. A tenant never loses its last working key of an administrator.
 * 3. A disabled or removed member's keys are refused from the next call on.
 */
type MemberRow = typeof principals.$inferSelect;
type Ports = Pick<Services, 'db' | 'clock'>;

const UNIQUE_VIOLATION = '23505';

function toMember(row: MemberRow): Member {
  return {
    id: row.id,
    kind: row.kind,
    name: row.name,
    email: row.email,
    roles: row.roles,
    disabledAt: row.disabledAt?.toISOString() ?? null,
    createdByUserId: row.createdByUserId,
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
  };
}

/** A member who is there. Throws NOT_FOUND. */
export async function requireMember(tx: Tx, id: string): Promise<MemberRow> {
  const [row] = await tx
    .select()
    .from(principals)
    .where(and(eq(principals.id, id), isNull(principals.removedAt)));
  if (!row) throw new PegasusError('NOT_FOUND', 'There is no such member in this tenant.');
  return row;
}

/** One page of the tenant's members, newest first. */
export async function listMembers(
  { db }: Ports,
  { tenantId }: Principal,
  page: PageQuery,
): Promise<Member[]> {
  const rows = await db.tenant(tenantId, (tx) =>
    tx
      .select()
      .from(principals)
      .where(and(isNull(principals.removedAt), olderThan(principals, page.before)))
      .orderBy(desc(principals.createdAt), desc(principals.id))
      .limit(page.limit),
  );
  return rows.map(toMember);
}

/** Throws CONFLICT when the e-mail address or the service account's name is taken, FORBIDDEN for roles beyond one's own. */
export async function addMember(ports: Ports, caller: Principal, wanted: AddMemberRequest): Promise<Member> {
  refuseToRaise(caller, wanted.roles);
  const { tenantId } = caller;
  const who =
    wanted.kind === 'USER'
      ? { email: wanted.email, name: wanted.name ?? wanted.email }
      : { name: wanted.name };
  try {
    return await ports.db.tenant(tenantId, async (tx) => {
      const [row] = await tx
        .insert(principals)
        .values({
          ...who,
          tenantId,
          kind: wanted.kind,
          roles: wanted.roles,
          createdByUserId: caller.principalId,
        })
        .returning();
      return toMember(row!);
    });
  } catch (error) {
    if (pgCode(error) !== UNIQUE_VIOLATION) throw error;
    const taken = wanted.kind === 'USER' ? 'e-mail address' : 'service account name';
    throw new PegasusError('CONFLICT', `The ${taken} is taken by another member of this tenant.`);
  }
}

/** Sets roles, disables and enables; what is not named stays. */
export async function updateMember(
  { db, clock }: Ports,
  caller: Principal,
  id: string,
  change: UpdateMemberRequest,
): Promise<Member> {
  const { tenantId } = caller;
  if (change.roles) refuseToRaise(caller, change.roles);
  return db.tenant(tenantId, async (tx) => {
    await lockAccess(tx, tenantId);
    const before = await requireMember(tx, id);
    const now = clock();
    const [row] = await tx
      .update(principals)
      .set({
        updatedAt: now,
        ...(change.roles ? { roles: change.roles } : {}),
        // Disabling again keeps the first moment.
        ...(change.disabled === undefined
          ? {}
          : { disabledAt: change.disabled ? (before.disabledAt ?? now) : null }),
      })
      .where(eq(principals.id, id))
      .returning();
    await keepAnAdministrator(tx, tenantId, now);
    return toMember(row!);
  });
}

/** Removes a member and revokes its keys. */
export async function removeMember({ db, clock }: Ports, { tenantId }: Principal, id: string): Promise<void> {
  await db.tenant(tenantId, async (tx) => {
    await lockAccess(tx, tenantId);
    await requireMember(tx, id);
    const now = clock();
    await tx
      .update(apiKeys)
      .set({ revokedAt: now })
      .where(and(eq(apiKeys.principalId, id), isNull(apiKeys.revokedAt)));
    await tx.update(principals).set({ removedAt: now, updatedAt: now }).where(eq(principals.id, id));
    await keepAnAdministrator(tx, tenantId, now);
  });
}
