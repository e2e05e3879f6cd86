import pg from 'pg';
import { expect, it } from 'vitest';
import { createDatabase } from '../support/postgres.js';

it('gives each suite a real PostgreSQL database of its own', async () => {
  const [one, other] = await Promise.all([createDatabase(), createDatabase()]);
  expect(one.url).not.toBe(other.url);
  const client = new pg.Client({ connectionString: one.url });
  await client.connect();
  await client.query('CREATE TABLE here (id int)');
  const { rows } = await client.query<{ current_database: string }>('SELECT current_database()');
  expect(one.url).toContain(rows[0]!.current_database);
  await client.end();
  await Promise.all([one.drop(), other.drop()]);
  await expect(new pg.Client({ connectionString: one.url }).connect()).rejects.toThrow('does not exist');
});
