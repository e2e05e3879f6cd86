import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { type Logger } from '@pegasus-workflows/kit';

/** `packages/server/migrations`, the same folder from `src` and from `dist`. */
export const MIGRATIONS_DIR = fileURLToPath(new URL('../../migrations', import.meta.url));

/** Any number will do, as long as every Pegasus server takes the same one. */
export const MIGRATION_LOCK = 0x7065_6761;

/** Failures of `roles.sql` that mean "another database of this cluster does the same right now". */
const ROLE_RACES = ['tuple concurrently updated', 'pg_authid_rolname_index', 'pg_auth_members'];
const ROLE_ATTEMPTS = 10;

/** What a driver gives the migrations to work with. */
export interface MigrationTarget {
  /** Runs SQL text that may hold several statements. */
  exec(sql: string): Promise<unknown>;
  /** Applies the recorded migrations of {@link MIGRATIONS_DIR} that this database has not seen, in one transaction. */
  migrate(config: { migrationsFolder: string }): Promise<void>;
}

/**
 * Brings a database to this server's schema: roles, then migrations. Idempotent; the caller holds a lock that no
 * second server can hold (advisory lock, directory lock). Roles are cluster-wide and no lock of one database covers
 * them, so creating them is repeated when another database's server was at it.
 */
export async function migrateDatabase(target: MigrationTarget, logger: Logger): Promise<void> {
  const started = performance.now();
  const roles = await readFile(`${MIGRATIONS_DIR}/roles.sql`, 'utf8');
  for (let attempt = 1; ; attempt++) {
    try {
      await target.exec(roles);
      break;
    } catch (error) {
      const message = error instanceof Error ? error.message : '';
      if (attempt === ROLE_ATTEMPTS || !ROLE_RACES.some((race) => message.includes(race))) throw error;
    }
  }
  await target.migrate({ migrationsFolder: MIGRATIONS_DIR });
  logger.info({ ms: Math.round(performance.now() - started) }, 'database schema is up to date');
}
