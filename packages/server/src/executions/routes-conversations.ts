import { randomUUID } from 'node:crypto';
import {
  dataOf,
  executionSchema,
  handlersSchema,
  idSchema,
  LIMITS,
  queryAnswerSchema,
  queryRequestSchema,
  signalRequestSchema,
} from '@pegasus-workflows/contracts';
import { type OpenAPIHono } from '@hono/zod-openapi';
import { z } from 'zod';
import { type AppEnv } from '../infra/context.js';
import { addRoute, data } from '../infra/http.js';
import { type ExecutionEngine } from './engine.js';
import { idempotencyKey } from './idempotency-key.js';

const ofExecution = z.object({ id: idSchema, eid: idSchema });

/** Of everything that asks a run by way of its worker. */
const QUERY_ERRORS = [
  'EXECUTION_NOT_OPEN',
  'QUERY_REJECTED',
  'WORKFLOW_QUARANTINED',
  'CONCURRENCY_LIMIT',
  'TEMPORAL_QUERY_FAILED',
] as const;

/** Talking to a run: signal, query and handlers. */
export function mountConversations(
  app: OpenAPIHono<AppEnv>,
  { signals, queries }: Pick<ExecutionEngine, 'signals' | 'queries'>,
): void {
  addRoute(
    app,
    {
      method: 'post',
      path: '/api/v1/workflows/:id/executions/:eid/signal',
      action: 'SignalWorkflowExecution',
      audited: 'signal',
      summary: 'Send a signal to an open run. A repeated `Idempotency-Key` counts once.',
      request: { params: ofExecution, body: signalRequestSchema, maxBodyBytes: LIMITS.runInputBytes },
      errors: ['EXECUTION_NOT_OPEN', 'CONFLICT', 'TEMPORAL_SIGNAL_FAILED', 'STORAGE_QUOTA_EXCEEDED'],
      responses: {
        202: { description: 'The execution; its run has the signal.', schema: dataOf(executionSchema) },
      },
    },
    async ({ params, body: { name, args = [] }, principal, c }) => {
      const key = idempotencyKey(c.req.header('idempotency-key')) ?? randomUUID();
      return data(c, await signals.send(principal, params.id, params.eid, { name, args }, key), 202);
    },
  );
  addRoute(
    app,
    {
      method: 'post',
      path: '/api/v1/workflows/:id/executions/:eid/query',
      action: 'ReadWorkflow',
      summary:
        'Ask a run, open or ended, and change nothing. A worker is started for it where none runs. `__stack_trace` tells where the run waits.',
      request: { params: ofExecution, body: queryRequestSchema, maxBodyBytes: LIMITS.runInputBytes },
      errors: [...QUERY_ERRORS, 'STORAGE_QUOTA_EXCEEDED'],
      responses: { 200: { description: 'What the handler returned.', schema: dataOf(queryAnswerSchema) } },
    },
    async ({ params, body: { name, args = [] }, principal, c }) => {
      const { signal } = c.req.raw;
      return data(c, await queries.query(principal, params.id, params.eid, { name, args }, signal));
    },
  );
  addRoute(
    app,
    {
      method: 'get',
      path: '/api/v1/workflows/:id/executions/:eid/handlers',
      action: 'ReadWorkflow',
      summary:
        'The signals, queries and updates that a run answers to at present, as its own code has set them.',
      request: { params: ofExecution },
      errors: QUERY_ERRORS,
      responses: { 200: { description: 'The handlers.', schema: dataOf(handlersSchema) } },
    },
    async ({ params, principal, c }) =>
      data(c, await queries.handlers(principal, params.id, params.eid, c.req.raw.signal)),
  );
}
