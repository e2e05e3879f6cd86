/**
 * Job: starts runs after their rows were committed, without the next batch of events waiting for it.
 *
 * Boundary: functions that never reject. What is dropped at the end, or lost in a crash, is a QUEUED row that the
 * reconciler starts.
 *
 * Invariants
 * 1. At most `width` are under way, so that a person's run never waits behind a backlog of events.
 * 2. Whoever adds to a backlog of more than `backlog` first waits until it is shorter.
 */
export class Starts {
  readonly #width: number;
  readonly #backlog: number;
  readonly #queue: (() => Promise<unknown>)[] = [];
  #active = 0;
  #stopped = false;
  #waiters: (() => void)[] = [];

  constructor(limits: { width: number; backlog: number }) {
    this.#width = limits.width;
    this.#backlog = limits.backlog;
  }

  add(start: () => Promise<unknown>): void {
    if (this.#stopped) return;
    this.#queue.push(start);
    this.#next();
  }

  /** Resolves once there are few enough (invariant 2), at once after {@link stop}. */
  async room(): Promise<void> {
    while (!this.#stopped && this.#queue.length > this.#backlog) await this.#change();
  }

  /** Begins no more; resolves when those under way have ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#queue.length = 0;
    this.#changed();
    while (this.#active > 0) await this.#change();
  }

  #next(): void {
    while (this.#active < this.#width) {
      const start = this.#queue.shift();
      if (!start) return;
      this.#active++;
      void start().finally(() => {
        this.#active--;
        this.#next();
        this.#changed();
      });
    }
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  #changed(): void {
    for (const resolve of this.#waiters.splice(0)) resolve();
  }
}
