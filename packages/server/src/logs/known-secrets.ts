/**
 * Job: what must not be in a tenant's logs: the values of its secrets and credentials, ready to be looked for.
 *
 * Boundary: every table of `infra/sealed-tables.ts`, so a capability that seals something is covered by itself. Plain
 * values stay in this module's memory, for the tenants that logged last.
 *
 * Invariants
 * 1. {@link KnownSecrets.redactor} knows every value that was committed before it was called, on any server: it asks the
 *    database at each call whether a row has changed, and opens values only when one has.
 * 2. A value that cannot be opened because its master key is missing fails the call: nothing is stored that it could be
 *    in. One that is not what was sealed is no value that any code can have, and is passed over.
 */
import { PegasusError } from '@pegasus-workflows/contracts';
import { sql, type SQL } from 'drizzle-orm';
import { type Database, type Tx } from '../infra/database.js';
import { SEALED_TABLES } from '../infra/sealed-tables.js';
import { type Vault } from '../infra/vault.js';
import { redactorOf, type Redactor } from './redactor.js';

interface Known {
  version: string;
  redactor: Redactor;
}

type Row = Record<string, string | null>;

const TENANTS = 200;

export class KnownSecrets {
  readonly #db: Database;
  readonly #vault: Vault;
  /** The least recently used first. */
  readonly #known = new Map<string, Known>();

  constructor({ db, vault }: { db: Database; vault: Vault }) {
    this.#db = db;
    this.#vault = vault;
  }

  /** Throws SERVICE_UNAVAILABLE (invariant 2). */
  async redactor(tenantId: string): Promise<Redactor> {
    const version = await this.#db.tenant(tenantId, versionOf);
    let known = this.#known.get(tenantId);
    if (known?.version !== version) known = await this.#read(tenantId);
    this.#known.delete(tenantId);
    this.#known.set(tenantId, known);
    if (this.#known.size > TENANTS) this.#known.delete(this.#known.keys().next().value!);
    return known.redactor;
  }

  async #read(tenantId: string): Promise<Known> {
    const { version, sealed } = await this.#db.tenant(tenantId, async (tx) => ({
      version: await versionOf(tx),
      sealed: await sealedValues(tx),
    }));
    const values: string[] = [];
    for (const { name, value } of sealed) {
      try {
        values.push(await this.#vault.open({ tenantId, name }, value));
      } catch (error) {
        if (!(error instanceof PegasusError) || error.code !== 'INTERNAL_ERROR') throw error;
      }
    }
    return { version, redactor: redactorOf(values) };
  }
}

/** Another text whenever a row with sealed values was written or is gone: `xmin` is the transaction that wrote it last. */
async function versionOf(tx: Tx): Promise<string> {
  const each: SQL[] = SEALED_TABLES.map(
    ({ name }) => sql`select id::text || ':' || xmin::text as stamp from ${sql.identifier(name)}`,
  );
  const all = sql.join(each, sql` union all `);
  const { rows } = await tx.execute<{ version: string }>(
    sql`select md5(coalesce(string_agg(stamp, ',' order by stamp), '')) as version from (${all}) as stamps`,
  );
  return rows[0]!.version;
}

async function sealedValues(tx: Tx): Promise<{ name: string; value: string }[]> {
  const found: { name: string; value: string }[] = [];
  for (const { name, sealed, named, place } of SEALED_TABLES) {
    const columns = sql.join(
      ['id', ...sealed, ...named].map((column) => sql.identifier(column)),
      sql`, `,
    );
    const { rows } = await tx.execute<Row>(
      sql`select ${columns} from ${sql.identifier(name)} where master_key_id is not null`,
    );
    for (const row of rows)
      for (const column of sealed) {
        const value = row[column];
        if (value) found.push({ name: place(row, column), value });
      }
  }
  return found;
}
