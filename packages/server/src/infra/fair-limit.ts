import { KeyedCount } from '@pegasus-workflows/kit';

/**
 * Job: how many of something may be under way at once, shared fairly among keys.
 *
 * Boundary: order alone; what is run and how it fails is the caller's.
 *
 * Invariants
 * 1. At most `width` are under way, and at most `perKey` of one key.
 * 2. Those that wait go on one of each key in turn, however many another key has waiting.
 */
export class FairLimit {
  /** By key, the one whose turn is next first. */
  readonly #waiting = new Map<string, (() => void)[]>();
  readonly #underWay = new KeyedCount();
  #total = 0;

  constructor(private readonly limits: { width: number; perKey: number }) {}

  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    if (this.#mayRun(key)) this.#enter(key);
    else
      await new Promise<void>((go) => {
        const queue = this.#waiting.get(key);
        if (queue) queue.push(go);
        else this.#waiting.set(key, [go]);
      });
    try {
      return await work();
    } finally {
      this.#leave(key);
      this.#next();
    }
  }

  #mayRun(key: string): boolean {
    return this.#total < this.limits.width && this.#underWay.of(key) < this.limits.perKey;
  }

  #enter(key: string): void {
    this.#total++;
    this.#underWay.begin(key);
  }

  #leave(key: string): void {
    this.#total--;
    this.#underWay.end(key);
  }

  /** Invariant 2. */
  #next(): void {
    for (const [key, queue] of this.#waiting) {
      if (!this.#mayRun(key)) continue;
      this.#waiting.delete(key);
      const go = queue.shift()!;
      if (queue.length > 0) this.#waiting.set(key, queue);
      this.#enter(key);
      go();
      return;
    }
  }
}
