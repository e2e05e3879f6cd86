import { FairLimit } from '@pegasus-workflows/kit';

/**
 * Job: starts runs after their rows were committed, without the next batch of events waiting for it.
 *
 * Boundary: functions that never reject. What is dropped at the end, or lost in a crash, is a QUEUED row that the
 * reconciler starts.
 *
 * Invariants
 * 1. At most `width` are under way, so that a person's run never waits behind a backlog of events; tenants take turns.
 * 2. Whoever adds to a backlog of more than `backlog` first waits until it is shorter.
 */
export class Starts {
  readonly #turns: FairLimit;
  readonly #backlog: number;
  #waiting = 0;
  #active = 0;
  #stopped = false;
  #waiters: (() => void)[] = [];

  constructor({ width, backlog }: { width: number; backlog: number }) {
    this.#turns = new FairLimit({ width, perKey: width });
    this.#backlog = backlog;
  }

  add(tenantId: string, start: () => Promise<unknown>): void {
    if (this.#stopped) return;
    this.#waiting++;
    void this.#turns.run(tenantId, async () => {
      this.#waiting--;
      if (this.#stopped) return;
      this.#active++;
      try {
        await start();
      } finally {
        this.#active--;
        this.#changed();
      }
    });
  }

  /** Resolves once there are few enough (invariant 2), at once after {@link stop}. */
  async room(): Promise<void> {
    while (!this.#stopped && this.#waiting > this.#backlog) await this.#change();
  }

  /** Begins no more; resolves when those under way have ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#changed();
    while (this.#active > 0) await this.#change();
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  #changed(): void {
    for (const resolve of this.#waiters.splice(0)) resolve();
  }
}
