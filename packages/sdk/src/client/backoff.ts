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

const HTTP_DATE =
  /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d{2} (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} \d{2}:\d{2}:\d{2} GMT$/;

/**
 * Reads a `Retry-After` header: whole seconds, or an HTTP date.
 * @returns milliseconds from `now`, never negative; `undefined` for anything else, so that our own backoff applies
 */
export function parseRetryAfter(value: string | null, now: number = Date.now()): number | undefined {
  const text = value?.trim();
  if (!text) return undefined;
  if (/^\d{1,10}$/.test(text)) return Number(text) * 1000;
  if (!HTTP_DATE.test(text)) return undefined;
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : Math.max(0, at - now);
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
