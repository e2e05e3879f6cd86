import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ScopedPglite, type Scope } from './scoped-pglite.js';

const TENANTS = ['11111111-1111-4111-8111-111111111111', '22222222-2222-4222-8222-222222222222'] as const;
const scopeOf = (tenant: string, role = 'one'): Scope => ({ role, 'test.tenant': tenant });

let client: ScopedPglite;
beforeAll(async () => {
  client = new ScopedPglite('memory://');
  await client.exec(`
    create table things (id int primary key, tenant uuid not null, name text);
    create role one; create role other;
    grant all on things to one, other;
    alter table things enable row level security;
    create policy own on things to one using (tenant = current_setting('test.tenant')::uuid);
    create policy everything on things to other using (true);
    insert into things values (1, '${TENANTS[0]}', 'first'), (2, '${TENANTS[1]}', 'second')`);
}, 60_000);
afterAll(() => client.close());

/** What a statement answers when it is prepared, and when it is repeated. */
async function twice(text: string, parameters: unknown[] = [], options = {}) {
  return client.withScope(scopeOf(TENANTS[0]), () =>
    client.transaction(async (tx) => [
      await tx.query(text, parameters, options),
      await tx.query(text, parameters, options),
    ]),
  );
}

describe('a prepared statement', () => {
  const VALUES: [type: string, value: unknown][] = [
    ['text', 'ä “quoted” \\ $1'],
    ['text', ''],
    ['uuid', TENANTS[0]],
    ['int', -7],
    ['bigint', 9_007_199_254_740_991],
    ['float8', 0.1],
    ['numeric', '12345678901234567890.5'],
    ['boolean', false],
    ['jsonb', { a: [1, null, { b: 'c' }] }],
    ['jsonb', '"text"'],
    ['timestamptz', '2026-02-28T23:59:59.123Z'],
    ['text[]', ['a', 'b"c', null]],
    ['int[]', [1, 2]],
    ['xid8', '7'],
    ['bytea', new Uint8Array([0, 1, 255])],
    ['text', null],
  ];
  it.each(VALUES)('reads and writes %s %j as PGlite itself does', async (type, value) => {
    const text = `select $1::${type} as value, pg_typeof($1::${type})::text as type`;
    for (const rowMode of ['array', 'object'] as const) {
      const own = await client.query(text, [value], { rowMode });
      for (const answer of await twice(text, [value], { rowMode }))
        expect({ rows: answer.rows, fields: answer.fields }).toEqual({ rows: own.rows, fields: own.fields });
    }
  });

  it('takes the caller’s parsers before its own', async () => {
    const options = { rowMode: 'array', parsers: { 23: (value: string) => `int ${value}` } };
    for (const { rows } of await twice('select 5, 6::bigint', [], options))
      expect(rows).toEqual([['int 5', 6]]);
  });

  it('says how many rows it has changed', async () => {
    const answers = await twice('update things set name = name');
    expect(answers.map(({ affectedRows, rows }) => [affectedRows, rows])).toEqual([
      [1, []],
      [1, []],
    ]);
  });

  it('sees what each role and tenant may see, whoever prepared it', async () => {
    const text = 'select id from things order by id';
    const seen = (scope: Scope) =>
      client.withScope(scope, () => client.transaction(async (tx) => (await tx.query(text)).rows));
    for (let round = 0; round < 8; round++) {
      expect(await seen(scopeOf(TENANTS[0]))).toEqual([{ id: 1 }]);
      expect(await seen(scopeOf(TENANTS[1]))).toEqual([{ id: 2 }]);
      expect(await seen(scopeOf(TENANTS[1], 'other'))).toEqual([{ id: 1 }, { id: 2 }]);
    }
  });

  it('that cannot be prepared is not remembered; the transaction fails with its error, the next one works (2)', async () => {
    const text = 'select * from later';
    const ask = () => client.withScope(scopeOf(TENANTS[0]), () => client.transaction((tx) => tx.query(text)));
    await expect(ask()).rejects.toMatchObject({ code: '42P01' });
    await expect(ask()).rejects.toMatchObject({ code: '42P01' });
    await client.exec('create table later (n int); grant all on later to one');
    expect((await ask()).rows).toEqual([]);
  });

  it('that fails when it is executed can be executed again', async () => {
    const divide = (by: number) =>
      client.withScope(scopeOf(TENANTS[0]), () =>
        client.transaction((tx) => tx.query('select 1 / $1::int as one', [by])),
      );
    await expect(divide(0)).rejects.toMatchObject({ code: '22012' });
    expect((await divide(1)).rows).toEqual([{ one: 1 }]);
  });

  it('is one of 500; the one not used for longest goes (1)', async () => {
    const count = 'select count(*)::int as n from pg_prepared_statements';
    for (let n = 0; n < 600; n += 50) {
      await client.withScope(scopeOf(TENANTS[0]), () =>
        client.transaction(async (tx) => {
          for (let i = n; i < n + 50; i++) {
            expect((await tx.query(`select ${i} as n`)).rows).toEqual([{ n: i }]);
            await tx.query(count);
          }
        }),
      );
    }
    const [first] = await twice(count);
    expect(first!.rows).toEqual([{ n: 500 }]);
    expect((await twice('select 0 as n'))[1]!.rows).toEqual([{ n: 0 }]);
  });

  it('waits for the one before it, when a transaction asks for several at once (3)', async () => {
    const answers = await client.withScope(scopeOf(TENANTS[0]), () =>
      client.transaction((tx) =>
        Promise.all(Array.from({ length: 20 }, (_, n) => tx.query(`select $1::int as at_once`, [n]))),
      ),
    );
    expect(answers.flatMap(({ rows }) => rows)).toEqual(
      Array.from({ length: 20 }, (_, n) => ({ at_once: n })),
    );
  });

  it('of a transaction that fails, or whose commit does, has changed nothing (4)', async () => {
    await client.exec('alter table things add constraint late unique (name) deferrable initially deferred');
    const rename = (then: () => void) =>
      client.withScope(scopeOf(TENANTS[0], 'other'), () =>
        client.transaction(async (tx) => {
          await tx.query(`update things set name = 'same'`);
          then();
        }),
      );
    await expect(
      rename(() => {
        throw new Error('changed its mind');
      }),
    ).rejects.toThrow('changed its mind');
    await expect(rename(() => {})).rejects.toMatchObject({ code: '23505' });
    const names = await client.query('select name from things order by id');
    expect(names.rows).toEqual([{ name: 'first' }, { name: 'second' }]);
    expect((await client.query(`select current_user = session_user as reset`)).rows).toEqual([
      { reset: true },
    ]);
  });

  it('is not executed when its transaction cannot begin as it should (5)', async () => {
    const insert = () =>
      client.withScope(scopeOf(TENANTS[0], 'nobody'), () =>
        client.transaction((tx) => tx.query(`insert into things values (3, '${TENANTS[0]}', 'third')`)),
      );
    await expect(insert()).rejects.toMatchObject({ code: '22023' });
    await expect(insert()).rejects.toMatchObject({ code: '22023' });
    expect((await client.query('select id from things where id = 3')).rows).toEqual([]);
    expect((await twice('select 1 as one'))[1]!.rows).toEqual([{ one: 1 }]);
  });

  it('that comes first says what it has found, as later ones do, and none at all is no transaction', async () => {
    const [first, second] = await twice('select current_user::text as me');
    expect([first!.rows, second!.rows]).toEqual([[{ me: 'one' }], [{ me: 'one' }]]);
    const nothing = client.withScope(scopeOf(TENANTS[0]), () => client.transaction(async () => 'done'));
    expect(await nothing).toBe('done');
  });

  it('of a transaction that is over is refused (4)', async () => {
    const tx = await client.withScope(scopeOf(TENANTS[0]), () => client.transaction(async (open) => open));
    await expect(tx.query('select 1')).rejects.toThrow(/closed/);
  });
});
