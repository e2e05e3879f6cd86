export interface BackoffPolicy {
  baseMs: number;
  maxMs: number;
}

/** Milliseconds to wait after the n-th failure in a row (n ≥ 1): base, doubled each time, up to the maximum. */
export function backoffMs(failures: number, policy: BackoffPolicy): number {
  if (failures < 1) return 0;
  return Math.min(policy.maxMs, policy.baseMs * 2 ** Math.min(failures - 1, 30));
}
