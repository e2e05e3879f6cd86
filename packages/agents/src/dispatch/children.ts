import { describeIssue } from '@pegasus-workflows/contracts';
import {
  subagentTaskSchema,
  type SubagentResult,
  type SubagentTask,
} from '@pegasus-workflows/contracts/agents';
import { type ToolCall } from '../engines/engine.js';

/**
 * The function by which an agent hands work on. It is none of the tools of the contract: it touches nothing itself, and
 * whatever the child does is judged under a ceiling that is the meet of both.
 */
export const DISPATCH_FUNCTION = 'dispatch_subagent';

/** Dispatches below a dispatch; the first one is at depth 0. */
export const DEPTH_MAX = 3;
/** Children of one dispatch, over all of its turns. */
export const CHILDREN_MAX = 16;

const childTaskSchema = subagentTaskSchema.omit({ id: true });

export const dispatchFunction = {
  type: 'function',
  function: {
    name: DISPATCH_FUNCTION,
    description:
      'Hands a task to a subagent and answers with its result. It can do no more than you may, and spends what you have left.',
    parameters: {
      type: 'object',
      properties: {
        role: { type: 'string', enum: subagentTaskSchema.shape.role.options },
        prompt: { type: 'string' },
        permissionMode: { type: 'string', enum: subagentTaskSchema.shape.permissionMode.options },
        budget: {
          type: 'object',
          properties: {
            tokens: { type: 'integer', exclusiveMinimum: 0 },
            dollars: { type: 'number', exclusiveMinimum: 0 },
            wallClockMs: { type: 'integer', exclusiveMinimum: 0 },
          },
          additionalProperties: false,
        },
        allowedPaths: { type: 'array', items: { type: 'string' } },
        deniedPaths: { type: 'array', items: { type: 'string' } },
      },
      required: ['role', 'prompt', 'permissionMode'],
      additionalProperties: false,
    },
  },
} as const;

/** A child's task, or one sentence that tells the model what is wrong with it. */
export function childTask(call: ToolCall, parentId: string, n: number): SubagentTask | string {
  let given: unknown;
  try {
    given = JSON.parse(call.arguments);
  } catch {
    return 'The arguments are no JSON; write them again, as one object.';
  }
  const parsed = childTaskSchema.safeParse(given);
  if (parsed.success) return { id: `${parentId}.${n}`, ...parsed.data };
  const [issue] = parsed.error.issues;
  const field = issue?.path.map(String).join('.') || 'the arguments';
  return `${field}: ${issue ? describeIssue(issue) : 'not valid'}.`;
}

/** What the parent's model is told of its child. */
export function toldOf({ status, summary, filesChanged, tokensIn, tokensOut }: SubagentResult): string {
  return JSON.stringify({ status, summary, filesChanged, tokens: tokensIn + tokensOut });
}
