import { AGENT_TOOLS, type AgentTool, type Isolation } from '@pegasus-workflows/contracts/agents';
import { DEPTH_MAX, dispatchFunction } from './children.js';

const READING: readonly AgentTool[] = ['read', 'grep', 'glob', 'fetch'];

/** Tools that replace files; whether they may depends on what was read. */
export const FILE_WRITING: ReadonlySet<string> = new Set([
  'write',
  'edit',
  'multi_edit',
] satisfies AgentTool[]);

/** Tools of a tier: what it could never do is not even told to the model. */
export function toolsOf(isolation: Isolation, isReadOnly: boolean): readonly AgentTool[] {
  if (isolation === 'prompt_only') return [];
  return isReadOnly || isolation === 'shared_fs_readonly' ? READING : AGENT_TOOLS;
}

/** How a role works in a copy on another host, which is all its own: what it writes there is what comes back. */
export function tierInCopy(isolation: Isolation): Isolation {
  return isolation === 'worktree' ? 'shared_fs_serialized' : isolation;
}

/** Whether a dispatch may hand work on: the tier whose work that is, down to a depth. */
export function mayDispatch(isolation: Isolation, depth: number): boolean {
  return isolation === 'prompt_only' && depth < DEPTH_MAX;
}

export function childFunctions(isolation: Isolation, depth: number): readonly object[] {
  return mayDispatch(isolation, depth) ? [dispatchFunction] : [];
}
