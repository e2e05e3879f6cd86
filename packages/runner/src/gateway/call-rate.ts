/**
 * Job: how often one worker may call Temporal, and how many polls it may have waiting.
 *
 * Boundary: counts, for one session. What is refused the SDK tries again by itself, after a while; who goes on calling
 * regardless costs the supervisor's thread, which is everybody's, and is ended by `onFlood`.
 *
 * Invariants
 * 1. In any t seconds at most `burst + perSecond · t` calls of a session go on.
 * 2. Of one kind of task, at most {@link POLLS_PER_QUEUE} polls of one artifact's queue are under way.
 * 3. `onFlood` is called once, when more than {@link REFUSALS} calls were refused with no time to calm down between.
 */
import { TokenBucket, type Rate } from '@pegasus-workflows/kit';
import { Refusal } from './refusal.js';

/** The SDK has ten. */
const POLLS_PER_QUEUE = 32;
/** An SDK that is refused waits longer each time, so it never comes near. */
const REFUSALS: Rate = { perSecond: 100, burst: 1_000 };

export class CallRate {
  readonly #calls: TokenBucket;
  readonly #refusals = new TokenBucket(REFUSALS, performance.now());
  readonly #polls = new Map<string, number>();
  #flooded = false;

  constructor(
    private readonly rate: Rate,
    private readonly onFlood: () => void,
  ) {
    this.#calls = new TokenBucket(rate, performance.now());
  }

  /** @throws {@link Refusal} RESOURCE_EXHAUSTED */
  admit(): void {
    const now = performance.now();
    if (this.#calls.tryTake(1, now)) return;
    if (!this.#refusals.tryTake(1, now) && !this.#flooded) {
      this.#flooded = true;
      this.onFlood();
    }
    throw Refusal.exhausted(
      'call-rate',
      `a worker may make ${this.rate.perSecond} calls a second in the long run; call again later`,
    );
  }

  /** Makes a poll as one of those under way. @throws {@link Refusal} RESOURCE_EXHAUSTED */
  async poll<T>(method: string, taskQueue: string, call: () => Promise<T>): Promise<T> {
    const key = `${method} ${taskQueue}`;
    const underWay = this.#polls.get(key) ?? 0;
    if (underWay >= POLLS_PER_QUEUE)
      throw Refusal.exhausted('polls', `a worker may have ${POLLS_PER_QUEUE} polls of a queue under way`);
    this.#polls.set(key, underWay + 1);
    try {
      return await call();
    } finally {
      const left = this.#polls.get(key)! - 1;
      if (left > 0) this.#polls.set(key, left);
      else this.#polls.delete(key);
    }
  }
}
