import { type Context } from '../context.js';
import { Interrupted } from '../interrupted.js';
import { canAsk } from './ask.js';

/**
 * Asks before something is taken away, where somebody can answer; scripts are not asked. `yes` answers beforehand.
 * @throws Interrupted when the answer is no
 */
export async function confirmRemoval(context: Context, message: string, yes = false): Promise<void> {
  if (yes || !canAsk(context)) return;
  const { confirm } = await import('@clack/prompts');
  const answer = await confirm({ message, initialValue: false, output: process.stderr });
  if (answer !== true) throw new Interrupted();
}
