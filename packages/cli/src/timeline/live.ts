import { type History } from '@pegasus-workflows/contracts';
import { toSteps, type Step } from './steps.js';

/**
 * Job: tells what is new in a growing history, so that a timeline can be printed as it happens.
 *
 * Boundary: no I/O; the caller reads histories and prints.
 *
 * Invariants
 * 1. A step is told when it is first seen, and once more when it has ended; never twice in the same state.
 * 2. A step that began and ended between two looks is told once.
 * 3. After a continue-as-new, whose history begins anew, everything of the new history is told.
 */
export class LiveTimeline {
  #told = new Map<string, Step['state']>();
  #firstEvent: string | undefined;

  /** The steps that the caller has not heard of in their present state. */
  news(history: History): Step[] {
    const first = history.events[0]?.timestamp;
    if (first !== this.#firstEvent) {
      this.#told = new Map();
      this.#firstEvent = first;
    }
    const fresh = toSteps(history).filter((step) => this.#told.get(step.id) !== step.state);
    for (const step of fresh) this.#told.set(step.id, step.state);
    return fresh;
  }
}
