import { setTimeout as delay } from 'node:timers/promises';

const POLL_MS = 25;

/** Polls a condition until it holds (true) or `timeoutMs` has passed (false). Aborting rejects with the reason. */
export async function until(
  condition: () => Promise<boolean> | boolean,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    signal?.throwIfAborted();
    if (await condition()) return true;
    if (performance.now() >= deadline) return false;
    await delay(POLL_MS, undefined, signal ? { signal } : {});
  }
}
