import {
  errorBodySchema,
  LIMITS,
  parseOrRefuse,
  PegasusError,
  recordable,
  type Action,
  type Mutation,
} from '@pegasus-workflows/contracts';
import type { z } from 'zod';

/** What a call came to. `data` undefined: no body. */
export interface LocalAnswer {
  status: 200 | 201 | 202 | 204 | 304;
  data?: unknown;
  meta?: Record<string, unknown>;
  headers?: Record<string, string> | undefined;
}

/** A call, checked. */
export interface LocalCall<P, Q, B> {
  params: P;
  query: Q;
  body: B;
  headers: Headers;
}

/** What a call would do: its answer, and how it is made true. Whoever plans changes nothing. */
export interface LocalPlan extends LocalAnswer {
  /** Makes the change. What it returns replaces that part of the answer: only a call that was really made has it. */
  commit?: () => Partial<LocalAnswer> | Promise<Partial<LocalAnswer>> | void;
}

type ObjectSchema = z.ZodObject;

/** One call of the API as the local platform has it: the same path, schemas and action as the server's route. */
export interface LocalOperation<P extends ObjectSchema, Q extends ObjectSchema, B extends z.ZodType> {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Complete, with `:name` for a parameter. */
  path: string;
  action: Action;
  params?: P;
  query?: Q;
  body?: B;
  /** What an empty body stands for. */
  emptyBody?: z.input<B>;
  /** Largest body, in bytes. */
  maxBodyBytes?: number;
  /** Only of calls that change something. */
  mutation?: {
    /** The client's method, such as `sms.send`. */
    method: string;
    /** Names of arguments that no record shows. */
    mask?: readonly string[];
    /** Whether this very call changes nothing after all. */
    isRead?: (body: z.output<B>) => boolean;
  };
  plan: (call: LocalCall<z.output<P>, z.output<Q>, z.output<B>>) => LocalPlan | Promise<LocalPlan>;
}

/** What the calls of one platform have in common. */
export interface RouterParts {
  token: string;
  dryRun: boolean;
  actions: ReadonlySet<Action>;
  /** Told of every call that changes, or in a dry run would have changed, something. */
  record: (mutation: Mutation) => void;
}

/** A route whose types are its own affair. */
export interface LocalRoute {
  matches: (method: string, path: string) => boolean;
  answer: (request: Request, parts: RouterParts) => Promise<LocalAnswer>;
}

/** Makes a route of an operation. Its checks and their order are the server's. */
export function localRoute<P extends ObjectSchema, Q extends ObjectSchema, B extends z.ZodType>(
  operation: LocalOperation<P, Q, B>,
): LocalRoute {
  const wanted = operation.path.split('/');
  const fits = (given: readonly string[]): boolean =>
    given.length === wanted.length &&
    wanted.every((part, i) => (part.startsWith(':') ? given[i] !== '' : part === given[i]));
  return {
    matches: (method, path) => method === operation.method && fits(path.split('/')),
    answer: async (request, parts) => {
      const { action, mutation } = operation;
      if (!parts.actions.has(action)) throw new PegasusError('FORBIDDEN', refusalOf(action));
      const call = await readCall(request, operation, wanted);
      const { commit, ...planned } = await operation.plan(call);
      const isChange = mutation !== undefined && !mutation.isRead?.(call.body);
      const answer = parts.dryRun && isChange ? planned : { ...planned, ...(await commit?.()) };
      if (!isChange) return answer;
      const { params, query, body } = call;
      const args = { ...params, ...query, ...(typeof body === 'object' && body !== null ? body : {}) };
      const made = {
        method: mutation.method,
        capability: action,
        args: jsonOf(args),
        wouldReturn: jsonOf(answer.data ?? null),
      };
      parts.record(recordable(made, mutation.mask));
      return answer;
    },
  };
}

/** Answers a request as the server would, failures included; never throws for what the caller did. */
export async function answerLocally(
  routes: readonly LocalRoute[],
  request: Request,
  parts: RouterParts,
): Promise<Response> {
  try {
    if (request.headers.get('authorization') !== `Bearer ${parts.token}`) {
      throw new PegasusError('UNAUTHENTICATED', 'This is not the runtime token of the local platform.');
    }
    const { pathname } = new URL(request.url);
    const route = routes.find(({ matches }) => matches(request.method, pathname));
    if (!route) {
      const sentence = `The local platform has no ${request.method} ${pathname}; it has the calls that a running execution may make.`;
      throw new PegasusError('NOT_FOUND', sentence);
    }
    const { status, data, meta, headers = {} } = await route.answer(request, parts);
    if (data === undefined) return new Response(null, { status, headers });
    return Response.json(meta ? { data, meta } : { data }, { status, headers });
  } catch (error) {
    if (error instanceof PegasusError) return failure(error);
    throw error;
  }
}

function failure(error: PegasusError): Response {
  const { message, code, status, problems, retryAfterSeconds } = error;
  const body = errorBodySchema.parse({ error: message, code, ...(problems ? { problems } : {}) });
  const headers = retryAfterSeconds === undefined ? {} : { 'Retry-After': String(retryAfterSeconds) };
  return Response.json(body, { status, headers });
}

function refusalOf(action: Action): string {
  return `This call needs the action ${action}, which the workflow does not declare; add it to required_actions of its manifest.`;
}

async function readCall<P extends ObjectSchema, Q extends ObjectSchema, B extends z.ZodType>(
  request: Request,
  { params, query, body, emptyBody, maxBodyBytes = LIMITS.requestBodyBytes }: LocalOperation<P, Q, B>,
  wanted: readonly string[],
): Promise<LocalCall<z.output<P>, z.output<Q>, z.output<B>>> {
  const url = new URL(request.url);
  const given = url.pathname.split('/');
  const named = wanted.flatMap((part, i) =>
    part.startsWith(':') ? [[part.slice(1), decodeURIComponent(given[i] ?? '')] as const] : [],
  );
  const text = await request.text();
  if (body && new TextEncoder().encode(text).length > maxBodyBytes) {
    throw new PegasusError(
      'PAYLOAD_TOO_LARGE',
      `The body is too large; at most ${maxBodyBytes} bytes are allowed.`,
    );
  }
  return {
    params: (params ? parseOrRefuse(params, Object.fromEntries(named), 'path') : {}) as z.output<P>,
    query: (query ? parseOrRefuse(query, Object.fromEntries(url.searchParams), 'query') : {}) as z.output<Q>,
    body: (body
      ? parseOrRefuse(body, text === '' ? emptyBody : parseJson(text), 'body')
      : undefined) as z.output<B>,
    headers: request.headers,
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new PegasusError('VALIDATION_ERROR', 'The body is not valid JSON.', { cause: error });
  }
}

/** As it would be on the wire, and nobody else's to change. */
function jsonOf<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T;
}
