import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger } from '@pegasus-workflows/kit';
import { eq } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase, type Database } from '../infra/database.js';
import { apiKeys, principals, tenants } from '../infra/schema.js';
import { bootstrap, type BootstrapFile } from './bootstrap.js';
import { createKey, findKeyByText, whyDead } from './keys.js';

describe('bootstrap, after members have been managed', () => {
  let db: Database;
  let dir: string;
  const logger = createLogger('test');
  const run = async () => {
    await bootstrap(db, join(dir, 'bootstrap.json'), () => new Date(), logger);
    return JSON.parse(await readFile(join(dir, 'bootstrap.json'), 'utf8')) as BootstrapFile;
  };
  const why = async (key: string) => whyDead((await findKeyByText(db, key))!, new Date());
  const ofDefault = (tenantId: string) => eq(principals.tenantId, tenantId);

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'pegasus-bootstrap-'));
    db = await openDatabase({ pgliteDir: 'memory://' }, logger);
  }, 120_000);
  afterAll(async () => {
    await db.close();
    await rm(dir, { recursive: true, force: true });
  });

  it('keeps its keys while their tenant is disabled', async () => {
    const file = await run();
    const disable = (disabledAt: Date | null) =>
      db.system((tx) => tx.update(tenants).set({ disabledAt }).where(eq(tenants.id, file.tenantId)));
    await disable(new Date());
    expect(await run()).toEqual(file);
    expect(await why(file.apiKey)).toMatch(/tenant of this API key is disabled/);
    await disable(null);
    expect(await why(file.apiKey)).toBeUndefined();
  });

  it('hands over a key that works when its account was disabled or removed (invariant 1)', async () => {
    for (const end of [{ disabledAt: new Date() }, { removedAt: new Date() }]) {
      const { tenantId, apiKey } = await run();
      await db.system((tx) => tx.update(principals).set(end).where(ofDefault(tenantId)));
      expect(await why(apiKey)).toEqual(expect.any(String));
      const { apiKey: fresh } = await run();
      expect(fresh).not.toBe(apiKey);
      expect(await why(fresh)).toBeUndefined();
    }
  });

  it('revokes no key that a member made, nor one of another tenant’s account of the same name', async () => {
    const { tenantId } = await run();
    const [other] = await db.system((tx) => tx.insert(tenants).values({ slug: 'other' }).returning());
    const made = [];
    for (const [owner, createdByUserId] of [
      [tenantId, '00000000-0000-4000-8000-000000000001'],
      [other!.id, undefined],
    ] as const) {
      const account = { tenantId: owner, kind: 'SERVICE_ACCOUNT', name: 'bootstrap' } as const;
      await db.system((tx) => tx.insert(principals).values(account).onConflictDoNothing());
      const [principal] = await db.system((tx) =>
        tx.select().from(principals).where(ofDefault(owner)).orderBy(principals.createdAt),
      );
      const wanted = { tenantId: owner, principalId: principal!.id, roles: ['tenant_admin' as const] };
      made.push(await db.system((tx) => createKey(tx, { ...wanted, createdByUserId })));
    }
    await run();
    for (const { id } of made) {
      const [row] = await db.system((tx) => tx.select().from(apiKeys).where(eq(apiKeys.id, id)));
      expect(row!.revokedAt).toBeNull();
    }
  });
});
