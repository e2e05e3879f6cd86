/** Repeating one that has arrived does what it did once (RFC 9110, 9.2.2). */
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']);
/** The other side asks to come again, or did not get to it. */
const PASSING = new Set([408, 425, 429, 500, 502, 503, 504]);

const BACKOFF_MS = 500;
const BACKOFF_MAX_MS = 10_000;

/** Whether a call may be made a second time, whatever became of the first. */
export function mayRepeat(method: string, idempotencyKey: string | undefined): boolean {
  return IDEMPOTENT.has(method) || idempotencyKey !== undefined;
}

/** Whether an answer is worth another attempt. */
export function isPassing(status: number): boolean {
  return PASSING.has(status);
}

/** Before the next attempt, the `failures`-th having failed; spread by half, so that what failed together does not return together. */
export function backoffMs(failures: number, random: () => number = Math.random): number {
  const full = Math.min(BACKOFF_MAX_MS, BACKOFF_MS * 2 ** (failures - 1));
  return Math.round(full * (0.5 + random() / 2));
}
