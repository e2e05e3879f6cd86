import {
  EngineError,
  type Conversation,
  type Engine,
  type Turn,
  type TurnRequest,
} from '../engines/engine.js';
import { type Ceiling } from '../permissions/ceiling.js';
import { type PermissionEngine } from '../permissions/decide.js';
import { readText } from '../tools/files.js';
import { shellPathsOf } from '../tools/shell.js';
import { ToolError } from '../tools/tool-error.js';
import { type Workspace } from '../tools/workspace.js';

/** A turn of an engine; one that keeps conversations is told what this one is about. */
export async function turnOf(
  engine: Engine,
  request: TurnRequest,
  about: () => Promise<Conversation>,
  signal: AbortSignal,
): Promise<Turn> {
  if (!engine.conversations) return engine.turn(request, signal);
  return engine.turn({ ...request, conversation: await about() }, signal);
}

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
      if (verdict !== 'allow') throw new ToolError('NO_FILE', why);
      return (await readText(at, { workspace })).text;
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
