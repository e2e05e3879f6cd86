import { setTimeout as delay } from 'node:timers/promises';

export interface EventuallyOptions {
  /** Default 30 000. */
  timeoutMs?: number;
  /** Pause between two attempts. Default 50. */
  intervalMs?: number;
}

/**
 * Repeats `attempt` until it returns without throwing, and returns what it returned. Put the assertion inside:
 * `await eventually(async () => expect(await status()).toBe('COMPLETED'))`. After the time is up the last failure is
 * thrown, so a test reports what it saw and not merely that it waited.
 */
export async function eventually<T>(
  attempt: () => Promise<T> | T,
  { timeoutMs = 30_000, intervalMs = 50 }: EventuallyOptions = {},
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (performance.now() >= deadline) throw error;
    }
    await delay(intervalMs);
  }
}
