import { KeyedCount } from './keyed-count.js';

/**
 * Job: how many of something may be under way at once, shared fairly among keys.
 *
 * Boundary: order alone; what is run and how it fails is the caller's. One process's memory.
 *
 * Invariants
 * 1. At most `width` are under way, and of one key at most `perKey`: all that the machine has for a key that is alone.
 * 2. While other keys are about, at most an equal part of half of `perKey`, and at least one: what one of them begins
 *    finds a processor that is free. A key is about from its first work on until {@link ABOUT_MS} after its last.
 * 3. What lingers keeps its place after its work.
 * 4. Those that wait go on one of each key in turn, however many another key has waiting.
 */
export interface FairLimits {
  width: number;
  perKey: number;
}

export const ABOUT_MS = 10_000;

export class FairLimit {
  /** By key, the one whose turn is next first. */
  readonly #waiting = new Map<string, (() => void)[]>();
  readonly #underWay = new KeyedCount();
  /** When each key last began or ended something, the longest ago first; those that are not about any more are dropped. */
  readonly #seen = new Map<string, number>();
  #total = 0;

  constructor(
    private readonly limits: FairLimits,
    private readonly now: () => number = () => performance.now(),
    /** Told when one more key is about. */
    private readonly onKey: () => void = () => undefined,
  ) {}

  /**
   * Does the work when its turn comes.
   * @param lingering what there is to wait for after it, if anything; must not reject. `waited`: its turn did not come at once
   */
  async run<T>(
    key: string,
    work: () => Promise<T>,
    lingering?: (result: T, turn: { waited: boolean }) => Promise<unknown> | undefined,
  ): Promise<T> {
    this.#see(key);
    const waited = !this.#mayRun(key);
    if (waited) await this.#turn(key);
    else this.#enter(key);
    let lingers: Promise<unknown> | undefined;
    try {
      const result = await work();
      lingers = lingering?.(result, { waited });
      return result;
    } finally {
      if (lingers) void lingers.then(() => this.#leave(key));
      else this.#leave(key);
    }
  }

  /** How many of this key wait for their turn. */
  waiting(key: string): number {
    return this.#waiting.get(key)?.length ?? 0;
  }

  /** Whether more than one key is about. */
  get isShared(): boolean {
    return this.about > 1;
  }

  /** How many keys are about (invariant 2). */
  get about(): number {
    const until = this.now() - ABOUT_MS;
    for (const [key, at] of this.#seen) {
      if (at > until) break;
      if (this.#underWay.of(key) > 0) this.#see(key);
      else this.#seen.delete(key);
    }
    return this.#seen.size;
  }

  /** How many of each key may be under way as things are (invariants 1 and 2). */
  get places(): number {
    const { about, limits } = this;
    const { perKey } = limits;
    return about > 1 ? Math.max(1, Math.floor(perKey / 2 / about)) : perKey;
  }

  #turn(key: string): Promise<void> {
    return new Promise((go) => {
      const queue = this.#waiting.get(key);
      if (queue) queue.push(go);
      else this.#waiting.set(key, [go]);
    });
  }

  #mayRun(key: string): boolean {
    return this.#total < this.limits.width && this.#underWay.of(key) < this.places;
  }

  #see(key: string): void {
    const isKnown = this.#seen.delete(key);
    this.#seen.set(key, this.now());
    if (!isKnown) this.onKey();
  }

  #enter(key: string): void {
    this.#total++;
    this.#underWay.begin(key);
  }

  #leave(key: string): void {
    this.#see(key);
    this.#total--;
    this.#underWay.end(key);
    while (this.#next());
  }

  /** Invariant 4. Whether one went on. */
  #next(): boolean {
    for (const [key, queue] of this.#waiting) {
      if (!this.#mayRun(key)) continue;
      this.#waiting.delete(key);
      const go = queue.shift()!;
      if (queue.length > 0) this.#waiting.set(key, queue);
      this.#enter(key);
      go();
      return true;
    }
    return false;
  }
}
