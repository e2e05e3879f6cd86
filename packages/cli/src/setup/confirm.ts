import { type Context } from '../context.js';
import { Interrupted } from '../interrupted.js';
import { canAsk } from './ask.js';

/**
 * Asks before something is done that cannot be undone: only where somebody can answer, and not with `--yes`.
 * @throws Interrupted when the answer is no, or Ctrl-C
 */
export async function confirm(context: Context, message: string, yes: boolean | undefined): Promise<void> {
  if (yes || context.out.json || !canAsk(context)) return;
  const prompts = await import('@clack/prompts');
  const answer = await prompts.confirm({ message, initialValue: false, output: process.stderr });
  if (answer !== true) throw new Interrupted('Cancelled; nothing was changed.');
}
