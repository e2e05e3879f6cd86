/**
 * Job: tells those who follow a log that it may have grown.
 *
 * Boundary: says that there is news, never what; followers read by themselves.
 *
 * Invariants
 * 1. What this server takes in wakes its followers at once; what another server has taken in, within {@link LOOK_MS}.
 * 2. News that comes while a follower is busy is not lost: its next wait ends at once.
 * 3. Nothing is asked of the database while nobody follows.
 */
import { type Logger } from '@pegasus-workflows/kit';
import { inArray } from 'drizzle-orm';
import { errorForLog } from '../infra/error-log.js';
import { type Database } from '../infra/database.js';
import { logStreams } from '../infra/schema.js';

const LOOK_MS = 500;

export class Follower {
  isBehind = false;
  #wake: () => void = () => {};

  tell(): void {
    this.isBehind = true;
    this.#wake();
  }

  /** Resolves when there may be news, or `signal` aborts. */
  async news(signal: AbortSignal): Promise<void> {
    if (!this.isBehind && !signal.aborted) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
    }
    this.isBehind = false;
  }
}

export class LogFeed {
  readonly #db: Database;
  readonly #logger: Logger;
  /** By stream. */
  readonly #followers = new Map<string, Set<Follower>>();
  /** How many entries each followed stream had at the last look. */
  readonly #seen = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;

  constructor(db: Database, logger: Logger) {
    this.#db = db;
    this.#logger = logger;
  }

  follow(streamId: string): Follower {
    const follower = new Follower();
    this.#followers.set(streamId, (this.#followers.get(streamId) ?? new Set()).add(follower));
    this.#lookLater();
    return follower;
  }

  leave(streamId: string, follower: Follower): void {
    const others = this.#followers.get(streamId);
    others?.delete(follower);
    if (others?.size !== 0) return;
    this.#followers.delete(streamId);
    this.#seen.delete(streamId);
  }

  /** Entries of this stream were committed here. */
  tell(streamId: string): void {
    for (const follower of this.#followers.get(streamId) ?? []) follower.tell();
  }

  /** The embedded database has no other server. */
  #lookLater(): void {
    if (this.#db.dialect !== 'postgres' || this.#timer || this.#followers.size === 0) return;
    this.#timer = setTimeout(() => {
      void this.#look()
        .catch((error: unknown) =>
          this.#logger.warn({ error: errorForLog(error) }, 'the logs of runs could not be looked at'),
        )
        .finally(() => {
          this.#timer = undefined;
          this.#lookLater();
        });
    }, LOOK_MS);
    this.#timer.unref();
  }

  async #look(): Promise<void> {
    const { streamId, written } = logStreams;
    const rows = await this.#db.system((tx) =>
      tx
        .select({ streamId, written })
        .from(logStreams)
        .where(inArray(streamId, [...this.#followers.keys()])),
    );
    for (const row of rows) {
      if (this.#seen.get(row.streamId) === row.written) continue;
      this.#seen.set(row.streamId, row.written);
      this.tell(row.streamId);
    }
  }
}
