import { type Isolation } from '@pegasus-workflows/contracts/agents';
import { type Engine } from '../engines/engine.js';
import { functionSchemas } from '../tools/toolbox.js';
import { type ToolPorts } from '../tools/tool.js';
import { childFunctions, toolsOf } from './tools-of.js';

/** What a model is told that it may call; none for an engine with tools of its own, which asks for ours by another way. */
export function functionsFor(
  engine: Engine,
  { isolation, isReadOnly, depth }: { isolation: Isolation; isReadOnly: boolean; depth: number },
  ports: ToolPorts = {},
): readonly object[] {
  if (engine.conversations) return [];
  return [...functionSchemas(toolsOf(isolation, isReadOnly), ports), ...childFunctions(isolation, depth)];
}
