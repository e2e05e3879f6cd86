import { AsyncLocalStorage } from 'node:async_hooks';
import { errorForLog } from './error-log.js';
import { resolve } from 'node:path';
import { PegasusError } from '@pegasus-workflows/contracts';
import { type Logger } from '@pegasus-workflows/kit';
import { sql, type ExtractTablesWithRelations, type SQL } from 'drizzle-orm';
import { type PgQueryResultHKT, type PgTransaction } from 'drizzle-orm/pg-core';
import { currentActor } from './actor.js';
import { lockDirectory } from './directory-lock.js';
import { MIGRATION_LOCK, migrateDatabase } from './migrate.js';
import * as schema from './schema.js';
import { type Scope } from './scoped-pglite.js';

/**
 * Job: one PostgreSQL dialect over two drivers (PGlite in this process, or a PostgreSQL server), entered only through
 * transactions that say for whom they act.
 *
 * Boundary: everything that touches a table goes through {@link Database.tenant} or {@link Database.system}.
 * PGlite has one connection: one transaction at a time, so a transaction must not wait for anything but itself.
 *
 * Invariants
 * 1. `tenant()` sees and writes rows of its tenant only (and reads GLOBAL workflows), whatever the query says.
 * 2. `system()` sees every row; only key look-up, presigned URLs, reconciler, sweeper and bootstrap use it.
 * 3. Role, tenant and actor are set locally: no transaction inherits them from the one before on the same connection.
 * 4. A transaction opened inside another one is refused at once, instead of waiting for itself for ever.
 * 5. A PGlite directory is open in one process at a time; what was committed survives `kill -9`.
 * 6. Migrations run under a lock, once each.
 */

/** The part of both drivers' raw results that can be relied on. */
interface Rows<T> {
  rows: T[];
}
interface RowsHKT extends PgQueryResultHKT {
  type: Rows<this['row']>;
}
/** A drizzle transaction of either driver. */
export type Tx = PgTransaction<RowsHKT, typeof schema, ExtractTablesWithRelations<typeof schema>>;

export interface Database {
  readonly dialect: 'pglite' | 'postgres';
  /** Runs one transaction that is confined to a tenant by row-level security. Rolled back when `work` rejects. */
  tenant<T>(tenantId: string, work: (tx: Tx) => Promise<T>): Promise<T>;
  /** Runs one transaction that sees every tenant. Rolled back when `work` rejects. */
  system<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
  /**
   * Calls `onNotice` with the payload of each NOTIFY on `channel`, before any later transaction is answered. Only the
   * embedded database can promise that, because it has one process and one connection; on PostgreSQL a notice comes
   * some time after the commit, so there is no such method.
   */
  listen?(channel: string, onNotice: (payload: string) => void): Promise<void>;
  /** Rejects when the database does not answer. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

export interface DatabaseSettings {
  /** `postgres://…`: a PostgreSQL server. Wins over `pgliteDir`. */
  url?: string | undefined;
  /** Directory of the embedded database; `memory://` keeps nothing. */
  pgliteDir?: string | undefined;
}

/** What a driver module provides; this module adds roles, the nesting guard and the life cycle. */
interface Driver {
  dialect: Database['dialect'];
  /** Every statement of the transaction is executed with the settings of `scope`. */
  transaction<T>(scope: Scope, work: (tx: Tx) => Promise<T>): Promise<T>;
  listen?: NonNullable<Database['listen']>;
  ping(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Opens the database, migrates it, and answers once it is usable.
 * Throws SERVICE_UNAVAILABLE when another process has the PGlite directory open.
 */
export async function openDatabase(settings: DatabaseSettings, logger: Logger): Promise<Database> {
  if (settings.url) return confine(await openPostgres(settings.url, logger));
  if (settings.pgliteDir) return confine(await openPglite(settings.pgliteDir, logger));
  throw new Error('settings are not usable: set DATABASE_URL or PEGASUS_PGLITE_DIR');
}

const TENANT_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

function confine(driver: Driver): Database {
  const current = new AsyncLocalStorage<{ open: boolean }>();
  const enter = async <T>(role: string, tenantId: string, work: (tx: Tx) => Promise<T>): Promise<T> => {
    if (current.getStore()?.open) throw new Error('a transaction was opened inside a transaction');
    const scope = { open: true };
    try {
      const settings = { role, 'pegasus.tenant_id': tenantId, ...actorSetting() };
      return await driver.transaction(settings, (tx) => current.run(scope, () => work(tx)));
    } catch (error) {
      if (isUnreachable(error)) {
        throw new PegasusError('SERVICE_UNAVAILABLE', 'The database cannot be reached.', { cause: error });
      }
      throw error;
    } finally {
      scope.open = false;
    }
  };
  return {
    dialect: driver.dialect,
    tenant: async (tenantId, work) => {
      if (!TENANT_ID.test(tenantId)) throw new Error(`${JSON.stringify(tenantId)} is not a tenant id`);
      return enter('pegasus_tenant', tenantId, work);
    },
    system: (work) => enter('pegasus_system', '', work),
    ...(driver.listen ? { listen: driver.listen } : {}),
    ping: () => driver.ping(),
    close: () => driver.close(),
  };
}

/** Who acts, for the audit trigger; nothing when it is the platform itself. */
function actorSetting(): Scope {
  const actor = currentActor();
  return actor ? { 'pegasus.actor': JSON.stringify(actor) } : {};
}

function statementOf(scope: Scope): SQL {
  const settings = Object.entries(scope).map(([name, value]) => sql`set_config(${name}, ${value}, true)`);
  return sql`select ${sql.join(settings, sql`, `)}`;
}

/** Whether a failure says that the database is gone, or going, rather than that a statement was wrong. */
function isUnreachable(error: unknown): boolean {
  const code = pgCode(error);
  if (code !== undefined) return /^(08...|57P0[1-3]|53300|ECONN\w+|ETIMEDOUT|ENOTFOUND|EPIPE)$/.test(code);
  return error instanceof Error && /connection terminated|timeout exceeded when trying/i.test(error.message);
}

/** SQLSTATE (or errno) of a failed statement, however the driver and drizzle have wrapped it. */
export function pgCode(error: unknown): string | undefined {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if ('code' in cause && typeof cause.code === 'string') return cause.code;
  }
  return undefined;
}

async function openPostgres(url: string, logger: Logger): Promise<Driver> {
  const { default: pg } = await import('pg');
  const { drizzle } = await import('drizzle-orm/node-postgres');
  const { migrate } = await import('drizzle-orm/node-postgres/migrator');
  const migrator = new pg.Client({ connectionString: url, application_name: 'pegasus-migrations' });
  await migrator.connect();
  try {
    await migrator.query('select pg_advisory_lock($1)', [MIGRATION_LOCK]);
    await migrateDatabase(
      {
        exec: (text) => migrator.query(text),
        migrate: (config) => migrate(drizzle(migrator), config),
      },
      logger,
    );
  } finally {
    await migrator.end();
  }
  const pool = new pg.Pool({
    connectionString: url,
    max: 20,
    connectionTimeoutMillis: 5_000,
    application_name: 'pegasus-server',
  });
  pool.on('error', (error) => logger.warn({ error: errorForLog(error) }, 'a database connection was lost'));
  const db = drizzle(pool, { schema });
  return {
    dialect: 'postgres',
    transaction: (scope, work) =>
      db.transaction(async (tx) => {
        await tx.execute(statementOf(scope));
        return work(tx);
      }),
    ping: async () => void (await pool.query('select 1')),
    close: () => pool.end(),
  };
}

async function openPglite(directory: string, logger: Logger): Promise<Driver> {
  const inMemory = directory.startsWith('memory://');
  const location = inMemory ? directory : resolve(directory);
  const release = inMemory ? async () => {} : await lockDirectory(location, logger);
  try {
    const { ScopedPglite } = await import('./scoped-pglite.js');
    const { drizzle } = await import('drizzle-orm/pglite');
    const { migrate } = await import('drizzle-orm/pglite/migrator');
    const client = new ScopedPglite(location);
    await client.waitReady;
    const db = drizzle(client, { schema });
    await migrateDatabase(
      { exec: (text) => client.exec(text), migrate: (config) => migrate(drizzle(client), config) },
      logger,
    );
    return {
      dialect: 'pglite',
      transaction: (scope, work) => client.withScope(scope, () => db.transaction(work)),
      listen: async (channel, onNotice) => void (await client.listen(channel, onNotice)),
      ping: async () => void (await client.query('select 1')),
      close: async () => {
        await client.close();
        await release();
      },
    };
  } catch (error) {
    await release();
    throw error;
  }
}
