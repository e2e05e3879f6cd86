/**
 * Job: spares everybody else the waiting for a receiver that does not answer. After a call that came to nothing, the
 * receiver is left alone for a while; then one call at a time finds out whether it is back.
 *
 * Boundary: one process's memory, by webhook; a restart asks again. What counts as not answering is the caller's.
 *
 * Invariants
 * 1. A receiver that is left alone is called by nobody; when that time is over, by one at a time until one succeeds.
 * 2. Left alone for {@link FIRST_MS}, doubled with each failure in a row, at most {@link LONGEST_MS}.
 * 3. Who is told to go on says how it went, once: {@link Circuits.settle}.
 */
const FIRST_MS = 30_000;
const LONGEST_MS = 600_000;
/** Until the one that finds out has its answer. */
const PROBED_MS = 5_000;

export class Circuits {
  readonly #open = new Map<string, { failures: number; until: number; probing: boolean }>();

  constructor(private readonly clock: () => Date) {}

  /** 0: go on; otherwise milliseconds after which to ask again. */
  wait(id: string): number {
    const circuit = this.#open.get(id);
    if (!circuit) return 0;
    const left = circuit.until - this.clock().getTime();
    if (left > 0) return left;
    if (circuit.probing) return PROBED_MS;
    circuit.probing = true;
    return 0;
  }

  /** How a call went that {@link wait} let through: whether there was an answer, whatever it said. */
  settle(id: string, answered: boolean): void {
    if (answered) {
      this.#open.delete(id);
      return;
    }
    const circuit = this.#open.get(id);
    const now = this.clock().getTime();
    // Calls that were under way together are one failure.
    if (circuit && !circuit.probing && circuit.until > now) return;
    const failures = (circuit?.failures ?? 0) + 1;
    const pause = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(failures - 1, 10));
    this.#open.set(id, { failures, until: now + pause, probing: false });
  }
}
