/**
 * Job: one worker process spawned ahead, its SDK imported, so that a tenant's first worker starts half a second sooner.
 *
 * Invariants
 * 1. A spare has seen no tenant; `take` binds it to one, and it never comes back.
 * 2. There is at most one; a dead one is replaced when next asked for.
 * 3. The next spare is spawned only after a pause, so as not to compete with the start it just served.
 */
import { type WorkerChild } from './worker-child.js';

const REFILL_AFTER_MS = 3_000;
/** After memory ran short the spare stays away for this long. */
const PAUSE_AFTER_DROP_MS = 60_000;

export class SpareWorker {
  #spare: WorkerChild | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(private readonly spawn: () => WorkerChild) {}

  get pid(): number | undefined {
    return this.#spare?.pid();
  }

  /** Spawns the spare now, if there is none. */
  fill(): void {
    this.#clearTimer();
    if (this.#spare || this.#closed) return;
    const spare = this.spawn();
    this.#spare = spare;
    void spare.exited.then(() => {
      if (this.#spare === spare) this.#spare = undefined;
    });
  }

  /** A worker process for one tenant: the spare, or a new one. */
  take(): WorkerChild {
    const spare = this.#spare;
    this.#spare = undefined;
    this.#refillIn(REFILL_AFTER_MS);
    return spare?.channel.open ? spare : this.spawn();
  }

  /** Gives its memory back; another follows much later. */
  drop(): void {
    this.#kill();
    this.#refillIn(PAUSE_AFTER_DROP_MS);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#clearTimer();
    const gone = this.#spare?.exited;
    this.#kill();
    await gone;
  }

  #kill(): void {
    this.#spare?.kill();
    this.#spare = undefined;
  }

  #refillIn(ms: number): void {
    if (this.#closed || this.#timer) return;
    this.#timer = setTimeout(() => this.fill(), ms);
    this.#timer.unref();
  }

  #clearTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
