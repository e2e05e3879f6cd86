import { describeIssue } from '@pegasus-workflows/contracts';
import { type AgentTool } from '@pegasus-workflows/contracts/agents';
import { z } from 'zod';
import { sha256 } from '../digest.js';
import { type Decision } from '../permissions/decide.js';
import { bashTool } from './bash.js';
import { fetchTool } from './fetch.js';
import { editTool, multiEditTool, readTool, writeTool } from './files.js';
import { globTool, grepTool } from './search.js';
import { ToolError } from './tool-error.js';
import { type Tool, type ToolContext, type ToolPorts, type ToolResult } from './tool.js';

const TOOLS: readonly Tool[] = [
  readTool,
  writeTool,
  editTool,
  multiEditTool,
  grepTool,
  globTool,
  bashTool,
  fetchTool,
];

/**
 * The tools there are here, as an OpenAI-style API is told of them.
 * @param ports those that a call's context will have
 */
export function functionSchemas(names: readonly AgentTool[], ports: ToolPorts = {}): object[] {
  const offered = TOOLS.filter((tool) => names.includes(tool.name) && isHere(tool, ports));
  return offered.map(({ name, description, input }) => {
    const { $schema: _, ...parameters } = z.toJSONSchema(input, { io: 'input' });
    return { type: 'function', function: { name, description, parameters } };
  });
}

function isHere({ needs }: Tool, ports: ToolPorts): boolean {
  return needs === undefined || ports[needs] !== undefined;
}

/** Why a tool that needs a port is not here without it. */
const LACKING: Readonly<Record<keyof ToolPorts, string>> = {
  shell: 'There is no sandbox here, so no command is run; work with the other tools.',
  fetcher: 'There is no way to the network here; work with what is in the workspace.',
};

/** A call that was judged and not yet made. */
export interface JudgedCall {
  /** What the model gave, parsed: for the log. */
  arguments: unknown;
  decision: Decision;
  /** Digest of what it would do: another one later is another call. */
  effects: string;
  /** Files that it would write, relative to the workspace's root. */
  writes: readonly string[];
  /** Makes the call, whatever the decision says: whoever calls this has asked where it had to be asked. */
  run(): Promise<ToolResult>;
}

/**
 * Judges a call by what it would do.
 * @param argumentText JSON, as the model wrote it
 * @throws ToolError NO_TOOL, or BAD_ARGUMENTS with a sentence that names the field
 */
export async function judge(name: string, argumentText: string, context: ToolContext): Promise<JudgedCall> {
  const tool = TOOLS.find((one) => one.name === name);
  if (!tool) throw new ToolError('NO_TOOL', `There is no tool ${JSON.stringify(name.slice(0, 60))}.`);
  if (!isHere(tool, context)) throw new ToolError('NO_TOOL', LACKING[tool.needs!]);
  const parsed = tool.input.safeParse(jsonOf(argumentText));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const field = issue?.path.map(String).join('.') || 'the arguments';
    throw new ToolError('BAD_ARGUMENTS', `${field}: ${issue ? describeIssue(issue) : 'not valid'}.`);
  }
  const call = await tool.prepare(parsed.data, context.workspace);
  return {
    arguments: parsed.data,
    decision: context.permissions.decide(call.effects),
    effects: sha256(JSON.stringify(call.effects)),
    writes: call.effects.flatMap((effect) => (effect.kind === 'write' ? [effect.path.real ?? ''] : [])),
    run: () => call.run(context),
  };
}

function jsonOf(text: string): unknown {
  try {
    // Some models give no arguments at all for a tool that needs none.
    return text.trim() === '' ? {} : (JSON.parse(text) as unknown);
  } catch {
    throw new ToolError('BAD_ARGUMENTS', 'The arguments are no JSON; write them again, as one object.');
  }
}
