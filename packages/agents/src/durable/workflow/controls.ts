import {
  DISPATCH_ANSWER_SIGNAL,
  DISPATCH_PAUSE_SIGNAL,
  DISPATCH_RESUME_SIGNAL,
  type DispatchAnswer,
} from '@pegasus-workflows/contracts';
import { condition, defineSignal, setHandler } from '@temporalio/workflow';

/**
 * Job: what people say to a dispatch: answers to its questions, pause and resume.
 *
 * Boundary: signals in, conditions out; inside of the workflow's sandbox.
 *
 * Invariants
 * 1. The first answer to a question counts, also one that comes before anybody waits for it.
 * 2. One question is open at a time: what a person sees is what they answer.
 */
export class Controls {
  readonly #answers = new Map<string, DispatchAnswer['answer']>();
  #asking: Promise<unknown> = Promise.resolve();

  constructor(public isPaused = false) {
    setHandler(defineSignal<[DispatchAnswer]>(DISPATCH_ANSWER_SIGNAL), ({ questionId, answer }) => {
      if (!this.#answers.has(questionId)) this.#answers.set(questionId, answer);
    });
    setHandler(defineSignal(DISPATCH_PAUSE_SIGNAL), () => {
      this.isPaused = true;
    });
    setHandler(defineSignal(DISPATCH_RESUME_SIGNAL), () => {
      this.isPaused = false;
    });
  }

  /** Rejects when the dispatch is cancelled. */
  async answerTo(questionId: string): Promise<DispatchAnswer['answer']> {
    await condition(() => this.#answers.has(questionId));
    return this.#answers.get(questionId)!;
  }

  async resumed(): Promise<void> {
    await condition(() => !this.isPaused);
  }

  /** Invariant 2. */
  alone<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#asking.then(work);
    this.#asking = next.catch(() => undefined);
    return next;
  }
}
