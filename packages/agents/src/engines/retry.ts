import { setTimeout as delay } from 'node:timers/promises';
import { retryAfterMs } from '@pegasus-workflows/contracts';
import { EngineError } from './engine.js';

/** How often a call is tried again, and for how long in all. */
export interface RetryPolicy {
  /** Further tries after the first. */
  maxRetries: number;
  /** No wait begins that would end later than this after the first try began. Milliseconds. */
  budgetMs: number;
}

export const RETRY_POLICY: RetryPolicy = { maxRetries: 5, budgetMs: 300_000 };

/** Time and chance, from outside so that a test need not wait. */
export interface RetryClock {
  /** Epoch milliseconds. */
  now(): number;
  /** Rejects when the signal is aborted. */
  wait(ms: number, signal: AbortSignal): Promise<void>;
  /** From 0 to 1. */
  random(): number;
}

export const REAL_CLOCK: RetryClock = {
  now: Date.now,
  wait: (ms, signal) => delay(ms, undefined, { signal }),
  random: Math.random,
};

/** Why one try has failed. */
export interface Failure {
  error: EngineError;
  /** Another try may do better. */
  isTransient: boolean;
  /** What the server asked for. Milliseconds. */
  retryAfterMs?: number | undefined;
}

const BASE_MS = 500;
const CAP_MS = 30_000;

/** Exponential back-off: `retry` 0 waits up to half a second, doubling to 30 s, and never less than half of that. */
export function backoffMs(retry: number, random: number): number {
  const ceiling = Math.min(CAP_MS, BASE_MS * 2 ** Math.min(retry, 16));
  return Math.round(ceiling * (0.5 + 0.5 * random));
}

const EXACT = /^\d{1,12}(\.\d{1,9})?$/;

/**
 * How long a model's server asks to wait: `retry-after-ms`, which is the more exact of the two, else `Retry-After`.
 * @param headers by their names in lower case
 * @param now epoch milliseconds
 * @returns as of {@link retryAfterMs}
 */
export function askedToWaitMs(
  headers: Readonly<Record<string, string | undefined>>,
  now: number,
): number | undefined {
  const exact = headers['retry-after-ms']?.trim() ?? '';
  return EXACT.test(exact) ? Math.ceil(Number(exact)) : retryAfterMs(headers['retry-after'], now);
}

export interface RetryOptions {
  policy: RetryPolicy;
  clock: RetryClock;
  signal: AbortSignal;
  /** Bounds the policy's {@link RetryPolicy.budgetMs}. */
  timeoutMs?: number | undefined;
}

/** What came of one try. */
export type Tried<T> = { value: T } | { failure: Failure };

/**
 * Tries until it succeeds, or until another try is of no use or would come too late.
 * @param attempt what it throws is no failure of a try, and ends it
 * @throws EngineError of the last try, refused only if every one of them was: what one of them has used is not known
 *   otherwise. Throws the signal's reason once it is aborted.
 */
export async function withRetries<T>(
  attempt: () => Promise<Tried<T>>,
  { policy, clock, signal, timeoutMs = Infinity }: RetryOptions,
): Promise<T> {
  const end = clock.now() + Math.min(policy.budgetMs, timeoutMs);
  let wereRefused = true;
  for (let retry = 0; ; retry++) {
    signal.throwIfAborted();
    const tried = await attempt();
    if ('value' in tried) return tried.value;
    const { error, isTransient, retryAfterMs: asked } = tried.failure;
    wereRefused &&= error.wasRefused;
    const givenUp = (why: string): EngineError => new EngineError(`${error.message}${why}`, wereRefused);
    if (!isTransient) throw givenUp('');
    if (retry >= policy.maxRetries) throw givenUp(retry === 0 ? '' : ` It was tried ${retry + 1} times.`);
    const ms = asked ?? backoffMs(retry, clock.random());
    const left = end - clock.now();
    if (ms > left)
      throw givenUp(` The next try would be in ${seconds(ms)}, and ${seconds(Math.max(0, left))} are left.`);
    await waited(clock.wait(ms, signal), signal);
  }
}

/** Whatever a wait rejects with when it is broken off, the caller is told the signal's reason. */
async function waited(waiting: Promise<void>, signal: AbortSignal): Promise<void> {
  try {
    await waiting;
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  }
}

function seconds(ms: number): string {
  return `${Math.ceil(ms / 100) / 10} s`;
}
