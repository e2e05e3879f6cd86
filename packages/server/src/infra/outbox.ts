import { randomUUID } from 'node:crypto';
import { failpoint, type Logger } from '@pegasus-workflows/kit';
import { PegasusError } from '@pegasus-workflows/contracts';
import { and, eq, inArray, sql, type SQL } from 'drizzle-orm';
import { type Registry } from 'prom-client';
import { type Database, type Tx } from './database.js';
import { errorForLog } from './error-log.js';
import { oneLine } from './failure-text.js';
import { outboxMetrics, type AttemptResult, type OutboxMetrics } from './outbox-metrics.js';
import { periodic, type Stoppable } from './periodic.js';
import { outbox } from './schema.js';

/**
 * Job: work that a transaction leaves to be done after it. An item is written with what it is about, and taken away
 * with what was done about it.
 *
 * Boundary: rows of the table `outbox`. Handlers say what an item means; whether doing it twice matters is theirs to
 * prevent, by writing their effect in the transaction that finishes the item, or by an idempotency key outside. Leases
 * are told by the servers' clocks: servers of one database whose clocks differ by more than a lease take each other's
 * items, which costs work and, by invariant 3, nothing else.
 *
 * Invariants
 * 1. An item exists if and only if the transaction that enqueued it was committed and none has finished it.
 * 2. One worker at a time has an item: a lease, taken under `skip locked`, ended by its time when the worker dies.
 * 3. A worker whose lease has ended finishes nothing: finishing checks the lease in the same transaction.
 * 4. An item is given up only after {@link OutboxOptions.maximumAttempts}, or when its handler says so; it is then
 *    kept as a dead letter with the reason, and can be replayed.
 * 5. A lease that ended without a word counts as an attempt, and its item is tried again alone, with nothing else
 *    under way: one that kills the server ends as a dead letter and takes no neighbour with it.
 * 6. An outage of the database, and {@link NotNowError}, count as no attempt.
 * 7. While the database does not answer, the worker asks it once in {@link RETRY_MS}, and not in a loop.
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

/** Thrown by a handler: it is not the item's fault and not its time; looked at again after `retryAfterMs`. */
export class NotNowError extends Error {
  override name = 'NotNowError';
  constructor(
    message: string,
    readonly retryAfterMs: number,
  ) {
    super(message);
  }
}

/** Thrown by a handler: this attempt has failed, and the next is to wait at least `notBeforeMs`. */
export class RetryLaterError extends Error {
  override name = 'RetryLaterError';
  constructor(
    message: string,
    readonly notBeforeMs: number,
  ) {
    super(message);
  }
}

/** Does one item, calling `finish(tx)` inside the transaction that records it; one that is not finished has failed. */
type Handle = (item: OutboxItem, finish: Finish) => Promise<void>;
/** Takes the item away in the transaction that records what was done about it. */
export type Finish = (tx: Tx) => Promise<void>;

/**
 * Does many items in one transaction, calling `finish(tx, items)` in it for those that are done; answers why the
 * others are not. When it rejects, nothing was done, and each is handled alone: an item's fault costs its neighbours
 * only time.
 */
type HandleTogether = (
  items: readonly OutboxItem[],
  finish: (tx: Tx, done: readonly OutboxItem[]) => Promise<void>,
) => Promise<ReadonlyMap<OutboxItem, unknown>>;

export interface OutboxOptions {
  db: Database;
  logger: Logger;
  clock: () => Date;
  topic: Topic;
  /** Exactly one of the two: `handle` for work outside of the database, `together` for work inside of it. */
  handle?: Handle;
  together?: HandleTogether;
  /** Called in the transaction that gives an item up. */
  onDead?: (tx: Tx, item: OutboxItem, reason: string) => Promise<void>;
  maximumAttempts: number;
  /** Milliseconds until the next attempt, by how many there were. */
  retryAfterMs: (attempts: number) => number;
  /** Longer than handling an item ever takes. */
  leaseMs?: number;
  /** Items worked on at once, with `handle`. */
  width?: number;
  /** Awaited before items are taken: what they are done with may have to catch up, while no lease runs. */
  ready?: () => Promise<void>;
  metrics?: Registry;
}

const LEASE_MS = 30_000;
/** Items of one transaction, with `together`. */
const BATCH = 50;
/** With several servers on one database, another one's items are noticed by looking, this often. */
const LOOK_AGAIN_MS = 500;
/** After a failure of the database. */
export const RETRY_MS = 1_000;
/** How often leases that ended without a word are looked for. */
const ABANDONED_MS = 1_000;
const ABANDONED = 'The server ended while it was working on this.';

/** Leaves work to be done once `tx` is committed. A second item about the same thing is the first one. */
export async function enqueue(
  tx: Tx,
  item: { tenantId: string; topic: Topic; refId: string; availableAt?: Date },
): Promise<void> {
  await tx.insert(outbox).values(item).onConflictDoNothing();
}

/** What is to be said of an item that was not finished. */
interface Verdict {
  item: OutboxItem;
  leaseId: string;
  reason: string;
  result: Exclude<AttemptResult, 'finished' | 'abandoned'>;
  availableAt: Date;
}

export class OutboxWorker {
  readonly #options: OutboxOptions;
  readonly #metrics: OutboxMetrics | undefined;
  /** Items in the hands of this process, one promise for each batch. */
  readonly #underWay = new Set<Promise<void>>();
  /** Verdicts that the database did not take; told again before anything else is taken. */
  #untold: Verdict[] = [];
  #wake: (() => void) | undefined;
  /** Kicked while it was working: it looks again before it pauses. */
  #kicked = false;
  #lookedForAbandonedAt = Number.NEGATIVE_INFINITY;

  constructor(options: OutboxOptions) {
    this.#options = options;
    this.#metrics = options.metrics && outboxMetrics(options.metrics, options.db);
  }

  /** Begins to work; looks again at every {@link kick}, and every half second. */
  start(): Stoppable {
    const { topic, logger, db } = this.#options;
    const stopping = new AbortController();
    // An embedded database has one server: what is leased now was leased by one that has ended.
    let inherits = db.dialect === 'pglite';
    const rounds = periodic(
      `outbox ${topic}`,
      0,
      async () => {
        try {
          if (inherits) await this.#endLeases();
          inherits = false;
          this.#kicked = false;
          const taken = await this.#take();
          if (taken === 0 && !this.#kicked && !stopping.signal.aborted) {
            await this.#pause(LOOK_AGAIN_MS, stopping.signal, true);
          }
        } catch (error) {
          await this.#pause(RETRY_MS, stopping.signal, false);
          throw error;
        }
      },
      logger,
    );
    return {
      stop: async () => {
        stopping.abort();
        await rounds.stop();
        await this.#idle();
      },
    };
  }

  /** There is something new: call after the commit. */
  kick(): void {
    this.#kicked = true;
    this.#wake?.();
  }

  /** Works on what is due now, as much as is taken at once; answers how many items that were. */
  async round(): Promise<number> {
    const taken = await this.#take();
    await this.#idle();
    return taken;
  }

  #pause(ms: number, stopping: AbortSignal, wakes: boolean): Promise<void> {
    if (stopping.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        stopping.removeEventListener('abort', wake);
        this.#wake = undefined;
        resolve();
      };
      const timer = setTimeout(wake, ms);
      stopping.addEventListener('abort', wake, { once: true });
      if (wakes) this.#wake = wake;
    });
  }

  async #idle(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.allSettled(this.#underWay);
  }

  /** Sets going what there is room for; answers how many items that are. */
  async #take(): Promise<number> {
    const { together, width = 8, ready } = this.#options;
    await ready?.();
    await this.#tellUntold();
    if (await this.#takeAbandoned()) return 1;
    const room = together ? BATCH * (1 - this.#underWay.size) : width - this.#underWay.size;
    if (room <= 0) {
      await Promise.race(this.#underWay);
      return 1;
    }
    const leaseId = randomUUID();
    const items = await this.#claim(leaseId, room);
    if (items.length === 0) return 0;
    failpoint('outbox.claimed');
    if (together) await this.#track(this.#workTogether(items, leaseId));
    else for (const item of items) void this.#track(this.#workAlone(item, leaseId));
    return items.length;
  }

  #track(work: Promise<void>): Promise<void> {
    const tracked = work.finally(() => {
      this.#underWay.delete(tracked);
      this.kick();
    });
    this.#underWay.add(tracked);
    return tracked;
  }

  async #claim(leaseId: string, limit: number): Promise<OutboxItem[]> {
    const { db, topic, clock, leaseMs = LEASE_MS } = this.#options;
    const now = clock();
    const rows = await db.system((tx) =>
      tx
        .update(outbox)
        .set({ leasedUntil: new Date(now.getTime() + leaseMs), leaseId })
        .where(
          seqIn(sql`select seq from outbox
            where topic = ${topic} and dead_at is null and available_at <= ${now.toISOString()} and lease_id is null
            order by available_at, seq limit ${limit} for update skip locked`),
        )
        .returning(ITEM),
    );
    return rows.map(toItem).sort((a, b) => a.seq - b.seq);
  }

  /** Invariant 5. Answers whether there was one. */
  async #takeAbandoned(): Promise<boolean> {
    const now = this.#options.clock().getTime();
    if (Math.abs(now - this.#lookedForAbandonedAt) < ABANDONED_MS) return false;
    if (!(await this.#hasAbandoned())) {
      this.#lookedForAbandonedAt = now;
      return false;
    }
    await this.#idle();
    const leaseId = randomUUID();
    const item = await this.#claimAbandoned(leaseId);
    // Another server was faster; the next look comes at once, since there may be more.
    if (!item) return false;
    this.#count('abandoned');
    this.#options.logger.warn(
      { topic: this.#options.topic, refId: item.refId, attempt: item.attempt },
      'an outbox item was left unfinished; it is tried alone',
    );
    if (item.attempt > this.#options.maximumAttempts) {
      await this.#tell(this.#verdict(item, leaseId, new DeadLetterError(ABANDONED)));
    } else {
      failpoint('outbox.claimed-alone');
      await this.#workAlone(item, leaseId);
    }
    return true;
  }

  async #hasAbandoned(): Promise<boolean> {
    const { db } = this.#options;
    const rows = await db.system((tx) =>
      tx.select({ seq: outbox.seq }).from(outbox).where(this.#abandoned()).limit(1),
    );
    return rows.length > 0;
  }

  async #claimAbandoned(leaseId: string): Promise<OutboxItem | undefined> {
    const { db, clock, leaseMs = LEASE_MS } = this.#options;
    const leasedUntil = new Date(clock().getTime() + leaseMs);
    const rows = await db.system((tx) =>
      tx
        .update(outbox)
        .set({ leasedUntil, leaseId, attempts: sql`${outbox.attempts} + 1`, lastError: ABANDONED })
        .where(
          seqIn(
            sql`select seq from outbox where ${this.#abandoned()} order by seq limit 1 for update skip locked`,
          ),
        )
        .returning(ITEM),
    );
    return rows[0] && toItem(rows[0]);
  }

  #abandoned() {
    const { topic, clock } = this.#options;
    return sql`topic = ${topic} and dead_at is null and lease_id is not null and leased_until <= ${clock().toISOString()}`;
  }

  async #endLeases(): Promise<void> {
    const { db, topic, clock } = this.#options;
    const leasedUntil = clock();
    await db.system((tx) =>
      tx
        .update(outbox)
        .set({ leasedUntil })
        .where(sql`topic = ${topic} and dead_at is null and leased_until > ${leasedUntil.toISOString()}`),
    );
  }

  async #workTogether(items: readonly OutboxItem[], leaseId: string): Promise<void> {
    const finished = new Set<OutboxItem>();
    let failures: ReadonlyMap<OutboxItem, unknown>;
    try {
      failures = await this.#handleTogether(items, leaseId, finished);
    } catch (error) {
      if (isOutage(error)) failures = new Map(items.map((item) => [item, error]));
      else {
        this.#options.logger.warn(
          { topic: this.#options.topic, items: items.length, error: errorForLog(error) },
          'a batch of outbox items failed; each is tried alone',
        );
        for (const item of items) await this.#workAlone(item, leaseId);
        return;
      }
    }
    this.#count('finished', items.length - failures.size);
    for (const [item, error] of failures) await this.#failed(item, leaseId, error);
  }

  async #handleTogether(
    items: readonly OutboxItem[],
    leaseId: string,
    finished: Set<OutboxItem>,
  ): Promise<ReadonlyMap<OutboxItem, unknown>> {
    const finish = async (tx: Tx, done: readonly OutboxItem[]): Promise<void> => {
      if (done.length === 0) return;
      await finishItems(tx, done, leaseId);
      for (const item of done) finished.add(item);
    };
    const failures = await this.#options.together!(items, finish);
    failpoint('outbox.finished');
    const forgotten = items.find((item) => !finished.has(item) && !failures.has(item));
    if (forgotten) throw new Error('the handler neither finished an item nor said why');
    return failures;
  }

  async #workAlone(item: OutboxItem, leaseId: string): Promise<void> {
    const { handle, together } = this.#options;
    let finished = false;
    try {
      if (together) {
        const failures = await this.#handleTogether([item], leaseId, new Set());
        if (failures.has(item)) throw failures.get(item);
      } else {
        await handle!(item, async (tx) => {
          await finishItems(tx, [item], leaseId);
          finished = true;
        });
        if (!finished) throw new Error('the handler did not finish the item');
        failpoint('outbox.finished');
      }
      this.#count('finished');
    } catch (error) {
      await this.#failed(item, leaseId, error);
    }
  }

  async #failed(item: OutboxItem, leaseId: string, error: unknown): Promise<void> {
    const { logger, topic } = this.#options;
    const verdict = this.#verdict(item, leaseId, error);
    const { result } = verdict;
    logger.warn(
      { topic, refId: item.refId, attempt: item.attempt, result, error: errorForLog(error) },
      'an outbox item was not done',
    );
    await this.#tell(verdict);
  }

  #verdict(item: OutboxItem, leaseId: string, error: unknown): Verdict {
    const { maximumAttempts, retryAfterMs, clock } = this.#options;
    const reason = oneLine(error instanceof Error ? error.message : String(error), 1_000);
    const after = (ms: number): Date => new Date(clock().getTime() + ms);
    const about = { item, leaseId, reason };
    if (error instanceof NotNowError) {
      return { ...about, result: 'postponed', availableAt: after(error.retryAfterMs) };
    }
    if (isOutage(error)) return { ...about, result: 'postponed', availableAt: after(RETRY_MS) };
    const isDead = error instanceof DeadLetterError || item.attempt >= maximumAttempts;
    if (isDead) return { ...about, result: 'dead', availableAt: clock() };
    const asked = error instanceof RetryLaterError ? error.notBeforeMs : 0;
    return { ...about, result: 'failed', availableAt: after(Math.max(asked, retryAfterMs(item.attempt))) };
  }

  /** A verdict that the database does not take now is told later: its item must not wait for the end of the lease. */
  async #tell(verdict: Verdict): Promise<void> {
    try {
      await this.#write(verdict);
    } catch (error) {
      this.#untold.push(verdict);
      this.#options.logger.warn(
        { topic: this.#options.topic, refId: verdict.item.refId, error: errorForLog(error) },
        'what became of an outbox item could not be written; it is written later',
      );
    }
  }

  async #tellUntold(): Promise<void> {
    while (this.#untold.length > 0) {
      await this.#write(this.#untold[0]!);
      this.#untold.shift();
    }
  }

  async #write({ item, leaseId, reason, result, availableAt }: Verdict): Promise<void> {
    const { db, clock, onDead } = this.#options;
    const counts = result === 'postponed' ? item.attempt - 1 : item.attempt;
    await db.system(async (tx) => {
      const rows = await tx
        .update(outbox)
        .set({
          leaseId: null,
          leasedUntil: null,
          lastError: reason,
          attempts: counts,
          ...(result === 'dead' ? { deadAt: clock() } : { availableAt }),
        })
        .where(and(eq(outbox.seq, item.seq), eq(outbox.leaseId, leaseId)))
        .returning({ seq: outbox.seq });
      if (result === 'dead' && rows.length > 0) await onDead?.(tx, item, reason);
    });
    this.#count(result);
  }

  #count(result: AttemptResult, times = 1): void {
    if (times > 0) this.#metrics?.attempts.inc({ topic: this.#options.topic, result }, times);
  }
}

/**
 * As an array, which PostgreSQL makes once. `in (…)` it may ask again for each row it looks at, and skip what it has
 * just locked: more items than the limit are leased then.
 */
const seqIn = (items: SQL): SQL => sql`${outbox.seq} = any(array(${items}))`;

const ITEM = {
  seq: outbox.seq,
  tenantId: outbox.tenantId,
  refId: outbox.refId,
  attempts: outbox.attempts,
};

function toItem({ attempts, ...item }: Omit<OutboxItem, 'attempt'> & { attempts: number }): OutboxItem {
  return { ...item, attempt: attempts + 1 };
}

/** Thrown inside the transaction, so that what it did is undone (invariant 3). */
async function finishItems(tx: Tx, items: readonly OutboxItem[], leaseId: string): Promise<void> {
  const seqs = items.map((item) => item.seq);
  const gone = await tx
    .delete(outbox)
    .where(and(inArray(outbox.seq, seqs), eq(outbox.leaseId, leaseId)))
    .returning({ seq: outbox.seq });
  if (gone.length < items.length) throw new Error('the lease of this item has ended');
}

function isOutage(error: unknown): boolean {
  return error instanceof PegasusError && error.code === 'SERVICE_UNAVAILABLE';
}

/** Doubles from one second to five minutes, and spreads by a fifth, so that what failed together does not return together. */
export function exponentialBackoff(attempts: number): number {
  const base = Math.min(300_000, 1_000 * 2 ** Math.min(attempts - 1, 20));
  return Math.round(base * (0.9 + Math.random() * 0.2));
}
