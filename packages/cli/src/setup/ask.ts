/**
 * Job: questions to the person at the terminal: a line of text, a key that is not shown.
 *
 * Boundary: standard input and standard error, so that standard output stays the command's own. Whether to ask at all,
 * and what an answer means, is the caller's.
 *
 * Invariants
 * 1. Nothing is asked where nobody could answer, or where a key could not be hidden: no terminal, or a dumb one.
 * 2. What is typed as a key is on no screen, and is a registered secret when it is returned.
 * 3. Ctrl-C ends the command with {@link Interrupted}; the terminal is as it was.
 */
import { type Context } from '../context.js';
import { registerSecret } from '../credentials/mask.js';
import { Interrupted } from '../interrupted.js';

/** Whether a question can be asked (invariant 1). */
export function canAsk({ env, stdin }: Context): boolean {
  return Boolean(stdin.isTTY) && process.stderr.isTTY && env['TERM'] !== 'dumb';
}

export interface Question {
  message: string;
  /** What Enter alone answers. */
  initial?: string;
  /** Why an answer is not taken, as a sentence; undefined takes it. */
  problem(answer: string): string | undefined;
}

/** A line of text. @throws Interrupted on Ctrl-C */
export async function askText({ message, initial, problem }: Question): Promise<string> {
  const { isCancel, text } = await import('@clack/prompts');
  const answer = await text({
    message,
    ...(initial === undefined ? {} : { initialValue: initial }),
    validate: (typed) => problem((typed ?? '').trim()),
    output: process.stderr,
  });
  if (isCancel(answer)) throw new Interrupted();
  return answer.trim();
}

/** A key, typed or pasted without being shown (invariant 2). @throws Interrupted on Ctrl-C */
export async function askKey({ message, problem }: Omit<Question, 'initial'>): Promise<string> {
  const typed = await askHidden({ message, problem: (answer) => problem(answer.trim()) });
  const key = typed.trim();
  registerSecret(key);
  return key;
}

/** Like {@link askKey}, with the blanks around it. @throws Interrupted on Ctrl-C */
export async function askHidden({ message, problem }: Omit<Question, 'initial'>): Promise<string> {
  const { isCancel, password } = await import('@clack/prompts');
  const answer = await password({
    message,
    mask: '•',
    validate: (typed) => problem(typed ?? ''),
    output: process.stderr,
  });
  if (isCancel(answer)) throw new Interrupted();
  registerSecret(answer ?? '');
  return answer ?? '';
}
