import { createHash, randomInt } from 'node:crypto';
import { actionsOf, PegasusError, type Role } from '@pegasus-workflows/contracts';
import { and, eq, isNull } from 'drizzle-orm';
import { type FindKey, type KeyRow, type Principal } from '../infra/context.js';
import { type Database, type Tx } from '../infra/database.js';
import { apiKeys, tenants } from '../infra/schema.js';

/**
 * Job: API keys of people and service accounts.
 *
 * Boundary: the key itself leaves this module once, as the answer of {@link createKey}; only its SHA-256 is stored.
 * A plain hash is enough, because a key is random: there is no dictionary to try.
 *
 * Invariants
 * 1. No stored value, message or log gives a key back.
 * 2. An unknown, a revoked and an expired key each end in UNAUTHENTICATED, from the next call on.
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
  expiresAt?: Date | undefined;
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
  const found = KEY_PATTERN.test(bearer) ? await find(hashOf(bearer)) : undefined;
  if (!found) throw unauthenticated('This API key is not known.');
  if (found.revokedAt) throw unauthenticated('This API key has been revoked.');
  if (found.expiresAt && found.expiresAt <= now) throw unauthenticated('This API key has expired.');
  return {
    principalId: found.principalId,
    tenantId: found.tenantId,
    isPlatformTenant: found.isPlatform,
    actions: actionsOf(found.roles),
    keyId: found.id,
  };
}

/** Looks a key up by its hash: one statement on a unique index. */
export async function findKey(db: Database, hash: string): Promise<KeyRow | undefined> {
  const [row] = await db.system((tx) =>
    tx
      .select({
        id: apiKeys.id,
        tenantId: apiKeys.tenantId,
        principalId: apiKeys.principalId,
        roles: apiKeys.roles,
        expiresAt: apiKeys.expiresAt,
        revokedAt: apiKeys.revokedAt,
        isPlatform: tenants.isPlatform,
      })
      .from(apiKeys)
      .innerJoin(tenants, eq(tenants.id, apiKeys.tenantId))
      .where(eq(apiKeys.hash, hash)),
  );
  return row;
}

function hashOf(key: string): string {
  return createHash('sha256').update(key).digest('hex');
}

function unauthenticated(sentence: string): PegasusError {
  return new PegasusError('UNAUTHENTICATED', sentence);
}
