import { type MasterKeys } from '@pegasus-workflows/contracts';
import { failpoint, type Logger } from '@pegasus-workflows/kit';
import { sql } from 'drizzle-orm';
import { Counter, Gauge, type Registry } from 'prom-client';
import { type Database } from '../infra/database.js';
import { errorForLog } from '../infra/error-log.js';
import { SEALED_TABLES, type SealedTable } from '../infra/sealed-tables.js';
import { keyIdOf, type Vault } from '../infra/vault.js';

/**
 * Job: brings every sealed value under the current master key, so that an old key can be taken away.
 *
 * Boundary: the tables of `infra/sealed-tables.ts`, across tenants. One row is one statement of its own; nothing is
 * locked while a value is opened and sealed, and readers never wait.
 *
 * Invariants
 * 1. A row is written only if its values are still those that were read: a change made meanwhile wins, and two servers
 *    that re-wrap at once do not undo each other.
 * 2. At every moment a row holds whole values that some key of the set opens; a kill between any two steps costs
 *    nothing but the work of that row.
 * 3. A value that cannot be opened is left as it is and does not hold up the others.
 */
export interface RewrapParts {
  db: Database;
  vault: Vault;
  logger: Logger;
  metrics: Registry;
  tables?: readonly SealedTable[];
}

type Row = Record<string, string | null>;

const BATCH = 50;
const FIRST_ID = '00000000-0000-0000-0000-000000000000';

export class Rewrap {
  readonly #parts: RewrapParts;
  readonly #tables: readonly SealedTable[];
  readonly #rewrapped: Counter<'result'>;
  readonly #waiting: Gauge;

  constructor(parts: RewrapParts) {
    this.#parts = parts;
    this.#tables = parts.tables ?? SEALED_TABLES;
    const registers = [parts.metrics];
    this.#rewrapped = new Counter({
      name: 'pegasus_master_key_rewraps_total',
      help: 'Rows with sealed values that were to come under the current master key, by how that went.',
      labelNames: ['result'] as const,
      registers,
    });
    this.#waiting = new Gauge({
      name: 'pegasus_master_key_values_waiting',
      help: 'Sealed values that were under another than the current master key when last counted.',
      registers,
    });
  }

  /** One pass over all tables. */
  async round(signal: AbortSignal = new AbortController().signal): Promise<void> {
    let failures = 0;
    for (const table of this.#tables) {
      let after = FIRST_ID;
      for (;;) {
        const rows = await this.#stale(table, after);
        for (const row of rows) {
          if (signal.aborted) return;
          if ((await this.#rewrap(table, row)) === 'failed') failures++;
        }
        if (rows.length < BATCH) break;
        after = rows.at(-1)!['id']!;
      }
    }
    const { keys } = await this.status();
    this.#waiting.set(keys.filter(({ current }) => !current).reduce((sum, { values }) => sum + values, 0));
    if (failures > 0) {
      this.#parts.logger.error(
        { failures },
        'sealed values could not be brought under the current master key',
      );
    }
  }

  /** Which keys there are, and how many sealed values need each, across tenants. */
  async status(): Promise<MasterKeys> {
    const { vault } = this.#parts;
    const counts = new Map<string, number>(vault.keyIds.map((keyId) => [keyId, 0]));
    const add = (keyId: string, n: number) => counts.set(keyId, (counts.get(keyId) ?? 0) + n);
    for (const table of this.#tables) {
      for (const { key, n } of await this.#countFirst(table)) add(key, n);
      for (const column of table.sealed.slice(1)) {
        for (const sealed of await this.#valuesOf(table, column)) add(keyIdOf(sealed) ?? 'unknown', 1);
      }
    }
    const { currentKeyId, keyIds } = vault;
    const keys = [...counts].map(([keyId, values]) => ({
      keyId,
      present: keyIds.includes(keyId),
      current: keyId === currentKeyId,
      values,
      removable: keyId !== currentKeyId && values === 0,
    }));
    return { currentKeyId, keys };
  }

  /** Rows that have a value under another key, in the order of their ids. */
  async #stale(table: SealedTable, after: string): Promise<Row[]> {
    const { db, vault } = this.#parts;
    const [first, ...further] = table.sealed.map((column) => sql.identifier(column));
    const columns = sql.join(
      [...table.sealed, ...table.named].map((column) => sql.identifier(column)),
      sql`, `,
    );
    // Which key a further column needs, only its header says; those columns are rarely filled.
    const more = further.map((column) => sql` or ${column} is not null`);
    const { rows } = await db.system((tx) =>
      tx.execute<Row>(sql`select id, tenant_id, ${columns} from ${sql.identifier(table.name)}
        where id > ${after} and ((master_key_id is not null and master_key_id <> ${vault.currentKeyId} and ${first} is not null)${sql.join(more)})
        order by id limit ${BATCH}`),
    );
    return rows;
  }

  async #rewrap(table: SealedTable, row: Row): Promise<'done' | 'changed' | 'failed' | 'current'> {
    const { db, vault, logger } = this.#parts;
    const current = vault.currentKeyId;
    const stale = table.sealed.filter((column) => row[column] && keyIdOf(row[column]) !== current);
    const result = await (async () => {
      if (stale.length === 0) return 'current';
      const sealed: [string, string][] = [];
      for (const column of stale) {
        const place = { tenantId: row['tenant_id']!, name: table.place(row, column) };
        const again = await vault.seal(place, await vault.open(place, row[column]!));
        // The key set changed in the middle: the next pass does it.
        if (again.masterKeyId !== current) return 'changed';
        sealed.push([column, again.sealed]);
      }
      failpoint('rewrap.before-update');
      const sets = [
        ...sealed.map(([column, value]) => sql`${sql.identifier(column)} = ${value}`),
        ...(row[table.sealed[0]] === null ? [] : [sql`master_key_id = ${current}`]),
      ];
      const unchanged = table.sealed.map(
        (c) => sql`${sql.identifier(c)} is not distinct from ${row[c] ?? null}`,
      );
      const { rows } = await db.system((tx) =>
        tx.execute(sql`update ${sql.identifier(table.name)} set ${sql.join(sets, sql`, `)}
          where id = ${row['id']} and ${sql.join(unchanged, sql` and `)} returning id`),
      );
      failpoint('rewrap.after-update');
      return rows.length > 0 ? 'done' : 'changed';
    })().catch((error: unknown) => {
      const { id } = row;
      logger.warn(
        { table: table.name, id, error: errorForLog(error) },
        'a sealed value stays under its old key',
      );
      return 'failed' as const;
    });
    if (result !== 'current') this.#rewrapped.inc({ result });
    return result;
  }

  async #countFirst(table: SealedTable): Promise<{ key: string; n: number }[]> {
    const [first] = table.sealed;
    const { rows } = await this.#parts.db.system((tx) =>
      tx.execute<{ key: string; n: number }>(sql`select master_key_id as key, count(*)::int as n
        from ${sql.identifier(table.name)}
        where master_key_id is not null and ${sql.identifier(first)} is not null group by master_key_id`),
    );
    return rows;
  }

  async #valuesOf(table: SealedTable, column: string): Promise<string[]> {
    const name = sql.identifier(column);
    const { rows } = await this.#parts.db.system((tx) =>
      tx.execute<{ sealed: string }>(
        sql`select ${name} as sealed from ${sql.identifier(table.name)} where ${name} is not null`,
      ),
    );
    return rows.map(({ sealed }) => sealed);
  }
}
