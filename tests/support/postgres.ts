import { randomBytes } from 'node:crypto';
import { inject } from 'vitest';
import { databaseUrl, execute } from './postgres-server.js';
import './provided.js';

export interface TestDatabase {
  /** `postgres://…`, for DATABASE_URL. Its user may do everything in it. */
  url: string;
  /** Removes it, whoever is still connected. */
  drop(): Promise<void>;
}

/**
 * A database on the run's real PostgreSQL, for one suite: `empty`, or `migrated` and without rows.
 * @throws Error saying what to install when this machine has no PostgreSQL: such a suite fails, it is never skipped.
 */
export async function createDatabase(state: 'empty' | 'migrated' = 'empty'): Promise<TestDatabase> {
  const provided = inject('postgres');
  if ('unavailable' in provided) throw new Error(provided.unavailable);
  const { adminUrl, template } = provided;
  const name = `pegasus_test_${randomBytes(8).toString('hex')}`;
  await execute(adminUrl, `CREATE DATABASE ${name}${state === 'empty' ? '' : ` TEMPLATE ${template}`}`);
  return {
    url: databaseUrl(adminUrl, name),
    drop: () => execute(adminUrl, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`),
  };
}
