import {
  PegasusError,
  type ApiKey,
  type ApiKeysQuery,
  type CreateApiKeyRequest,
  type CreatedApiKey,
  type Role,
  type rotateApiKeyRequestSchema,
} from '@pegasus-workflows/contracts';
import { and, desc, eq, gt, isNull, or } from 'drizzle-orm';
import { type z } from 'zod';
import { type Principal, type Services } from '../infra/context.js';
import { type Tx } from '../infra/database.js';
import { apiKeys, principals } from '../infra/schema.js';
import { createKey, revokeKey, type NewKey } from './keys.js';
import { requireMember } from './members.js';
import { refuseToRaise, roleBeyond } from './rights.js';
import { keepAnAdministrator, lockAccess, olderThan } from './shared.js';

/**
 * Job: the keys of a tenant's members, as its administrators see them.
 *
 * Boundary: rows of `api_keys`, each call one transaction of the tenant. The key itself leaves in one answer only.
 *
 * Invariants
 * 1. Nobody makes or takes over a key that may do more than they may.
 * 2. A tenant never loses its last working key of an administrator.
 * 3. A rotation is whole or not at all: there is a new key exactly if the old one has an end.
 */
type KeyRow = typeof apiKeys.$inferSelect;
type Ports = Pick<Services, 'db' | 'clock'>;

function toApiKey(row: KeyRow, memberName: string): ApiKey {
  return {
    id: row.id,
    memberId: row.principalId,
    memberName,
    name: row.name,
    prefix: row.prefix,
    roles: row.roles,
    expiresAt: row.expiresAt?.toISOString() ?? null,
    revokedAt: row.revokedAt?.toISOString() ?? null,
    lastUsedAt: row.lastUsedAt?.toISOString() ?? null,
    rotatedFromId: row.rotatedFromId,
    createdByUserId: row.createdByUserId,
    createdAt: row.createdAt.toISOString(),
  };
}

/** One page of keys, newest first: those that are neither revoked nor expired, unless `all`. */
export async function listKeys(
  { db, clock }: Ports,
  caller: Principal,
  query: ApiKeysQuery,
): Promise<ApiKey[]> {
  const { before, limit, memberId, all } = query;
  const alive = and(isNull(apiKeys.revokedAt), or(isNull(apiKeys.expiresAt), gt(apiKeys.expiresAt, clock())));
  const rows = await db.tenant(caller.tenantId, (tx) =>
    tx
      .select({ key: apiKeys, memberName: principals.name })
      .from(apiKeys)
      .innerJoin(principals, eq(principals.id, apiKeys.principalId))
      .where(
        and(
          all ? undefined : alive,
          memberId === undefined ? undefined : eq(apiKeys.principalId, memberId),
          olderThan(apiKeys, before),
        ),
      )
      .orderBy(desc(apiKeys.createdAt), desc(apiKeys.id))
      .limit(limit),
  );
  return rows.map(({ key, memberName }) => toApiKey(key, memberName));
}

/** Throws NOT_FOUND, FORBIDDEN for roles beyond one's own, CONFLICT for roles beyond the member's. */
export async function createMemberKey(
  { db, clock }: Ports,
  caller: Principal,
  wanted: CreateApiKeyRequest,
): Promise<CreatedApiKey> {
  const { tenantId } = caller;
  const expiresAt = endOf(wanted.expiresAt, clock());
  refuseToRaise(caller, wanted.roles);
  return db.tenant(tenantId, async (tx) => {
    const member = await requireMember(tx, wanted.memberId);
    refuseBeyondMember(wanted.roles, member.roles);
    const { roles, name } = wanted;
    const made = { tenantId, principalId: member.id, roles, name, expiresAt };
    return insertKey(tx, { ...made, createdByUserId: caller.principalId }, member.name);
  });
}

/** Makes a key and reads it back as it is listed. */
export async function insertKey(tx: Tx, wanted: NewKey, memberName: string): Promise<CreatedApiKey> {
  const { key, id } = await createKey(tx, wanted);
  const [row] = await tx.select().from(apiKeys).where(eq(apiKeys.id, id));
  return { ...toApiKey(row!, memberName), key };
}

/**
 * Makes a key that takes over from another, which goes on working for `overlapSeconds`, but no longer than it would
 * have. Throws NOT_FOUND, FORBIDDEN, CONFLICT when the old key works no more or has a successor.
 */
export async function rotateKey(
  { db, clock }: Ports,
  caller: Principal,
  id: string,
  { overlapSeconds, expiresAt }: z.output<typeof rotateApiKeyRequestSchema>,
): Promise<CreatedApiKey> {
  const { tenantId } = caller;
  const now = clock();
  const wantedEnd = endOf(expiresAt, now);
  return db.tenant(tenantId, async (tx) => {
    await lockAccess(tx, tenantId);
    const old = await requireKey(tx, id);
    refuseToRaise(caller, old.roles);
    if (old.revokedAt || (old.expiresAt && old.expiresAt <= now)) {
      throw new PegasusError('CONFLICT', 'This key works no more; create a new one instead of rotating it.');
    }
    await refuseSecondSuccessor(tx, id);
    const member = await requireMember(tx, old.principalId);
    const lifetime = old.expiresAt && old.expiresAt.getTime() - old.createdAt.getTime();
    const made = await insertKey(
      tx,
      {
        tenantId,
        principalId: old.principalId,
        roles: old.roles,
        name: old.name,
        expiresAt: wantedEnd ?? (lifetime === null ? null : new Date(now.getTime() + lifetime)),
        rotatedFromId: old.id,
        createdByUserId: caller.principalId,
      },
      member.name,
    );
    if (overlapSeconds === 0) await revokeKey(tx, id, now);
    else
      await tx
        .update(apiKeys)
        .set({ expiresAt: overlapEnd(old, now, overlapSeconds) })
        .where(eq(apiKeys.id, id));
    await keepAnAdministrator(tx, tenantId, now);
    return made;
  });
}

/** Revokes a key; one that is revoked already stays so. */
export async function revokeMemberKey(
  { db, clock }: Ports,
  { tenantId }: Principal,
  id: string,
): Promise<void> {
  await db.tenant(tenantId, async (tx) => {
    await lockAccess(tx, tenantId);
    await requireKey(tx, id);
    const now = clock();
    if (await revokeKey(tx, id, now)) await keepAnAdministrator(tx, tenantId, now);
  });
}

async function requireKey(tx: Tx, id: string): Promise<KeyRow> {
  const [row] = await tx.select().from(apiKeys).where(eq(apiKeys.id, id));
  if (!row) throw new PegasusError('NOT_FOUND', 'There is no such API key in this tenant.');
  return row;
}

/** A key in its overlap ends soon: what would take over from it once more would not know how long to live. */
async function refuseSecondSuccessor(tx: Tx, id: string): Promise<void> {
  const [successor] = await tx
    .select({ prefix: apiKeys.prefix })
    .from(apiKeys)
    .where(and(eq(apiKeys.rotatedFromId, id), isNull(apiKeys.revokedAt)));
  if (!successor) return;
  throw new PegasusError(
    'CONFLICT',
    `This key has been rotated already; rotate its successor ${successor.prefix}… instead, or revoke that one first.`,
  );
}

function overlapEnd({ expiresAt }: KeyRow, now: Date, overlapSeconds: number): Date {
  const end = new Date(now.getTime() + overlapSeconds * 1_000);
  return expiresAt && expiresAt < end ? expiresAt : end;
}

function endOf(expiresAt: string | undefined, now: Date): Date | undefined {
  if (expiresAt === undefined) return undefined;
  const end = new Date(expiresAt);
  if (end <= now) throw new PegasusError('VALIDATION_ERROR', 'expiresAt: must be in the future.');
  return end;
}

function refuseBeyondMember(roles: readonly Role[], limit: readonly Role[] | null): void {
  const beyond = roleBeyond(roles, limit);
  if (beyond === undefined) return;
  throw new PegasusError(
    'CONFLICT',
    `The role ${beyond} may do more than the member may; give the member the role first, or leave it out.`,
  );
}
