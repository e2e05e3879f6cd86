import { randomUUID } from 'node:crypto';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Logger } from '@pegasus-workflows/kit';
import { and, eq, inArray, isNull, notInArray } from 'drizzle-orm';
import { z } from 'zod';
import { type KeyRow } from '../infra/context.js';
import { type Database, type Tx } from '../infra/database.js';
import { apiKeys, principals, tenants } from '../infra/schema.js';
import { createKey, findKeyByText, revokeKey, whyDead } from './keys.js';

/**
 * Job: makes the platform tenant and a first tenant, and hands their keys over in a file.
 *
 * Boundary: one file, mode 0600, readable by whoever runs the platform; the database knows only hashes.
 *
 * Invariants
 * 1. After it, the file's two keys work and no other bootstrap key does.
 * 2. A start that finds a file with working keys makes none.
 * 3. Killed at any instant, the next start ends in 1: keys are made, then the file is put in place whole, and only
 *    then are older keys revoked.
 */
const TENANTS = [
  { slug: 'platform', isPlatform: true },
  { slug: 'default', isPlatform: false },
] as const;
/** Name of the service accounts whose keys are ours to revoke. */
const BOOTSTRAP_PRINCIPAL = 'bootstrap';

const fileSchema = z.object({
  tenantId: z.uuid(),
  apiKey: z.string(),
  platformTenantId: z.uuid(),
  platformApiKey: z.string(),
});
export type BootstrapFile = z.infer<typeof fileSchema>;

/** Makes sure that `path` holds working keys of both tenants; see the invariants above. */
export async function bootstrap(
  db: Database,
  path: string,
  clock: () => Date,
  logger: Logger,
): Promise<void> {
  let keyIds = await workingKeys(db, path, clock());
  if (!keyIds) {
    const made = await db.system((tx) => makeKeys(tx, clock()));
    await writePrivateFile(path, `${JSON.stringify(made.file, null, 2)}\n`);
    keyIds = made.keyIds;
    logger.info({ path }, 'the first tenants have new keys');
  }
  const keep = keyIds;
  const revoked = await db.system((tx) => revokeOthers(tx, keep, clock()));
  if (revoked > 0) logger.info({ revoked }, 'older bootstrap keys revoked');
}

/** The ids of the file's keys, when the file is there and both work. */
async function workingKeys(db: Database, path: string, now: Date): Promise<string[] | undefined> {
  const text = await readFile(path, 'utf8').catch(() => undefined);
  const file = fileSchema.safeParse(text === undefined ? undefined : parseJson(text));
  if (!file.success) return undefined;
  const { apiKey, tenantId, platformApiKey, platformTenantId } = file.data;
  const owner = await workingKey(db, apiKey, now);
  const platformOwner = await workingKey(db, platformApiKey, now);
  if (owner?.tenantId !== tenantId || platformOwner?.tenantId !== platformTenantId) return undefined;
  return [owner.id, platformOwner.id];
}

/** The row of a key that works, or would if its tenant were not disabled: that is the operator's will, not a loss. */
async function workingKey(db: Database, key: string, now: Date): Promise<KeyRow | undefined> {
  const row = await findKeyByText(db, key);
  return row && whyDead({ ...row, tenantDisabledAt: null }, now) === undefined ? row : undefined;
}

async function makeKeys(tx: Tx, now: Date): Promise<{ file: BootstrapFile; keyIds: string[] }> {
  const made = [];
  for (const [index, wanted] of TENANTS.entries()) {
    // A millisecond apart, so that a list by age has one order.
    const createdAt = new Date(now.getTime() + index);
    await tx
      .insert(tenants)
      .values({ ...wanted, createdAt })
      .onConflictDoNothing();
    const [tenant] = await tx.select().from(tenants).where(eq(tenants.slug, wanted.slug));
    const principalId = await bootstrapPrincipal(tx, tenant!.id);
    const { key, id } = await createKey(tx, { tenantId: tenant!.id, principalId, roles: ['tenant_admin'] });
    made.push({ tenantId: tenant!.id, key, id });
  }
  const [platform, first] = made;
  return {
    file: {
      tenantId: first!.tenantId,
      apiKey: first!.key,
      platformTenantId: platform!.tenantId,
      platformApiKey: platform!.key,
    },
    keyIds: made.map(({ id }) => id),
  };
}

/** The service account of our keys, enabled: whoever may start the platform may have a key of it. */
async function bootstrapPrincipal(tx: Tx, tenantId: string): Promise<string> {
  const account = { tenantId, kind: 'SERVICE_ACCOUNT', name: BOOTSTRAP_PRINCIPAL } as const;
  // Another server, starting at this very moment, may be first.
  await tx.insert(principals).values(account).onConflictDoNothing();
  const [row] = await tx
    .select({ id: principals.id, disabledAt: principals.disabledAt })
    .from(principals)
    .where(
      and(
        eq(principals.tenantId, tenantId),
        eq(principals.kind, account.kind),
        eq(principals.name, account.name),
        isNull(principals.removedAt),
      ),
    );
  if (row!.disabledAt)
    await tx.update(principals).set({ disabledAt: null }).where(eq(principals.id, row!.id));
  return row!.id;
}

/** Revokes older keys of ours: those of our service accounts that no member made. */
async function revokeOthers(tx: Tx, keep: string[], now: Date): Promise<number> {
  const old = await tx
    .select({ id: apiKeys.id })
    .from(apiKeys)
    .innerJoin(principals, eq(principals.id, apiKeys.principalId))
    .innerJoin(tenants, eq(tenants.id, apiKeys.tenantId))
    .where(
      and(
        inArray(
          tenants.slug,
          TENANTS.map(({ slug }) => slug),
        ),
        eq(principals.name, BOOTSTRAP_PRINCIPAL),
        eq(principals.kind, 'SERVICE_ACCOUNT'),
        isNull(apiKeys.createdByUserId),
        isNull(apiKeys.revokedAt),
        notInArray(apiKeys.id, keep),
      ),
    );
  for (const { id } of old) await revokeKey(tx, id, now);
  return old.length;
}

/** Writes beside, syncs, renames: a reader sees the old file or the whole new one, and only its owner may read it. */
async function writePrivateFile(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const part = `${path}.${randomUUID()}`;
  try {
    const file = await open(part, 'wx', 0o600);
    await file.writeFile(text);
    await file.sync();
    await file.close();
    await rename(part, path);
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
