import { type Logger } from '@pegasus-workflows/kit';
import { sql } from 'drizzle-orm';
import { type Database } from '../infra/database.js';
import { errorForLog } from '../infra/error-log.js';

/**
 * Job: keeps when each key was last used, without a request ever waiting for it.
 *
 * Boundary: the column `last_used_at` of `api_keys`, which says "within about a minute" and no more: what a crash
 * takes with it is lost.
 *
 * Invariants
 * 1. A key is written at most once in {@link EVERY_MS}, however often it is used.
 * 2. The column never goes back, whichever of several servers writes last.
 * 3. Only keys that exist are remembered, so guessing fills nothing.
 */
const EVERY_MS = 60_000;
const BATCH = 1_000;

export interface KeyUsageParts {
  db: Database;
  logger: Logger;
  everyMs?: number;
}

export class KeyUsage {
  readonly #parts: KeyUsageParts;
  #used = new Map<string, Date>();
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: KeyUsageParts) {
    this.#parts = parts;
  }

  /** Remembers that a key was used; returns at once. */
  note(keyId: string, at: Date): void {
    this.#used.set(keyId, at);
    this.#timer ??= setTimeout(() => void this.flush(), this.#parts.everyMs ?? EVERY_MS).unref();
  }

  /** Writes what is remembered. A failure is logged: the next use is another chance. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const used = [...this.#used];
    this.#used = new Map();
    try {
      for (let from = 0; from < used.length; from += BATCH) await this.#write(used.slice(from, from + BATCH));
    } catch (error) {
      this.#parts.logger.warn({ error: errorForLog(error) }, 'when keys were last used could not be written');
    }
  }

  /** Writes the last of it; call before the database is closed. */
  async close(): Promise<void> {
    await this.flush();
  }

  async #write(used: readonly (readonly [string, Date])[]): Promise<void> {
    const rows = used.map(([id, at]) => sql`(${id}::uuid, ${at.toISOString()}::timestamptz)`);
    await this.#parts.db.system((tx) =>
      tx.execute(sql`
        update api_keys set last_used_at = used.at
          from (values ${sql.join(rows, sql`, `)}) as used (id, at)
          where api_keys.id = used.id and (last_used_at is null or last_used_at < used.at)`),
    );
  }
}
