import { createLogger } from '@pegasus-workflows/kit';
import { eq } from 'drizzle-orm';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { keyFinder, openDatabase, schema, type Database } from '../../packages/server/src/index.js';
import { forEachDialect, type TestDialect } from './support.js';

forEachDialect('the look-up of keys', (open) => {
  let dialect: TestDialect;
  let db: Database;
  let tenantId: string;
  let principalId: string;

  beforeAll(async () => {
    dialect = await open();
    db = await openDatabase(dialect.settings, createLogger('test'));
    [tenantId, principalId] = await db.system(async (tx) => {
      const [tenant] = await tx.insert(schema.tenants).values({ slug: 'a' }).returning();
      const [principal] = await tx
        .insert(schema.principals)
        .values({ tenantId: tenant!.id, kind: 'SERVICE_ACCOUNT', name: 'robot' })
        .returning();
      return [tenant!.id, principal!.id] as const;
    });
  });
  afterAll(async () => {
    await db.close();
    await dialect.drop();
  });

  const store = (hash: string) =>
    db.system((tx) =>
      tx
        .insert(schema.apiKeys)
        .values({ tenantId, principalId, hash, prefix: 'vnd_x', roles: ['tenant_admin'] }),
    );

  it('sees every change by the next look-up, also one made around it (invariant 1)', async () => {
    const find = await keyFinder(db);
    expect(await find('h1')).toBeUndefined();
    await store('h1');
    expect(await find('h1')).toMatchObject({ tenantId, revokedAt: null, isPlatform: false });
    const revokedAt = new Date('2026-01-01T00:00:00.000Z');
    await db.system((tx) =>
      tx.update(schema.apiKeys).set({ revokedAt }).where(eq(schema.apiKeys.hash, 'h1')),
    );
    expect(await find('h1')).toMatchObject({ revokedAt });
    await db.system((tx) => tx.delete(schema.apiKeys).where(eq(schema.apiKeys.hash, 'h1')));
    expect(await find('h1')).toBeUndefined();
  });

  it('is not fooled by a change while it looks (invariant 1)', async () => {
    const find = await keyFinder(db);
    await store('h2');
    const revokedAt = new Date('2026-01-02T00:00:00.000Z');
    const looking = Promise.all(Array.from({ length: 20 }, () => find('h2')));
    await db.system((tx) =>
      tx.update(schema.apiKeys).set({ revokedAt }).where(eq(schema.apiKeys.hash, 'h2')),
    );
    expect(await find('h2')).toMatchObject({ revokedAt });
    await looking;
    expect(await find('h2')).toMatchObject({ revokedAt });
  });
});
