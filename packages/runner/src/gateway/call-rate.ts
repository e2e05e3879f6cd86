/**
 * Job: how often one worker may call Temporal, when it is the turn of each of its calls, and how many polls it may have
 * waiting.
 *
 * Boundary: counts, for one session. What is refused the SDK tries again by itself, after a while; who goes on calling
 * regardless costs the supervisor's thread, which is everybody's, and is ended by `onFlood`.
 *
 * Invariants
 * 1. In any t seconds at most `burst + perSecond · t` calls of a session go on.
 * 2. Of one kind of task, at most {@link POLLS_PER_QUEUE} polls of one artifact's queue are under way.
 * 3. A call that is no poll is made when it is its turn: few of a tenant are under way, fewer while others are about. In
 *    Temporal the others would stand before those of other tenants. One that is given up while it waits is never made.
 * 4. `onFlood` is called once, when more than {@link REFUSALS} calls were refused with no time to calm down between.
 */
import { status } from '@grpc/grpc-js';
import { KeyedCount, TokenBucket, type Rate } from '@pegasus-workflows/kit';
import { type Life } from './eager-polls.js';
import { CallFailed } from './grpc.js';
import { Refusal } from './refusal.js';

/** The SDK has ten. */
const POLLS_PER_QUEUE = 32;
/** An SDK that is refused waits longer each time, so it never comes near. */
const REFUSALS: Rate = { perSecond: 100, burst: 1_000 };

export interface CallLimits {
  rate: Rate;
  /** Makes a call when it is the tenant's turn. */
  inTurn: <T>(call: () => Promise<T>) => Promise<T>;
}

export class CallRate {
  readonly #calls: TokenBucket;
  readonly #refusals = new TokenBucket(REFUSALS, performance.now());
  readonly #polls = new KeyedCount();
  #flooded = false;

  constructor(
    private readonly limits: CallLimits,
    private readonly onFlood: () => void,
  ) {
    this.#calls = new TokenBucket(limits.rate, performance.now());
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
      `a worker may make ${this.limits.rate.perSecond} calls a second in the long run; call again later`,
    );
  }

  /** Makes a call that is no poll when its turn comes. @throws {@link CallFailed} CANCELLED when it is given up before */
  inTurn<T>(life: Life, call: () => Promise<T>): Promise<T> {
    let isGivenUp = false;
    life.whenAbandoned(() => (isGivenUp = true));
    return this.limits.inTurn(async () => {
      if (isGivenUp) throw CallFailed.of(status.CANCELLED, 'the call was given up');
      return call();
    });
  }

  /** Makes a poll as one of those under way. @throws {@link Refusal} RESOURCE_EXHAUSTED */
  async poll<T>(method: string, taskQueue: string, call: () => Promise<T>): Promise<T> {
    const key = `${method} ${taskQueue}`;
    if (this.#polls.of(key) >= POLLS_PER_QUEUE)
      throw Refusal.exhausted('polls', `a worker may have ${POLLS_PER_QUEUE} polls of a queue under way`);
    this.#polls.begin(key);
    try {
      return await call();
    } finally {
      this.#polls.end(key);
    }
  }
}
