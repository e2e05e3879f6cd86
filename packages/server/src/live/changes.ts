import { sql } from 'drizzle-orm';
import { executionRowOf, type ExecutionRow } from '../executions/row.js';
import { type Database } from '../infra/database.js';

/**
 * Job: reads what has changed among the executions, for any number of tenants in one statement.
 *
 * Boundary: the order of changes is the database's: a trigger numbers every insert and update of a row by transaction
 * and by place in it. Who is told, and how often it is looked, is `live/`'s other files' business.
 *
 * Invariants
 * 1. Whoever goes on from the cursor of the last change that was read misses none, in any order of commits: only changes
 *    of transactions older than every one under way are read, and no transaction can appear below those any more.
 * 2. A row that has changed several times is read once, as it is last.
 * 3. Changes of a tenant are read in ascending order of their cursors.
 */

/** A place in the order of changes: after this transaction's change with this number. */
export interface ChangeCursor {
  /** `xid8`: a transaction id that does not wrap around, in decimal. */
  xid: string;
  seq: number;
}

export interface Change {
  cursor: ChangeCursor;
  row: ExecutionRow;
}

const CURSOR = /^(\d{1,20})\.(\d{1,15})$/;

/** `<xid>.<seq>`: what a client sends back as `Last-Event-ID`. */
export function cursorText({ xid, seq }: ChangeCursor): string {
  return `${xid}.${seq}`;
}

/** `undefined` when the text is no cursor. */
export function parseCursor(text: string): ChangeCursor | undefined {
  const [, xid, seq] = CURSOR.exec(text) ?? [];
  if (xid === undefined || BigInt(xid) >= 2n ** 64n) return undefined;
  return { xid, seq: Number(seq) };
}

/** Negative when `a` comes before `b`. */
export function compareCursors(a: ChangeCursor, b: ChangeCursor): number {
  const difference = BigInt(a.xid) - BigInt(b.xid);
  return difference === 0n ? a.seq - b.seq : difference < 0n ? -1 : 1;
}

export class ChangeReader {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /**
   * The cursor from which everything that is committed from now on will be read, and perhaps a little from before.
   * `next`: a cursor at or beyond this transaction is not of this database, such as one from before it was restored.
   */
  async now(): Promise<{ cursor: ChangeCursor; next: string }> {
    const { rows } = await this.#db.system((tx) =>
      tx.execute(
        sql`select pg_snapshot_xmin(s)::text as xid, pg_snapshot_xmax(s)::text as next from pg_current_snapshot() as s`,
      ),
    );
    const { xid, next } = rows[0] as { xid: string; next: string };
    // Before the first change of that transaction, whose places begin at 1.
    return { cursor: { xid, seq: 0 }, next };
  }

  /** At most `limit` changes of each tenant after its cursor; a tenant without any is absent. */
  async after(cursors: ReadonlyMap<string, ChangeCursor>, limit: number): Promise<Map<string, Change[]>> {
    const found = new Map<string, Change[]>();
    if (cursors.size === 0) return found;
    const wanted = JSON.stringify([...cursors].map(([tenant, { xid, seq }]) => ({ tenant, xid, seq })));
    const { rows } = await this.#db.system((tx) =>
      tx.execute(sql`
        select e.* from jsonb_to_recordset(${wanted}::jsonb) as c(tenant uuid, xid text, seq bigint)
        cross join lateral (
          select * from executions
          where tenant_id = c.tenant
            and (change_xid, change_seq) > (c.xid::xid8, c.seq)
            and change_xid < pg_snapshot_xmin(pg_current_snapshot())
          order by change_xid, change_seq
          limit ${limit}
        ) as e
        order by e.tenant_id, e.change_xid, e.change_seq`),
    );
    for (const raw of rows) {
      const row = executionRowOf(raw);
      const changes = found.get(row.tenantId) ?? [];
      changes.push({ cursor: { xid: row.changeXid, seq: row.changeSeq }, row });
      found.set(row.tenantId, changes);
    }
    return found;
  }
}
