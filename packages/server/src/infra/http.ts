import {
  LIMITS,
  parseOrRefuse,
  PegasusError,
  type Action,
  type ErrorCode,
} from '@pegasus-workflows/contracts';
import { createRoute, type OpenAPIHono, type z } from '@hono/zod-openapi';
import { type HttpBindings } from '@hono/node-server';
import { type Context, type Handler } from 'hono';
import { actAs, type Actor } from './actor.js';
import { type AppEnv, type Principal } from './context.js';
import { failureResponses, failuresOf } from './documented-failures.js';
import { readJsonBody } from './http-body.js';

/**
 * Who may call a route: a key that holds the action, any valid key, the runner alone, or anyone (presigned URLs,
 * health). `/api/v1` and `/internal/v1` authenticate before any route of theirs is looked at.
 */
export type Access = Action | 'any-key' | 'runner' | 'public';

type Method = 'get' | 'post' | 'put' | 'patch' | 'delete';
type ObjectSchema = z.ZodObject;

/**
 * What a call becomes when a dry run makes it: nothing is changed, the call is recorded, and it answers with what it
 * would have answered. Reads need none of this. A mutation that runtime tokens may make must have one.
 */
export interface DryRun<P extends ObjectSchema, Q extends ObjectSchema, B extends z.ZodType> {
  /** The client's method, such as `sms.send`. */
  method: string;
  /** Names of arguments whose values are secrets: the record shows that they were given, and no more. */
  mask?: readonly string[];
  /** A call that is a read although its method is not GET: it is made as usual, and not recorded. */
  isRead?: (body: z.output<B>) => boolean;
  /** May read, to answer as the real call would; throws what the real call would throw. */
  wouldReturn: (call: Call<P, Q, B>) => Promise<DryRunAnswer> | DryRunAnswer;
}

/** `data` undefined: the answer has no body. */
export interface DryRunAnswer {
  status: 200 | 201 | 202 | 204;
  data?: unknown;
}

/** One call of the API, declared once: access, validation and documentation all follow from it. */
export interface Operation<P extends ObjectSchema, Q extends ObjectSchema, B extends z.ZodType> {
  method: Method;
  /** Hono's notation, complete: `/api/v1/workflows/:id`. */
  path: string;
  action: Access;
  summary: string;
  request?: {
    params?: P;
    query?: Q;
    body?: B;
    /** Largest JSON body in bytes; {@link LIMITS.requestBodyBytes} unless said. */
    maxBodyBytes?: number;
    /** What an empty body stands for; without it, an empty body is refused. */
    emptyBody?: z.input<B>;
  };
  dryRun?: DryRun<P, Q, B>;
  /** A call that changes nothing, although its method is not GET: a dry run makes it as usual. */
  readOnly?: true;
  /**
   * Name of an act that changes no row of a configuration table, such as `cancel`: it is in the audit log, about what
   * the path's last parameter names, before it is done.
   */
  audited?: string;
  /** By status; a response without a schema has no JSON body. */
  responses: Partial<
    Record<number | '2XX', { description: string; schema?: z.ZodType; contentType?: string }>
  >;
  /**
   * How it may fail, beyond what follows from the rest: no key, no right, wrong parameters or body, nothing there.
   * What is not named here is logged as a defect of the documentation when it happens.
   */
  errors?: readonly ErrorCode[];
}

/** What a handler is given, all of it checked. */
export interface Call<P extends ObjectSchema, Q extends ObjectSchema, B extends z.ZodType> {
  params: z.output<P>;
  query: z.output<Q>;
  body: z.output<B>;
  /** Only where `action` is an action or `any-key`. */
  principal: Principal;
  c: Context<AppEnv>;
}

/** A row of {@link routeTable}. */
export interface RouteEntry {
  method: Uppercase<Method>;
  path: string;
  action: Access;
  /** Media type of the request's body, if it takes one. */
  hasBody: boolean;
  /** The act that the audit log has before it is done. */
  audited?: string;
}

const tables = new WeakMap<OpenAPIHono<AppEnv>, RouteEntry[]>();

/** Every route declared with {@link addRoute}, in order. */
export function routeTable(app: OpenAPIHono<AppEnv>): readonly RouteEntry[] {
  return tables.get(app) ?? [];
}

/**
 * Mounts a call. Checks in this order, each with its own status: action (403), parameters and query (400),
 * content type (415), size (413), JSON (400), schema (400). The handler answers with `c.json(…)` or {@link data}.
 */
export function addRoute<P extends ObjectSchema, Q extends ObjectSchema, B extends z.ZodType>(
  app: OpenAPIHono<AppEnv>,
  operation: Operation<P, Q, B>,
  handle: (call: Call<P, Q, B>) => Promise<Response> | Response,
): void {
  const { action, path, request } = operation;
  const method = operation.method.toUpperCase() as Uppercase<Method>;
  tables.set(app, [
    ...(tables.get(app) ?? []),
    {
      method,
      path,
      action,
      hasBody: request?.body !== undefined,
      ...(operation.audited === undefined ? {} : { audited: operation.audited }),
    },
  ]);
  document(app, operation);
  const documented = failuresOf(operation);
  const handler: Handler<AppEnv> = async (c) => {
    c.set('route', path);
    const principal = c.get('principal');
    if (!(action in ROUTE_ACCESS) && !principal?.actions.has(action as Action)) {
      if (principal?.execution) await c.get('noteRefusal')(action as Action);
      throw new PegasusError('FORBIDDEN', refusalOf(action, principal));
    }
    const perform = async (): Promise<Response> => {
      const call = await readCall(c, operation, principal);
      const isRead = method === 'GET' || operation.readOnly || operation.dryRun?.isRead?.(call.body);
      if (principal?.execution?.dryRun && !isRead) return answerDryRun(call, operation);
      if (operation.audited !== undefined) await recordAct(call, path, operation.audited);
      return handle(call);
    };
    try {
      return await (principal ? actAs(actorOf(c, principal, action), perform) : perform());
    } catch (error) {
      if (!(error instanceof PegasusError)) throw error;
      // The name of another call was taken for an id: `DELETE /workflows/upload-url`.
      const methods = error.code === 'VALIDATION_ERROR' ? methodsAt(app, c.req.path) : [c.req.method];
      if (!methods.includes(c.req.method)) throw methodNotAllowed(c, methods);
      if (!documented.has(error.code)) {
        const failure = { method, route: path, code: error.code };
        c.get('log').warn(failure, 'a failure that the API does not document');
      }
      throw error;
    }
  };
  app.on(method, path, handler);
}

function refusalOf(action: Access, principal: Principal | undefined): string {
  if (!principal?.execution) return `This call needs the action ${action}, which this key does not have.`;
  return `This call needs the action ${action}, which the workflow does not declare; add it to required_actions of its manifest.`;
}

function actorOf(c: Context<AppEnv>, principal: Principal, action: Access): Actor {
  return {
    kind: principal.execution ? 'EXECUTION' : 'KEY',
    principalId: principal.principalId,
    keyId: principal.keyId,
    executionId: principal.execution?.id ?? null,
    action: actionOf(action),
    method: c.req.method,
    route: c.get('route') ?? '',
    ip: c.get('ip'),
    correlationId: c.get('correlationId'),
  };
}

/** The other end of the connection; null where there is none, as in tests. */
export function peerAddress(c: Context<AppEnv>): string | null {
  const { incoming } = (c.env ?? {}) as Partial<HttpBindings>;
  return incoming?.socket?.remoteAddress ?? null;
}

async function recordAct<P extends ObjectSchema, Q extends ObjectSchema, B extends z.ZodType>(
  { c, principal }: Call<P, Q, B>,
  path: string,
  operation: string,
): Promise<void> {
  const { kind, parameter } = /.*\/(?<kind>[^/:]+)\/:(?<parameter>\w+)/.exec(path)?.groups ?? {};
  await c.get('recordAct')({
    tenantId: principal.tenantId,
    operation,
    objectKind: kind ?? null,
    objectId: (parameter === undefined ? undefined : c.req.param(parameter)) ?? null,
  });
}

/** Nothing is changed; what would have been is recorded before it is answered. */
async function answerDryRun<P extends ObjectSchema, Q extends ObjectSchema, B extends z.ZodType>(
  call: Call<P, Q, B>,
  { dryRun, action }: Operation<P, Q, B>,
): Promise<Response> {
  const { c, params, query, body } = call;
  if (!dryRun) throw new PegasusError('FORBIDDEN', 'A dry run cannot make this call.');
  const { status, data: wouldReturn } = await dryRun.wouldReturn(call);
  const mutation = {
    method: dryRun.method,
    capability: action as Action,
    args: { ...params, ...query, ...(typeof body === 'object' && body !== null ? body : {}) },
    wouldReturn: wouldReturn ?? null,
  };
  await c.get('recordMutation')(mutation, dryRun.mask);
  return status === 204 ? c.body(null, 204) : data(c, wouldReturn, status);
}

/** The action that a route needs; null where it needs none. */
export function actionOf(access: Access): Action | null {
  return access in ROUTE_ACCESS ? null : (access as Action);
}

const ROUTE_ACCESS = { 'any-key': true, runner: true, public: true };

async function readCall<P extends ObjectSchema, Q extends ObjectSchema, B extends z.ZodType>(
  c: Context<AppEnv>,
  { request }: Operation<P, Q, B>,
  principal: Principal,
): Promise<Call<P, Q, B>> {
  const params = request?.params ? parseOrRefuse(request.params, c.req.param(), 'path') : {};
  const query = request?.query ? parseOrRefuse(request.query, c.req.query(), 'query') : {};
  let body: unknown;
  if (request?.body) {
    const json = await readJsonBody(c.req, request.maxBodyBytes ?? LIMITS.requestBodyBytes);
    body = parseOrRefuse(request.body, json === undefined ? request.emptyBody : json, 'body');
  }
  return {
    params: params as z.output<P>,
    query: query as z.output<Q>,
    body: body as z.output<B>,
    principal,
    c,
  };
}

/** `{"data": …}` with a status. */
export function data(c: Context<AppEnv>, value: unknown, status: 200 | 201 | 202 = 200): Response {
  return c.json({ data: value }, status);
}

/** `{"data": […], "meta": {"count": n}}`. */
export function list(c: Context<AppEnv>, rows: readonly unknown[]): Response {
  return c.json({ data: rows, meta: { count: rows.length } });
}

function document<P extends ObjectSchema, Q extends ObjectSchema, B extends z.ZodType>(
  app: OpenAPIHono<AppEnv>,
  operation: Operation<P, Q, B>,
): void {
  const { request } = operation;
  const responses = Object.entries(operation.responses).map(([status, response]) => {
    const { description, schema, contentType } = response!;
    return [
      status,
      schema || contentType
        ? { description, content: { [contentType ?? 'application/json']: schema ? { schema } : {} } }
        : { description },
    ];
  });
  app.openAPIRegistry.registerPath(
    createRoute({
      method: operation.method,
      path: operation.path.replace(/:(\w+)/g, '{$1}'),
      summary: operation.summary,
      tags: [/^\/(?:api|internal)\/v1\/([^/]+)/.exec(operation.path)?.[1] ?? 'platform'],
      ...(operation.action === 'public' ? {} : { security: [{ bearer: [] }] }),
      ...(operation.action in ROUTE_ACCESS
        ? {}
        : { description: `Needs the action \`${operation.action}\`.` }),
      request: {
        ...(request?.params ? { params: request.params } : {}),
        ...(request?.query ? { query: request.query } : {}),
        ...(request?.body
          ? {
              body: {
                required: request.emptyBody === undefined,
                content: { 'application/json': { schema: request.body } },
              },
            }
          : {}),
      },
      responses: { ...failureResponses(operation), ...Object.fromEntries(responses) },
    }),
  );
}

/** The route that a call is meant for, also where it was refused before any route was looked at. */
export function routeAt(app: OpenAPIHono<AppEnv>, method: string, path: string): RouteEntry | undefined {
  const wanted = method === 'HEAD' ? 'GET' : method;
  return routeTable(app).find((entry) => entry.method === wanted && matches(entry.path, path));
}

/** The methods that exist at a path, for a 405's `Allow`; empty when nothing is there. */
export function methodsAt(app: OpenAPIHono<AppEnv>, path: string): string[] {
  const found = routeTable(app).filter((entry) => matches(entry.path, path));
  // What has the path as its own name is meant, and not what would take the name for an id.
  const parametersOf = (entry: RouteEntry) => entry.path.split(':').length;
  const fewest = Math.min(...found.map(parametersOf));
  const methods = found
    .filter((entry) => parametersOf(entry) === fewest)
    .flatMap((entry) => (entry.method === 'GET' ? ['GET', 'HEAD'] : [entry.method]));
  return [...new Set(methods)].sort();
}

/** What a path answers to a method that it does not have. */
export function methodNotAllowed(c: Context<AppEnv>, methods: readonly string[]): PegasusError {
  c.header('Allow', methods.join(', '));
  const sentence = `${c.req.method} is not possible here; use ${methods.join(' or ')}.`;
  return new PegasusError('METHOD_NOT_ALLOWED', sentence);
}

function matches(pattern: string, path: string): boolean {
  const wanted = pattern.split('/');
  const given = path.split('/');
  return (
    wanted.length === given.length &&
    wanted.every((part, i) => (part.startsWith(':') ? given[i] !== '' : part === given[i]))
  );
}
