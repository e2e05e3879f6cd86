import { type Dispatch, type DispatchAnswer, type DispatchQuestion } from '@pegasus-workflows/contracts';
import { isPegasusApiError, type PegasusClient } from 'pegasus-workflows-sdk/client';
import { type Context } from '../../context.js';
import { Interrupted } from '../../interrupted.js';
import { canAsk } from '../../setup/ask.js';
import { questionLines } from './print.js';

/**
 * Job: put what a dispatch asks to the person at the terminal, while it is watched; where there is none, say how to answer.
 *
 * Boundary: asks and answers; whether the answer still counts is the server's.
 *
 * Invariants
 * 1. Each question is told once, however often the dispatch is.
 * 2. A question that somebody else has answered is taken away from the screen, and not answered from here.
 * 3. Leaving a question unanswered (Ctrl-C) ends the watching and answers nothing.
 */
export class Questions {
  #asked: string | undefined;
  #open: AbortController | undefined;

  /** @param leave aborted, with the reason, when the watching is to end */
  constructor(
    private readonly context: Context,
    private readonly client: PegasusClient,
    private readonly leave: AbortController,
  ) {}

  /** Takes note of the dispatch as it is now. */
  see({ id, question }: Dispatch): void {
    if (question?.id === this.#asked) return;
    this.#open?.abort();
    this.#open = undefined;
    this.#asked = question?.id;
    if (!question) return;
    const { out } = this.context;
    const isPerson = !out.json && canAsk(this.context);
    for (const line of questionLines(question)) out.note(line);
    if (isPerson) return this.#ask(id, question);
    const { quiet } = out.noteColors;
    out.note(quiet(`answer: pegasus-workflows agents approve ${id}   or: agents refuse ${id}`));
  }

  /** Nobody is asked any more. */
  close(): void {
    this.#open?.abort();
  }

  #ask(dispatchId: string, question: DispatchQuestion): void {
    const open = (this.#open = new AbortController());
    askPerson(open.signal)
      .then((answer) => answer && this.#answer(dispatchId, { questionId: question.id, answer }))
      .catch((error: unknown) => this.leave.abort(error));
  }

  async #answer(dispatchId: string, answer: DispatchAnswer): Promise<void> {
    try {
      await this.client.agents.answer(dispatchId, answer);
    } catch (error) {
      if (!isPegasusApiError(error) || error.status !== 409) throw error;
      this.context.out.note('It asks that no longer.');
    }
  }
}

/** @returns undefined when the question was taken away @throws Interrupted on Ctrl-C */
export async function askPerson(signal: AbortSignal): Promise<DispatchAnswer['answer'] | undefined> {
  const { isCancel, select } = await import('@clack/prompts');
  const answer = await select({
    message: 'May it do that?',
    options: [
      { value: 'refused' as const, label: 'No' },
      { value: 'approved' as const, label: 'Yes, this once' },
    ],
    output: process.stderr,
    signal,
  });
  if (signal.aborted) return undefined;
  if (isCancel(answer)) throw new Interrupted();
  return answer;
}
