import { randomUUID } from 'node:crypto';
import { failpoint, type Logger } from '@pegasus-workflows/kit';
import { and, eq, sql } from 'drizzle-orm';
import { type Database, type Tx } from './database.js';
import { errorForLog } from './error-log.js';
import { oneLine } from './failure-text.js';
import { periodic, type Stoppable } from './periodic.js';
import { forEachLimited } from './pool.js';
import { outbox } from './schema.js';

/**
 * Job: work that a transaction leaves to be done after it. An item is written with what it is about, and taken away
 * with what was done about it.
 *
 * Boundary: rows of the table `outbox`. Handlers say what an item means; whether doing it twice matters is theirs to
 * prevent, by writing their effect in the transaction that finishes the item, or by an idempotency key outside.
 *
 * Invariants
 * 1. An item exists if and only if the transaction that enqueued it was committed and none has finished it.
 * 2. One worker at a time has an item: a lease, taken under `skip locked`, ended by its time when the worker dies.
 * 3. A worker whose lease has ended finishes nothing: finishing checks the lease in the same transaction.
 * 4. An item is given up only after {@link OutboxOptions.maximumAttempts}, or when its handler says so; it is then
 *    kept as a dead letter with the reason, and can be replayed.
 */
export type Topic = (typeof outbox.topic.enumValues)[number];

export interface OutboxItem {
  seq: number;
  tenantId: string;
  refId: string;
  /** This attempt, from 1. */
  attempt: number;
}

/** Thrown by a handler: trying again cannot help. Its message is the dead letter's reason. */
export class DeadLetterError extends Error {
  override name = 'DeadLetterError';
}

export interface OutboxOptions {
  db: Database;
  logger: Logger;
  clock: () => Date;
  topic: Topic;
  /**
   * Does the work, and calls `finish(tx)` inside the transaction that records it; an item that is not finished when
   * the handler resolves counts as failed.
   */
  handle: (item: OutboxItem, finish: (tx: Tx) => Promise<void>) => Promise<void>;
  /** Called in the transaction that gives an item up. */
  onDead?: (tx: Tx, item: OutboxItem, reason: string) => Promise<void>;
  maximumAttempts: number;
  /** Milliseconds until the next attempt, by how many there were. */
  retryAfterMs: (attempts: number) => number;
  leaseMs?: number;
  /** Items worked on at once. */
  width?: number;
}

const LEASE_MS = 30_000;
const BATCH = 50;
/** With several servers on one database, another one's items are noticed by looking, this often. */
const LOOK_AGAIN_MS = 500;

/** Leaves work to be done once `tx` is committed. A second item about the same thing is the first one. */
export async function enqueue(
  tx: Tx,
  item: { tenantId: string; topic: Topic; refId: string; availableAt?: Date },
): Promise<void> {
  await tx.insert(outbox).values(item).onConflictDoNothing();
}

export class OutboxWorker {
  readonly #options: OutboxOptions;
  #wake: (() => void) | undefined;
  /** Kicked while it was working: it looks again before it pauses. */
  #kicked = false;

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  /** Begins to work; looks again at every {@link kick}, and every half second. */
  start(): Stoppable {
    const { topic, logger } = this.#options;
    const stopping = new AbortController();
    const rounds = periodic(
      `outbox ${topic}`,
      0,
      async () => {
        this.#kicked = false;
        const worked = await this.round();
        if (worked === 0 && !this.#kicked && !stopping.signal.aborted) await this.#pause(stopping.signal);
      },
      logger,
    );
    return {
      stop: async () => {
        stopping.abort();
        await rounds.stop();
      },
    };
  }

  /** There is something new: call after the commit. */
  kick(): void {
    this.#kicked = true;
    this.#wake?.();
  }

  /** Works on what is due now, at most one batch; answers how many items it took. */
  async round(): Promise<number> {
    const { leaseMs = LEASE_MS, width = 8 } = this.#options;
    const leaseId = randomUUID();
    const items = await this.#claim(leaseId, leaseMs);
    failpoint('outbox.claimed');
    await forEachLimited(items, width, (item) => this.#work(item, leaseId));
    return items.length;
  }

  #pause(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', wake);
        this.#wake = undefined;
        resolve();
      };
      const timer = setTimeout(wake, LOOK_AGAIN_MS);
      signal.addEventListener('abort', wake, { once: true });
      this.#wake = wake;
    });
  }

  async #claim(leaseId: string, leaseMs: number): Promise<OutboxItem[]> {
    const { db, topic, clock } = this.#options;
    const now = clock();
    const until = new Date(now.getTime() + leaseMs);
    const rows = await db.system((tx) =>
      tx
        .update(outbox)
        .set({ leasedUntil: until, leaseId, attempts: sql`${outbox.attempts} + 1` })
        .where(
          sql`${outbox.seq} in (
            select seq from outbox
            where topic = ${topic} and dead_at is null and available_at <= ${now.toISOString()}
              and (leased_until is null or leased_until <= ${now.toISOString()})
            order by available_at, seq limit ${BATCH} for update skip locked)`,
        )
        .returning({
          seq: outbox.seq,
          tenantId: outbox.tenantId,
          refId: outbox.refId,
          attempt: outbox.attempts,
        }),
    );
    return rows.sort((a, b) => a.seq - b.seq);
  }

  async #work(item: OutboxItem, leaseId: string): Promise<void> {
    const { handle, logger, topic } = this.#options;
    const mine = and(eq(outbox.seq, item.seq), eq(outbox.leaseId, leaseId));
    let finished = false;
    const finish = async (tx: Tx): Promise<void> => {
      const gone = await tx.delete(outbox).where(mine).returning({ seq: outbox.seq });
      // Thrown inside the transaction, so that what it did is undone (invariant 3).
      if (gone.length === 0) throw new Error('the lease of this item has ended');
      finished = true;
    };
    try {
      await handle(item, finish);
      if (!finished) throw new Error('the handler did not finish the item');
      failpoint('outbox.finished');
    } catch (error) {
      logger.warn(
        { topic, refId: item.refId, attempt: item.attempt, error: errorForLog(error) },
        'an outbox item failed',
      );
      await this.#failed(item, leaseId, error);
    }
  }

  async #failed(item: OutboxItem, leaseId: string, error: unknown): Promise<void> {
    const { db, clock, maximumAttempts, retryAfterMs, onDead } = this.#options;
    const reason = oneLine(error instanceof Error ? error.message : String(error), 1_000);
    const dead = error instanceof DeadLetterError || item.attempt >= maximumAttempts;
    const now = clock();
    await db.system(async (tx) => {
      const rows = await tx
        .update(outbox)
        .set({
          leaseId: null,
          leasedUntil: null,
          lastError: reason,
          ...(dead ? { deadAt: now } : { availableAt: new Date(now.getTime() + retryAfterMs(item.attempt)) }),
        })
        .where(and(eq(outbox.seq, item.seq), eq(outbox.leaseId, leaseId)))
        .returning({ seq: outbox.seq });
      if (dead && rows.length > 0) await onDead?.(tx, item, reason);
    });
  }
}

/** Doubles from one second to five minutes, and spreads by a fifth, so that what failed together does not return together. */
export function exponentialBackoff(attempts: number): number {
  const base = Math.min(300_000, 1_000 * 2 ** Math.min(attempts - 1, 20));
  return Math.round(base * (0.9 + Math.random() * 0.2));
}
