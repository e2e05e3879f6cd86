/**
 * Job: how much may be logged: so many entries and bytes a second in the long run, more for a moment.
 *
 * Boundary: counts; what is let through or not is the caller's. One gate is one worker process's; within it each run has a
 * share, so that one that floods leaves the others theirs.
 *
 * Invariants
 * 1. In any time of t seconds at most burst + t × rate entries, and bytes, are admitted: of all, and of one key.
 * 2. Every entry that is refused is told once by {@link LogGate.takeDropped}, with what it came from.
 * 3. What it remembers does not grow with the number of keys.
 */
import { TokenBucket } from '@pegasus-workflows/kit';
import { type LogOrigin, originKey } from './line.js';

export interface GateLimits {
  /** Of all keys together. */
  entriesPerSecond: number;
  entriesBurst: number;
  bytesPerSecond: number;
  bytesBurst: number;
  /** Of each key. */
  keyPerSecond: number;
  keyBurst: number;
}

/** What a worker holds itself to. */
export const WORKER_LIMITS: GateLimits = {
  entriesPerSecond: 400,
  entriesBurst: 4_000,
  bytesPerSecond: 256 * 1024,
  bytesBurst: 2 * 1024 * 1024,
  keyPerSecond: 200,
  keyBurst: 2_500,
};

/** What the supervisor holds a worker to: a little more, so that one that keeps to its own is not refused. */
export const SUPERVISOR_LIMITS: GateLimits = {
  entriesPerSecond: 500,
  entriesBurst: 6_000,
  bytesPerSecond: 384 * 1024,
  bytesBurst: 4 * 1024 * 1024,
  keyPerSecond: 250,
  keyBurst: 3_000,
};

export interface Dropped {
  origin: LogOrigin;
  count: number;
}

const KEYS = 1_000;

export class LogGate {
  readonly #entries: TokenBucket;
  readonly #bytes: TokenBucket;
  /** The least recently used first. */
  readonly #keys = new Map<string, TokenBucket>();
  #dropped = new Map<string, Dropped>();

  constructor(
    private readonly limits: GateLimits,
    private readonly now: () => number = () => performance.now(),
  ) {
    const { entriesPerSecond, entriesBurst, bytesPerSecond, bytesBurst } = limits;
    this.#entries = new TokenBucket({ perSecond: entriesPerSecond, burst: entriesBurst }, now());
    this.#bytes = new TokenBucket({ perSecond: bytesPerSecond, burst: bytesBurst }, now());
  }

  /** Whether an entry of this size may go on; one that may not is counted. */
  admit(origin: LogOrigin, bytes: number): boolean {
    const now = this.now();
    const own = this.#bucketOf(originKey(origin), now);
    if (own.has(1, now) && this.#entries.has(1, now) && this.#bytes.has(bytes, now)) {
      own.take(1);
      this.#entries.take(1);
      this.#bytes.take(bytes);
      return true;
    }
    this.drop(origin);
    return false;
  }

  /** Counts an entry that was dropped for another reason. */
  drop(origin: LogOrigin, count = 1): void {
    const full = this.#dropped.size >= KEYS && !this.#dropped.has(originKey(origin));
    const told: LogOrigin = full ? { source: 'process' } : origin;
    const present = this.#dropped.get(originKey(told));
    if (present) present.count += count;
    else this.#dropped.set(originKey(told), { origin: told, count });
  }

  /** What was refused since the last time. */
  takeDropped(): Dropped[] {
    const dropped = [...this.#dropped.values()];
    this.#dropped = new Map();
    return dropped;
  }

  #bucketOf(key: string, now: number): TokenBucket {
    const { keyPerSecond: perSecond, keyBurst: burst } = this.limits;
    const bucket = this.#keys.get(key) ?? new TokenBucket({ perSecond, burst }, now);
    this.#keys.delete(key);
    this.#keys.set(key, bucket);
    if (this.#keys.size > KEYS) this.#keys.delete(this.#keys.keys().next().value!);
    return bucket;
  }
}
