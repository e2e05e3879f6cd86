import {
  CallToolRequestSchema,
  ErrorCode,
  InitializeRequestSchema,
  isJSONRPCErrorResponse,
  isJSONRPCRequest,
  isJSONRPCResultResponse,
  JSONRPCMessageSchema,
  ListResourcesRequestSchema,
  ListResourceTemplatesRequestSchema,
  ListToolsRequestSchema,
  PingRequestSchema,
  ReadResourceRequestSchema,
  type JSONRPCMessage,
  type JSONRPCRequest,
  type RequestId,
} from '@modelcontextprotocol/sdk/types.js';
import type { z } from 'zod';

/** Arrays and objects within each other; more than any honest message has, far less than a stack can take. */
const DEEPEST = 100;

/** The answer to a line that is no message. `id` is null where none can be known, as JSON-RPC wants it. */
export interface Rejection {
  jsonrpc: '2.0';
  id: RequestId | null;
  error: { code: number; message: string };
}

export type Read =
  | { kind: 'message'; message: JSONRPCMessage }
  | { kind: 'rejected'; answer: Rejection }
  /** Nothing to answer: an empty line, or a broken response, which JSON-RPC leaves unanswered. */
  | { kind: 'ignored'; why?: string };

/** What this server's requests must look like; a method that is not here is for the protocol to refuse. */
const REQUESTS = new Map<string, z.ZodType>([
  ['initialize', InitializeRequestSchema],
  ['ping', PingRequestSchema],
  ['tools/list', ListToolsRequestSchema],
  ['tools/call', CallToolRequestSchema],
  ['resources/list', ListResourcesRequestSchema],
  ['resources/templates/list', ListResourceTemplatesRequestSchema],
  ['resources/read', ReadResourceRequestSchema],
]);

/** Reads one line. Never throws, and no answer repeats any of the line: it may hold a key. */
export function readMessage(line: Buffer): Read {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(line).trim();
  } catch {
    return rejected(null, ErrorCode.ParseError, 'Parse error: the line is not UTF-8.');
  }
  if (text === '') return { kind: 'ignored' };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return rejected(null, ErrorCode.ParseError, 'Parse error: the line is not JSON.');
  }
  if (Array.isArray(value))
    return rejected(null, ErrorCode.InvalidRequest, 'Invalid request: send one message a line, no batches.');
  if (!isObject(value))
    return rejected(null, ErrorCode.InvalidRequest, 'Invalid request: a message is a JSON object.');
  return readObject(value);
}

/** The answer to a line that is longer than any may be: what it says, and so its id, was not kept. */
export function tooLong(limit: number): Rejection {
  return rejection(
    null,
    ErrorCode.InvalidRequest,
    `Invalid request: a line has at most ${limit} bytes; name files by their path instead.`,
  );
}

function readObject(value: Record<string, unknown>): Read {
  const id = isId(value['id']) ? value['id'] : null;
  if (isTooDeep(value))
    return rejected(
      id,
      ErrorCode.InvalidRequest,
      `Invalid request: at most ${DEEPEST} levels within each other.`,
    );
  const parsed = JSONRPCMessageSchema.safeParse(value);
  if (parsed.success) return isJSONRPCRequest(parsed.data) ? checkRequest(parsed.data) : message(parsed.data);
  if (isJSONRPCResultResponse(value) || isJSONRPCErrorResponse(value) || isBrokenResponse(value))
    return { kind: 'ignored', why: 'a response that is not as the protocol wants it' };
  return explain(value, id);
}

function isBrokenResponse(value: Record<string, unknown>): boolean {
  return !('method' in value) && ('result' in value || 'error' in value);
}

/** Which rule of JSON-RPC the object breaks. */
function explain(value: Record<string, unknown>, id: RequestId | null): Read {
  const wrong = (sentence: string): Read =>
    rejected(id, ErrorCode.InvalidRequest, `Invalid request: ${sentence}`);
  if (value['jsonrpc'] !== '2.0') return wrong('`jsonrpc` must be "2.0".');
  if (typeof value['method'] !== 'string') return wrong('`method` must be a string.');
  if ('id' in value && id === null) return wrong('`id` must be a string or a whole number.');
  if ('params' in value && !isObject(value['params']))
    return rejected(id, ErrorCode.InvalidParams, 'Invalid params: `params` must be an object.');
  const known = new Set(['jsonrpc', 'id', 'method', 'params']);
  if (Object.keys(value).some((key) => !known.has(key)))
    return wrong('only `jsonrpc`, `id`, `method` and `params` are known.');
  return rejected(
    id,
    ErrorCode.InvalidParams,
    'Invalid params: `params._meta` is not as the protocol wants it.',
  );
}

/** The SDK would answer wrong params with an internal error, which is nobody's fault but the caller's. */
function checkRequest(request: JSONRPCRequest): Read {
  const schema = REQUESTS.get(request.method);
  if (!schema) return message(request);
  const parsed = schema.safeParse(request);
  const issue = parsed.error?.issues[0];
  if (issue) {
    const field = issue.path.map(String).join('.') || 'params';
    return rejected(request.id, ErrorCode.InvalidParams, `Invalid params: \`${field}\` ${said(issue)}.`);
  }
  return message(withoutTask(request));
}

function said(issue: z.core.$ZodIssue): string {
  return issue.code === 'invalid_type'
    ? `must be of type ${issue.expected}`
    : 'is not as the protocol wants it';
}

/** A server without tasks does what is asked at once, as if no task had been wanted: so says the protocol. */
function withoutTask(request: JSONRPCRequest): JSONRPCRequest {
  if (!request.params || !('task' in request.params)) return request;
  const { task: _, ...params } = request.params;
  return { ...request, params };
}

/** Breadth first: a value that is deep enough to break a recursion must not break its own check. */
function isTooDeep(value: object): boolean {
  let level: object[] = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > DEEPEST) return true;
    level = level.flatMap((item) => Object.values(item).filter((member) => isNested(member)) as object[]);
  }
  return false;
}

function isNested(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return isNested(value) && !Array.isArray(value);
}

function isId(value: unknown): value is RequestId {
  return typeof value === 'string' || Number.isSafeInteger(value);
}

function message(value: JSONRPCMessage): Read {
  return { kind: 'message', message: value };
}

function rejection(id: RequestId | null, code: number, sentence: string): Rejection {
  return { jsonrpc: '2.0', id, error: { code, message: sentence } };
}

function rejected(id: RequestId | null, code: number, sentence: string): Read {
  return { kind: 'rejected', answer: rejection(id, code, sentence) };
}
