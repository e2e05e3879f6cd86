import type {
  CallToolResult,
  Tool as ToolDefinition,
  ToolAnnotations,
} from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';
import type { Context } from '../../context.js';
import { maskKeys } from '../../credentials/mask.js';
import { describeError, type ReportedError } from '../../output/report-error.js';
import type { Confinement } from '../paths/confine.js';

/** What a tool is given beside its arguments. */
export interface ToolCall {
  readonly context: Context;
  readonly paths: Confinement;
  /** Aborted when the call is cancelled or the server ends. */
  readonly signal: AbortSignal;
  /** Tells the client how far the work is, when it asked to be told. */
  progress(done: number, total: number, message: string): void;
}

/** What a tool answers. */
export interface Answer<T> {
  /** As the output schema has it: an object, because the protocol wants one. */
  structured: T;
  /** The JSON document of the text content, where it is another than `structured`: the list itself, for one. */
  text?: unknown;
  /** What to know beside the result, each a JSON document of its own after it. */
  notes?: readonly object[];
  /** Failures beside what succeeded: the result is marked as an error and they are told after it. */
  failures?: readonly ReportedError[];
}

export interface ToolSpec<I extends z.ZodObject, O extends z.ZodObject> {
  name: string;
  title: string;
  /** For the agent: what it does, when to use it, what next. */
  description: string;
  annotations: Required<Omit<ToolAnnotations, 'title'>>;
  input: I;
  output: O;
  run(args: z.output<I>, call: ToolCall): Promise<Answer<z.input<O>>>;
}

/** A tool as the server holds it. */
export interface Tool {
  name: string;
  definition(): ToolDefinition;
  /**
   * Checks the arguments, does the work, checks the result. Never throws: a failure is a result with `isError`, whose
   * text is the JSON that the command line prints for a failure, `{error, code, hint?, problems?}`.
   */
  call(args: unknown, call: ToolCall): Promise<CallToolResult>;
}

/** Makes a tool of its description, schemas and work. */
export function defineTool<I extends z.ZodObject, O extends z.ZodObject>(spec: ToolSpec<I, O>): Tool {
  const { name, title, description, annotations, input, output } = spec;
  return {
    name,
    definition: () => ({
      name,
      title,
      description,
      annotations: { title, ...annotations },
      inputSchema: jsonSchema(input, 'input'),
      outputSchema: jsonSchema(output, 'output'),
    }),
    call: async (args, call) => {
      const parsed = input.safeParse(args ?? {});
      if (!parsed.success) return failure(invalidArguments(name, parsed.error));
      try {
        return success(output, await spec.run(parsed.data, call));
      } catch (error) {
        return failure(describeError(error).report);
      }
    },
  };
}

function success<O extends z.ZodObject>(output: O, answer: Answer<z.input<O>>): CallToolResult {
  const structuredContent = output.parse(answer.structured);
  const failures = answer.failures ?? [];
  const result: CallToolResult = {
    content: [answer.text ?? structuredContent, ...(answer.notes ?? []), ...failures].map(textContent),
    structuredContent: masked(structuredContent),
  };
  return failures.length > 0 ? { ...result, isError: true } : result;
}

function failure(report: ReportedError): CallToolResult {
  return { isError: true, content: [textContent(report)] };
}

function textContent(value: unknown): { type: 'text'; text: string } {
  return { type: 'text', text: maskKeys(JSON.stringify(value)) };
}

/** The object without any known secret, wherever one may sit in it. */
function masked<T extends Record<string, unknown>>(value: T): T {
  return JSON.parse(maskKeys(JSON.stringify(value))) as T;
}

function invalidArguments(tool: string, error: z.ZodError): ReportedError {
  const problems = error.issues.map((issue) => {
    if (issue.code === 'unrecognized_keys') return `unknown: ${issue.keys.slice(0, 5).map(short).join(', ')}`;
    return `${issue.path.join('.') || 'arguments'}: ${issue.message}`;
  });
  return {
    error: `The arguments of ${tool} are not usable.`,
    code: 'VALIDATION_ERROR',
    problems: problems.slice(0, 20),
    hint: `Correct them and call ${tool} again; its input schema says what it takes.`,
  };
}

/** A name that the caller made up, in a length that a sentence can hold. */
function short(name: string): string {
  return name.length > 60 ? `${name.slice(0, 60)}…` : name;
}

/** Draft 7, which every client's validator reads. */
function jsonSchema(schema: z.ZodObject, io: 'input' | 'output'): ToolDefinition['inputSchema'] {
  return z.toJSONSchema(schema, { io, target: 'draft-7' }) as ToolDefinition['inputSchema'];
}
