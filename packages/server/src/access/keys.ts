import { createHash, randomInt, timingSafeEqual } from 'node:crypto';
import { PegasusError, type Role } from '@pegasus-workflows/contracts';
import { and, eq, isNull } from 'drizzle-orm';
import { type FindKey, type KeyRow, type Principal } from '../infra/context.js';
import { type Database, type Tx } from '../infra/database.js';
import { apiKeys, principals, tenants } from '../infra/schema.js';
import { effectiveActions } from './rights.js';

/**
 * Job: API keys of people and service accounts.
 *
 * Boundary: the key itself leaves this module once, as the answer of {@link createKey}; only its SHA-256 is stored.
 * A plain hash is enough, because a key is random: there is no dictionary to try.
 *
 * Invariants
 * 1. No stored value, message or log gives a key back.
 * 2. An unknown, a revoked and an expired key each end in UNAUTHENTICATED, from the next call on; so does every key
 *    of a disabled or removed principal and of a disabled tenant.
 * 3. The time that a look-up takes tells nothing about stored keys: the index is searched by the SHA-256 of what was
 *    sent, whose bits nobody can choose, and the digests are compared in constant time once more.
 */
const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
/** 40 characters of base62 are 238 bits. */
const RANDOM_CHARACTERS = 40;
const SHOWN_PREFIX_CHARACTERS = 10;
const KEY_PATTERN = /^vnd_[0-9A-Za-z]{20,200}$/;

export interface NewKey {
  tenantId: string;
  principalId: string;
  roles: Role[];
  name?: string | null | undefined;
  expiresAt?: Date | null | undefined;
  rotatedFromId?: string | undefined;
  createdByUserId?: string | undefined;
}

/** UNAUTHENTICATED, by a key that is known and works no more: the audit log says whose. */
export class DeadKeyError extends PegasusError {
  readonly row: KeyRow;

  constructor(row: KeyRow, sentence: string) {
    super('UNAUTHENTICATED', sentence);
    this.row = row;
  }
}

/** Makes a key. `key` is the only copy there will ever be. */
export async function createKey(tx: Tx, wanted: NewKey): Promise<{ key: string; id: string }> {
  const random = Array.from({ length: RANDOM_CHARACTERS }, () => ALPHABET[randomInt(ALPHABET.length)]).join(
    '',
  );
  const key = `vnd_${random}`;
  const [row] = await tx
    .insert(apiKeys)
    .values({ ...wanted, hash: hashOf(key), prefix: key.slice(0, SHOWN_PREFIX_CHARACTERS) })
    .returning({ id: apiKeys.id });
  return { key, id: row!.id };
}

/** Revokes a key from this moment on; revoking it again keeps the first moment. Answers whether it was there. */
export async function revokeKey(tx: Tx, keyId: string, now: Date): Promise<boolean> {
  const rows = await tx
    .update(apiKeys)
    .set({ revokedAt: now })
    .where(and(eq(apiKeys.id, keyId), isNull(apiKeys.revokedAt)))
    .returning({ id: apiKeys.id });
  return rows.length > 0;
}

/** Who a bearer token speaks for. Throws UNAUTHENTICATED, with a sentence for each reason. */
export async function authenticate(find: FindKey, bearer: string | undefined, now: Date): Promise<Principal> {
  if (bearer === undefined) {
    throw unauthenticated('Send an API key: Authorization: Bearer vnd_….');
  }
  const hash = KEY_PATTERN.test(bearer) ? hashOf(bearer) : undefined;
  const found = hash === undefined ? undefined : await find(hash);
  if (!found || !sameDigest(found.hash, hash)) throw unauthenticated('This API key is not known.');
  const dead = whyDead(found, now);
  if (dead !== undefined) throw new DeadKeyError(found, dead);
  return {
    principalId: found.principalId,
    tenantId: found.tenantId,
    isPlatformTenant: found.isPlatform,
    actions: effectiveActions(found.roles, found.principalRoles),
    keyId: found.id,
  };
}

/** Why a key that is known does not work, one sentence; `undefined` when it does. */
export function whyDead(row: KeyRow, now: Date): string | undefined {
  if (row.revokedAt) return 'This API key has been revoked.';
  if (row.expiresAt && row.expiresAt <= now) return 'This API key has expired.';
  if (row.principalRemovedAt) return 'The member whose API key this is has been removed.';
  if (row.principalDisabledAt) return 'The member whose API key this is is disabled.';
  if (row.tenantDisabledAt)
    return 'The tenant of this API key is disabled; ask the operator of the platform.';
  return undefined;
}

/** Looks a key up by its hash: one statement on a unique index. */
export async function findKey(db: Database, hash: string): Promise<KeyRow | undefined> {
  const [row] = await db.system((tx) =>
    tx
      .select({
        id: apiKeys.id,
        hash: apiKeys.hash,
        tenantId: apiKeys.tenantId,
        principalId: apiKeys.principalId,
        roles: apiKeys.roles,
        expiresAt: apiKeys.expiresAt,
        revokedAt: apiKeys.revokedAt,
        principalRoles: principals.roles,
        principalDisabledAt: principals.disabledAt,
        principalRemovedAt: principals.removedAt,
        isPlatform: tenants.isPlatform,
        tenantDisabledAt: tenants.disabledAt,
      })
      .from(apiKeys)
      .innerJoin(principals, eq(principals.id, apiKeys.principalId))
      .innerJoin(tenants, eq(tenants.id, apiKeys.tenantId))
      .where(eq(apiKeys.hash, hash)),
  );
  return row;
}

/** The key's row by its text, dead or alive. */
export async function findKeyByText(db: Database, key: string): Promise<KeyRow | undefined> {
  return KEY_PATTERN.test(key) ? findKey(db, hashOf(key)) : undefined;
}

function sameDigest(stored: string, given: string | undefined): boolean {
  const [a, b] = [Buffer.from(stored), Buffer.from(given ?? '')];
  return a.length === b.length && timingSafeEqual(a, b);
}

function hashOf(key: string): string {
  return createHash('sha256').update(key).digest('hex');
}

function unauthenticated(sentence: string): PegasusError {
  return new PegasusError('UNAUTHENTICATED', sentence);
}
