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
  readonly #underWay = new Map<string, number>();
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
    return this.#total < this.limits.width && (this.#underWay.get(key) ?? 0) < this.limits.perKey;
  }

  #enter(key: string): void {
    this.#total++;
    this.#underWay.set(key, (this.#underWay.get(key) ?? 0) + 1);
  }

  #leave(key: string): void {
    this.#total--;
    const left = this.#underWay.get(key)! - 1;
    if (left > 0) this.#underWay.set(key, left);
    else this.#underWay.delete(key);
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
