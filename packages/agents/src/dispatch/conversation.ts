import { EngineError, type Conversation } from '../engines/engine.js';
import { type Ceiling } from '../permissions/ceiling.js';
import { type PermissionEngine } from '../permissions/decide.js';
import { shellPathsOf } from '../tools/shell.js';
import { ToolError } from '../tools/tool-error.js';
import { type Workspace } from '../tools/workspace.js';

/** A file that is larger is not read as a whole. Bytes. */
const FILE_BYTES = 5 * 1024 * 1024;

/**
 * What an engine that keeps a conversation sees of a workspace: what the dispatch may read without being asked.
 * Throws {@link EngineError}, refused, where there is more to hide than a sandbox has walls for.
 */
export async function conversationOf(
  id: string,
  workspace: Workspace,
  ceiling: Ceiling,
  permissions: PermissionEngine,
): Promise<Conversation> {
  const { root } = workspace;
  const mayRead = ceiling.kinds.read.verdict === 'allow';
  const denied = mayRead ? await hiddenIn(root, ceiling, permissions) : [''];
  return {
    id,
    root,
    denied,
    readText: async (path) => {
      const at = await workspace.resolve(path);
      const { verdict, why } = permissions.decide([{ kind: 'read', path: at }]);
      const found = verdict === 'allow' ? await workspace.read(at, FILE_BYTES) : undefined;
      if (found) return found.bytes.toString('utf8');
      throw new ToolError('NO_FILE', verdict === 'allow' ? `There is no file ${JSON.stringify(path)}.` : why);
    },
  };
}

async function hiddenIn(
  root: string,
  ceiling: Ceiling,
  permissions: PermissionEngine,
): Promise<readonly string[]> {
  try {
    return (await shellPathsOf(root, ceiling, permissions, false)).denied;
  } catch (error) {
    if (error instanceof ToolError) throw new EngineError(error.message, true);
    throw error;
  }
}
