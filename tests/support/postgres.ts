import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { inject } from 'vitest';
import './provided.js';

export interface TestDatabase {
  /** `postgres://…`, for DATABASE_URL. Its user may do everything in it. */
  url: string;
  /** Removes it, whoever is still connected. */
  drop(): Promise<void>;
}

/**
 * A fresh, empty database on the run's real PostgreSQL, for one suite.
 * @throws Error saying what to install when this machine has no PostgreSQL: such a suite fails, it is never skipped.
 */
export async function createDatabase(): Promise<TestDatabase> {
  const provided = inject('postgres');
  if ('unavailable' in provided) throw new Error(provided.unavailable);
  const name = `pegasus_test_${randomBytes(8).toString('hex')}`;
  await execute(provided.adminUrl, `CREATE DATABASE ${name}`);
  const url = new URL(provided.adminUrl);
  url.pathname = `/${name}`;
  return {
    url: url.href,
    drop: () => execute(provided.adminUrl, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`),
  };
}

async function execute(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
