import { type Logger } from '@pegasus-workflows/kit';
import { errorForLog } from '../infra/error-log.js';
import { type ExecutionRow } from '../executions/row.js';
import { compareCursors, type Change, type ChangeCursor, type ChangeReader } from './changes.js';

/**
 * Job: looks for changed executions once for all streams of this server, and hands each stream those of its tenant.
 *
 * Boundary: {@link ChangeReader} says what has changed; how it is told is the streams' business. It looks only while
 * somebody listens: at once after a write of this process, and every {@link LOOK_MS} for those of other servers.
 *
 * Invariants
 * 1. A subscriber is offered every change after its cursor that it wants, in order, conflated to the last per execution.
 * 2. A subscriber holds at most {@link HELD_MAX} changes: one that would need more is cut off (`lagging`), and goes on by
 *    reading the database by itself.
 * 3. A database that does not answer delays the changes; none is lost.
 */

/** Changes of one tenant that one look reads. */
export const PAGE = 500;
const HELD_MAX = 1_000;
/** With several servers on one database, another one's write is noticed by looking, this often. */
const LOOK_MS = 250;
/** What is written together is looked for together. */
const GATHER_MS = 20;

export type Wants = (row: ExecutionRow) => boolean;

export class Subscription {
  /** Everything up to here has been offered. */
  cursor: ChangeCursor;
  readonly #wants: Wants;
  readonly #held = new Map<string, Change>();
  /** It is offered nothing any more. */
  isLagging = false;
  #wake: () => void = () => {};

  constructor(cursor: ChangeCursor, wants: Wants) {
    this.cursor = cursor;
    this.#wants = wants;
  }

  /** For the feed: a change of the tenant, in order. */
  offer(change: Change): void {
    if (this.isLagging || compareCursors(change.cursor, this.cursor) <= 0) return;
    this.cursor = change.cursor;
    if (!this.#wants(change.row)) return;
    // Deleted first, so that what is held stays in the order of the cursors.
    this.#held.delete(change.row.id);
    this.#held.set(change.row.id, change);
    if (this.#held.size > HELD_MAX) {
      this.isLagging = true;
      this.#held.clear();
    }
    this.#wake();
  }

  /**
   * What is held, as soon as there is something; nothing after `ms` or when `signal` aborts. `lagging`: too much has
   * happened since it was asked last.
   */
  async next(ms: number, signal: AbortSignal): Promise<Change[] | 'lagging'> {
    if (this.#held.size === 0 && !this.isLagging && !signal.aborted) await this.#changed(ms, signal);
    if (this.isLagging) return 'lagging';
    const changes = [...this.#held.values()];
    this.#held.clear();
    return changes;
  }

  #changed(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        this.#wake = () => {};
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal.addEventListener('abort', done);
      this.#wake = done;
    });
  }
}

export class ChangeFeed {
  readonly #reader: ChangeReader;
  readonly #logger: Logger;
  /** By tenant. */
  readonly #subscribers = new Map<string, Set<Subscription>>();
  #loop: Promise<void> | undefined;
  #isKicked = false;
  #wake: () => void = () => {};

  constructor(reader: ChangeReader, logger: Logger) {
    this.#reader = reader;
    this.#logger = logger;
  }

  /** Offers the tenant's changes after `cursor`, which is to be a recent one. Call {@link ChangeFeed.leave} at the end. */
  join(tenantId: string, cursor: ChangeCursor, wants: Wants): Subscription {
    const subscription = new Subscription(cursor, wants);
    const others = this.#subscribers.get(tenantId) ?? new Set();
    this.#subscribers.set(tenantId, others.add(subscription));
    this.#loop ??= this.#run();
    this.kick();
    return subscription;
  }

  leave(tenantId: string, subscription: Subscription): void {
    const others = this.#subscribers.get(tenantId);
    others?.delete(subscription);
    if (others?.size === 0) this.#subscribers.delete(tenantId);
    if (this.#subscribers.size === 0) this.kick();
  }

  /** Something was written. */
  kick(): void {
    this.#isKicked = true;
    this.#wake();
  }

  /** Resolves when nobody is listened for any more; call it once all have left. */
  async idle(): Promise<void> {
    await this.#loop;
  }

  async #run(): Promise<void> {
    let isFailing = false;
    while (this.#subscribers.size > 0) {
      this.#isKicked = false;
      let isMore = false;
      try {
        isMore = await this.#look();
        if (isFailing) this.#logger.info('changes of executions are read again');
        isFailing = false;
      } catch (error) {
        if (!isFailing)
          this.#logger.warn(
            { error: errorForLog(error) },
            'changes of executions cannot be read; live streams wait',
          );
        isFailing = true;
      }
      if (!isMore && this.#subscribers.size > 0) await this.#pause();
    }
    // In the same turn as the last look at the subscribers: whoever joins now begins a new loop.
    this.#loop = undefined;
  }

  /** Answers whether there is more already. */
  async #look(): Promise<boolean> {
    // Who joins during the look may be further behind than what is read: the next look is theirs.
    const asking = new Map<string, Subscription[]>();
    for (const [tenant, all] of this.#subscribers) {
      const keepingUp = [...all].filter((one) => !one.isLagging);
      if (keepingUp.length > 0) asking.set(tenant, keepingUp);
    }
    const cursors = new Map([...asking].map(([tenant, all]) => [tenant, earliest(all)]));
    const found = await this.#reader.after(cursors, PAGE);
    for (const [tenant, changes] of found)
      for (const change of changes) for (const one of asking.get(tenant)!) one.offer(change);
    return [...found.values()].some((changes) => changes.length === PAGE);
  }

  async #pause(): Promise<void> {
    const sleep = (ms: number): Promise<void> =>
      new Promise((resolve) => {
        const timer = setTimeout(resolve, ms);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    if (!this.#isKicked) await sleep(LOOK_MS);
    this.#wake = () => {};
    if (this.#isKicked && this.#subscribers.size > 0)
      await new Promise((resolve) => setTimeout(resolve, GATHER_MS));
  }
}

function earliest(all: readonly Subscription[]): ChangeCursor {
  return all.map(({ cursor }) => cursor).reduce((a, b) => (compareCursors(a, b) <= 0 ? a : b));
}
