/**
 * Job: how much of something may be done: `perSecond` in the long run, `burst` at once. One bucket, or one for each of many keys.
 *
 * Boundary: counts, in one process's memory; nothing survives a restart, and two servers allow twice as much. What is
 * done with what is refused is the caller's. Times are milliseconds of any one clock.
 *
 * Invariants
 * 1. In any t seconds at most `burst + perSecond · t` is let through; a clock that is set back gives nothing.
 * 2. A refusal says how long to wait until the next try can succeed, and costs nothing.
 * 3. At most {@link CAPACITY} keys are remembered: those that have been quiet the longest are forgotten, full.
 */
const CAPACITY = 10_000;

export interface Rate {
  perSecond: number;
  burst: number;
}

export class TokenBucket {
  /** May be changed at any time; what is there already is cut to the new burst. */
  rate: Rate;
  #tokens: number;
  #at: number;

  constructor(rate: Rate, now: number) {
    this.rate = rate;
    this.#tokens = rate.burst;
    this.#at = now;
  }

  /** Whether there is this much now; what is larger than the burst needs a full bucket. */
  has(amount: number, now: number): boolean {
    const { perSecond, burst } = this.rate;
    this.#tokens = Math.min(burst, this.#tokens + (Math.max(0, now - this.#at) / 1_000) * perSecond);
    this.#at = now;
    return this.#tokens >= Math.min(amount, burst);
  }

  /** May leave less than nothing, which is to be waited for. */
  take(amount: number): void {
    this.#tokens -= amount;
  }

  /** Takes this much if it is there. */
  tryTake(amount: number, now: number): boolean {
    const there = this.has(amount, now);
    if (there) this.take(amount);
    return there;
  }

  /** Milliseconds, from the last look on, until there is one again. */
  get waitMs(): number {
    return this.#tokens >= 1 ? 0 : ((1 - this.#tokens) / this.rate.perSecond) * 1_000;
  }
}

/** A bucket for each of many keys. */
export class TokenBuckets {
  /** The least recently used first. */
  readonly #buckets = new Map<string, TokenBucket>();

  constructor(
    private readonly rate: Rate,
    private readonly clock: () => Date,
  ) {}

  /** 0 when the key may go on; otherwise the whole seconds until it may. `rate` is for this key, unless all have the same. */
  take(key: string, rate: Rate = this.rate): number {
    const now = this.clock().getTime();
    const bucket = this.#buckets.get(key) ?? new TokenBucket(rate, now);
    bucket.rate = rate;
    this.#buckets.delete(key);
    this.#buckets.set(key, bucket);
    if (this.#buckets.size > CAPACITY) this.#buckets.delete(this.#buckets.keys().next().value!);
    return bucket.tryTake(1, now) ? 0 : Math.max(1, Math.ceil(bucket.waitMs / 1_000));
  }
}
