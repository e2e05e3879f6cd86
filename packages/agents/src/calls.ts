import { effectsOfCommand } from './bash/analyse.js';
import { resolvePath } from './paths/resolve.js';
import { type Effect } from './permissions/effects.js';

/**
 * What a command line would do in a workspace, with each path led to where it goes now.
 * @param root the workspace, absolute and real
 * @param cwd the working folder, relative to it
 */
export async function effectsOfBash(root: string, source: string, cwd = ''): Promise<Effect[]> {
  const told = await Promise.all(
    effectsOfCommand(source, cwd).map(async (effect): Promise<Effect> => {
      if (!('path' in effect)) return effect;
      return { ...effect, path: await resolvePath(root, effect.path) };
    }),
  );
  return [{ kind: 'bash' }, ...told];
}
