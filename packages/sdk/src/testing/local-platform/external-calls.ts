import {
  callExternalBodySchema,
  callExternalRequestSchema,
  integrationIdSchema,
  PegasusError,
  RESERVED_EXTERNAL_HEADERS,
  type ExternalAnswer,
} from '@pegasus-workflows/contracts';
import { z } from 'zod';
import { localRoute, type LocalAnswer, type LocalPlan, type LocalRoute } from './router.js';

type CallBody = z.output<typeof callExternalBodySchema>;

/** A call of an outside API, as its stand-in gets it: never with credentials. */
export interface LocalExternalCall {
  method: CallBody['method'];
  path: string;
  query: Record<string, unknown>;
  headers: Record<string, string>;
  /** `undefined` when there is none. */
  body: unknown;
  idempotencyKey: string | undefined;
}

/** What it answers; default 200, no headers, no body. */
export interface LocalExternalAnswer {
  status?: number | undefined;
  headers?: Record<string, string> | undefined;
  /** Any JSON value. */
  body?: unknown;
}

/** Stands in for an outside API. What it throws is an API that cannot be reached: UPSTREAM_ERROR. */
export type LocalConnection = (call: LocalExternalCall) => LocalExternalAnswer | Promise<LocalExternalAnswer>;

/** What a call that a dry run has not made answers. */
const NOT_MADE: ExternalAnswer = {
  status: 202,
  headers: {},
  body: null,
  bodyEncoding: 'none',
  attempts: 0,
  durationMs: 0,
};

/** Calls of outside APIs; reads are made in a dry run too. */
export function externalCallRoutes(connections: Readonly<Record<string, LocalConnection>>): LocalRoute[] {
  const plan = (name: string, call: CallBody): LocalPlan => {
    const connection = Object.hasOwn(connections, name) ? connections[name] : undefined;
    if (!connection) {
      throw new PegasusError('NOT_FOUND', 'There is no such connection; create it first.');
    }
    requireSendable(call);
    return { status: 200, data: NOT_MADE, commit: () => made(connection, call) };
  };
  const mutation = {
    method: 'externalCalls.call',
    isRead: ({ method }: CallBody) => method === 'GET' || method === 'HEAD',
  };
  return [
    localRoute({
      method: 'POST',
      path: '/api/v1/external-calls',
      action: 'CallExternal',
      body: callExternalRequestSchema,
      maxBodyBytes: 3 * 1024 * 1024,
      mutation,
      plan: ({ body: { connection, ...call } }) => plan(connection, call),
    }),
    localRoute({
      method: 'POST',
      path: '/api/v1/integrations/:id/call-external',
      action: 'CallExternal',
      params: z.object({ id: integrationIdSchema }),
      body: callExternalBodySchema,
      maxBodyBytes: 3 * 1024 * 1024,
      mutation,
      plan: ({ params: { id }, body }) => plan(id, body),
    }),
  ];
}

async function made(connection: LocalConnection, call: CallBody): Promise<Partial<LocalAnswer>> {
  const { method, path, query = {}, headers = {}, body, idempotencyKey } = call;
  let answer: LocalExternalAnswer;
  try {
    answer = await connection({ method, path, query, headers, body, idempotencyKey });
  } catch (error) {
    throw new PegasusError('UPSTREAM_ERROR', 'The outside API could not be reached.', { cause: error });
  }
  const data: ExternalAnswer = {
    status: answer.status ?? 200,
    headers: answer.headers ?? {},
    body: answer.body ?? null,
    bodyEncoding: answer.body === undefined ? 'none' : 'json',
    attempts: 1,
    durationMs: 0,
  };
  return { data };
}

function requireSendable({ method, path, headers = {}, body }: CallBody): void {
  const reserved = Object.keys(headers).find((name) => RESERVED_EXTERNAL_HEADERS.test(name));
  if (reserved !== undefined) {
    throw new PegasusError(
      'VALIDATION_ERROR',
      `headers: ${JSON.stringify(reserved)} is set by the platform; leave it out.`,
    );
  }
  if (body !== undefined && (method === 'GET' || method === 'HEAD')) {
    throw new PegasusError('VALIDATION_ERROR', `body: must be left out of a ${method}.`);
  }
  if (/[?#]/.test(path)) {
    throw new PegasusError(
      'VALIDATION_ERROR',
      'path: must hold neither "?" nor "#"; give the query as query.',
    );
  }
}
