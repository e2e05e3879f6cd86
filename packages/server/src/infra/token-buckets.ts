/**
 * Job: how often each of many callers may do something: `perSecond` in the long run, `burst` at once.
 *
 * Boundary: one process's memory; nothing survives a restart, and two servers allow twice as much.
 *
 * Invariants
 * 1. In any t seconds a key is let through at most `burst + perSecond · t` times.
 * 2. A refusal says after how many seconds the next try can succeed, and costs nothing.
 * 3. At most {@link CAPACITY} keys are remembered: those that have been quiet the longest are forgotten, full.
 */
const CAPACITY = 10_000;

export class TokenBuckets {
  readonly #buckets = new Map<string, { tokens: number; at: number }>();

  constructor(
    private readonly limits: { perSecond: number; burst: number },
    private readonly clock: () => Date,
  ) {}

  /** 0 when the key may go on; otherwise the whole seconds until it may. */
  take(key: string): number {
    const { perSecond, burst } = this.limits;
    const now = this.clock().getTime();
    const { tokens, at } = this.#buckets.get(key) ?? { tokens: burst, at: now };
    // A clock that was set back gives nothing.
    const present = Math.min(burst, tokens + (Math.max(0, now - at) / 1_000) * perSecond);
    const wait = present >= 1 ? 0 : Math.ceil((1 - present) / perSecond);
    this.#buckets.delete(key);
    this.#buckets.set(key, { tokens: wait === 0 ? present - 1 : present, at: now });
    if (this.#buckets.size > CAPACITY) this.#buckets.delete(this.#buckets.keys().next().value!);
    return wait;
  }
}
