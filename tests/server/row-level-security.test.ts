import { sql, getTableName, type SQL } from 'drizzle-orm';
import { type PgTable } from 'drizzle-orm/pg-core';
import { createLogger } from '@pegasus-workflows/kit';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openDatabase, schema, type Database } from '../../packages/server/src/index.js';
import { rowOf, tenantTables } from './matrix/rows.js';
import { forEachDialect, type TestDialect } from './support.js';

/**
 * What is left when a query forgets its `where`: for every table with rows of tenants, as the schema has them. A new
 * table is tested by being there; without policies of its own it fails here.
 */
const tables = tenantTables();
/** Tables that no role may change. */
const APPEND_ONLY: ReadonlySet<string> = new Set([getTableName(schema.auditLog)]);

forEachDialect('row-level security', (open) => {
  let dialect: TestDialect;
  let db: Database;
  let a: string;
  let b: string;

  const name = (table: PgTable) => sql.identifier(getTableName(table));
  const insert = (table: PgTable, row: Record<string, unknown>): SQL => {
    const columns = Object.keys(row).map((column) => sql.identifier(column));
    const values = Object.values(row).map((value) => sql`${value}`);
    return sql`insert into ${name(table)} (${sql.join(columns, sql`, `)}) values (${sql.join(values, sql`, `)}) returning *`;
  };
  const ownersOf = async (tenantId: string, query: SQL): Promise<Set<unknown>> => {
    const { rows } = await db.tenant(tenantId, (tx) => tx.execute<{ tenant_id: unknown }>(query));
    return new Set(rows.map(({ tenant_id }) => tenant_id));
  };
  /** Every row of a tenant, by table, as the system sees it. */
  const belongings = (tenantId: string) =>
    db.system(async (tx) => {
      const found: Record<string, unknown[]> = {};
      for (const table of tables) {
        const { rows } = await tx.execute(
          sql`select * from ${name(table)} where tenant_id = ${tenantId} order by 1`,
        );
        found[getTableName(table)] = rows;
      }
      return found;
    });
  const made = new Map<string, Map<string, Record<string, unknown>>>();

  beforeAll(async () => {
    dialect = await open();
    db = await openDatabase(dialect.settings, createLogger('test'));
    for (const slug of ['a', 'b']) {
      const [tenant] = await db.system((tx) => tx.insert(schema.tenants).values({ slug }).returning());
      const rows = new Map<string, Record<string, unknown>>([['tenants', { id: tenant!.id }]]);
      for (const table of tables) {
        // By the tenant itself, where it may: its own rows are no secret to it, and no obstacle.
        const { rows: inserted } = await db.tenant(tenant!.id, (tx) =>
          tx.execute(insert(table, rowOf(table, tenant!.id, rows))),
        );
        rows.set(getTableName(table), inserted[0]!);
      }
      made.set(tenant!.id, rows);
    }
    [a, b] = [...made.keys()] as [string, string];
  });
  afterAll(async () => {
    await db?.close();
    await dialect?.drop();
  });

  it.each(tables.map((table) => [getTableName(table), table] as const))(
    'reads of %s only the own rows',
    async (_name, table) => {
      expect(await ownersOf(a, sql`select tenant_id from ${name(table)}`)).toEqual(new Set([a]));
      expect(await ownersOf(b, sql`select tenant_id from ${name(table)}`)).toEqual(new Set([b]));
      const stranger = '00000000-0000-4000-8000-000000000000';
      expect(await ownersOf(stranger, sql`select tenant_id from ${name(table)}`)).toEqual(new Set());
      const counted = await db.tenant(a, (tx) =>
        tx.execute(sql`select count(*)::int as n from ${name(table)} where tenant_id = ${b}`),
      );
      expect(counted.rows).toEqual([{ n: 0 }]);
    },
  );

  it.each(tables.map((table) => [getTableName(table), table] as const))(
    'puts into %s no row of another tenant',
    async (_name, table) => {
      const before = await belongings(b);
      const foreign = rowOf(table, b, made.get(b)!);
      await expect(db.tenant(a, (tx) => tx.execute(insert(table, foreign)))).rejects.toMatchObject({
        cause: expect.objectContaining({ code: '42501' }),
      });
      await expect(
        db.tenant(a, (tx) => tx.execute(sql`update ${name(table)} set tenant_id = ${b}`)),
      ).rejects.toMatchObject({ cause: expect.objectContaining({ code: '42501' }) });
      expect(await belongings(b)).toEqual(before);
    },
  );

  it('updates and deletes, without a where, all that is its own and nothing else', async () => {
    const before = await belongings(b);
    const undone = new Error('undone, so that the next test finds it');
    await db
      .tenant(a, async (tx) => {
        // What refers to others goes first.
        for (const table of [...tables].reverse()) {
          if (APPEND_ONLY.has(getTableName(table))) continue;
          const updated = await tx.execute(
            sql`update ${name(table)} set tenant_id = tenant_id returning tenant_id`,
          );
          expect(new Set(updated.rows.map((row) => row['tenant_id'])), getTableName(table)).toEqual(
            new Set([a]),
          );
        }
        for (const table of [...tables].reverse()) {
          if (APPEND_ONLY.has(getTableName(table))) continue;
          const gone = await tx.execute(sql`delete from ${name(table)} returning tenant_id`);
          expect(new Set(gone.rows.map((row) => row['tenant_id'])), getTableName(table)).toEqual(
            new Set([a]),
          );
        }
        throw undone;
      })
      .catch((error: unknown) => expect(error).toBe(undone));
    expect(await belongings(b)).toEqual(before);
    await db.tenant(a, async (tx) => {
      for (const table of [...tables].reverse()) {
        if (!APPEND_ONLY.has(getTableName(table))) await tx.execute(sql`delete from ${name(table)}`);
      }
    });
    expect(await belongings(b)).toEqual(before);
    const left = Object.entries(await belongings(a)).filter(([, rows]) => rows.length > 0);
    expect(left.map(([table]) => table)).toEqual([...APPEND_ONLY]);
  });

  it('changes nothing of the audit log, whoever tries', async () => {
    for (const table of tables.filter((one) => APPEND_ONLY.has(getTableName(one)))) {
      for (const attempt of [
        sql`update ${name(table)} set tenant_id = tenant_id`,
        sql`delete from ${name(table)}`,
        sql`truncate ${name(table)}`,
      ]) {
        const denied = { cause: expect.objectContaining({ code: '42501' }) };
        await expect(db.tenant(a, (tx) => tx.execute(attempt))).rejects.toMatchObject(denied);
        await expect(db.system((tx) => tx.execute(attempt))).rejects.toMatchObject(denied);
      }
    }
  });

  it('shows a tenant of all tenants itself alone, and lets it change not even that', async () => {
    const { rows } = await db.tenant(a, (tx) => tx.execute(sql`select id from tenants`));
    expect(rows).toEqual([{ id: a }]);
    for (const attempt of [sql`update tenants set slug = 'mine'`, sql`delete from tenants`]) {
      await expect(db.tenant(a, (tx) => tx.execute(attempt))).rejects.toMatchObject({
        cause: expect.objectContaining({ code: '42501' }),
      });
    }
  });

  it('shows nothing to a transaction that names no tenant', async () => {
    for (const table of tables) {
      const seen = await db.tenant('00000000-0000-4000-8000-000000000000', (tx) =>
        tx.execute(
          sql`select set_config('pegasus.tenant_id', '', true), (select count(*)::int from ${name(table)}) as n`,
        ),
      );
      expect(seen.rows[0]).toMatchObject({ n: 0 });
    }
  });
});
