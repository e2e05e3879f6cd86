/** How often, and for how long in all, a call is tried again. */
export interface RetryPolicy {
  /** Further attempts after the first. */
  maxRetries: number;
  /** No wait begins that would end later than this after the first attempt began. Milliseconds. */
  budgetMs: number;
}

const BASE_MS = 200;
const CAP_MS = 10_000;

/** Exponential backoff with full jitter: `retry` 0 waits up to 200 ms, doubling to 10 s; never less than half of that. */
export function backoffMs(retry: number, random: () => number = Math.random): number {
  const ceiling = Math.min(CAP_MS, BASE_MS * 2 ** Math.min(retry, 16));
  return Math.round(ceiling * (0.5 + 0.5 * random()));
}

/** Waits `ms` milliseconds; rejects with the signal's reason the moment it is aborted. */
export function delay(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal!.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
