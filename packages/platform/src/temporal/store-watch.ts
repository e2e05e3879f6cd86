import { setTimeout as delay } from 'node:timers/promises';

/**
 * Job: notices when the dev server answers, and can no longer read its own store.
 *
 * Boundary: asks and tells; restarting is the owner's. The dev server has one connection to its SQLite file; when a call
 * that is broken off interrupts a query that has just found its first row, the driver forgets to close that query, and
 * every statement after it fails as interrupted, until the process ends. A server that does not answer at all is slow or
 * gone, which its process's owner sees.
 *
 * Invariants
 * 1. It is told once for {@link StoreWatchOptions.strikes} failures in a row, and never for a silence.
 * 2. One good answer begins the count anew, and so does a silence.
 * 3. Nothing is told after `stop()` has been called.
 */
export interface StoreWatchOptions {
  /** One question: `undefined` for a good answer, else the failure, in one line. */
  probe: () => Promise<string | undefined>;
  /** Told why. Nothing is asked until it has ended. */
  onStuck: (failure: string) => Promise<void>;
  /** Between questions while all is well; after a failure the next comes in a quarter of it. */
  intervalMs: number;
  strikes: number;
}

/**
 * What a server says that is there and has lost its store: the namespace is one that it was started with. One that is
 * too busy says that a deadline has passed.
 */
const LOST_STORE = /^\d+ (NOT_FOUND|UNKNOWN|INTERNAL):|interrupted \(9\)/;

export function watchStore({ probe, onStuck, intervalMs, strikes }: StoreWatchOptions): { stop(): void } {
  const stopping = new AbortController();
  const watch = async (): Promise<void> => {
    let failures = 0;
    for (;;) {
      await delay(failures === 0 ? intervalMs : intervalMs / 4, undefined, {
        signal: stopping.signal,
        ref: false,
      });
      const failure = await probe();
      if (stopping.signal.aborted) return;
      failures = failure !== undefined && LOST_STORE.test(failure) ? failures + 1 : 0;
      if (failures < strikes) continue;
      failures = 0;
      await onStuck(failure!);
    }
  };
  // Ends by being stopped alone: a probe answers with its failure.
  void watch().catch(() => undefined);
  return { stop: () => stopping.abort() };
}
