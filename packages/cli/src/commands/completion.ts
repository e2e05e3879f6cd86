import { type Context } from '../context.js';
import { completionScript } from '../completion/scripts.js';
import { type Shell } from '../completion/shells.js';

/** Prints the completion script of a shell, one of those that the definition of the command allows. */
export function completion({ out }: Context, shell: string): Promise<void> {
  const script = completionScript(shell as Shell, 'pegasus-workflows');
  out.line(script.trimEnd());
  out.result({ shell, script });
  return Promise.resolve();
}
