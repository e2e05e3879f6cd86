/** Seconds as a server may write them; providers of models write fractions. */
const SECONDS = /^\d{1,12}(\.\d{1,9})?$/;
const HTTP_DATE =
  /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d{2} (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} \d{2}:\d{2}:\d{2} GMT$/;

/**
 * How long a `Retry-After` header asks to wait: seconds, or an HTTP date (RFC 9110, 10.2.3).
 * @param now epoch milliseconds
 * @returns whole milliseconds, never negative; `undefined` for what cannot be read, so that one's own backoff applies
 */
export function retryAfterMs(header: string | null | undefined, now: number): number | undefined {
  const text = header?.trim() ?? '';
  if (SECONDS.test(text)) return Math.ceil(Number(text) * 1_000);
  const at = HTTP_DATE.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? undefined : Math.max(0, at - now);
}
