/**
 * Job: a user id for each live worker process of this machine.
 *
 * Boundary: numbers only. Nobody has to create the users: the kernel asks for none.
 *
 * Invariants
 * 1. Two live workers of one supervisor never have the same id.
 * 2. Supervisors that are alive at the same time draw from ranges of their own: the range is made of the process id.
 * 3. Every id is in 0x70000000 to 0x7fffffff, which no distribution gives to users, containers or subordinate ids.
 */
const BASE = 0x7000_0000;
const PER_SUPERVISOR_BITS = 10;
const SUPERVISOR_MASK = 0x3_ffff;

export class UserIds {
  readonly #base: number;
  readonly #taken = new Set<number>();

  constructor(supervisorPid: number) {
    this.#base = BASE + ((supervisorPid & SUPERVISOR_MASK) << PER_SUPERVISOR_BITS);
  }

  /** The lowest free id. @throws Error when as many workers are alive as there are ids */
  take(): number {
    for (let n = 0; n < 1 << PER_SUPERVISOR_BITS; n += 1) {
      if (this.#taken.has(n)) continue;
      this.#taken.add(n);
      return this.#base + n;
    }
    throw new Error(`more than ${1 << PER_SUPERVISOR_BITS} workers are alive: no user id is left`);
  }

  /** Gives an id back when its process is gone. */
  release(id: number): void {
    this.#taken.delete(id - this.#base);
  }
}
