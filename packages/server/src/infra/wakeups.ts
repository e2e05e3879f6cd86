/**
 * Job: lets callers of this process wait until an execution's row has changed.
 *
 * Boundary: this process only. With several servers on one database a waiter also looks at the row every second.
 *
 * Invariants
 * 1. A wake between {@link Wakeups.next} and its await is not lost.
 * 2. No waiter outlives its timeout, its signal or {@link Wakeups.close}.
 */
export class Wakeups<T = void> {
  readonly #waiters = new Map<string, Set<(news?: T) => void>>();
  #closed = false;

  /** Resolves at the next wake of `key` with its news, or with none after `timeoutMs` or when `signal` aborts; never rejects. */
  next(key: string, timeoutMs: number, signal?: AbortSignal): Promise<T | undefined> {
    if (this.#closed || signal?.aborted) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      const waiters = this.#waiters.get(key) ?? new Set();
      const done = (news?: T): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', stop);
        waiters.delete(done);
        if (waiters.size === 0 && this.#waiters.get(key) === waiters) this.#waiters.delete(key);
        resolve(news);
      };
      const stop = (): void => done();
      const timer = setTimeout(stop, timeoutMs);
      signal?.addEventListener('abort', stop);
      waiters.add(done);
      this.#waiters.set(key, waiters);
    });
  }

  wake(key: string, news?: T): void {
    for (const done of [...(this.#waiters.get(key) ?? [])]) done(news);
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Wakes everybody; later waits end at once. */
  close(): void {
    this.#closed = true;
    for (const key of [...this.#waiters.keys()]) this.wake(key);
  }
}
