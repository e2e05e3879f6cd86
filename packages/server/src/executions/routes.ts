import {
  dataOf,
  executionQuerySchema,
  executionSchema,
  executionsQuerySchema,
  idSchema,
  LIMITS,
  listOf,
  runRequestSchema,
} from '@pegasus-workflows/contracts';
import { type OpenAPIHono } from '@hono/zod-openapi';
import { z } from 'zod';
import { type AppEnv } from '../infra/context.js';
import { mountMutations } from '../dry-run/routes.js';
import { addRoute, data, list } from '../infra/http.js';
import { type ExecutionEngine } from './engine.js';
import { idempotencyKey } from './idempotency-key.js';
import { mountControls } from './routes-controls.js';
import { mountConversations } from './routes-conversations.js';
import { mountHistories } from './routes-histories.js';
import { START_ERRORS } from './runnable.js';

const ofWorkflow = z.object({ id: idSchema });
const ofExecution = z.object({ id: idSchema, eid: idSchema });
const one = (description: string) => ({ description, schema: dataOf(executionSchema) });

/** What the routes call. */
export type ExecutionCalls = Pick<
  ExecutionEngine,
  'service' | 'signals' | 'queries' | 'updates' | 'controls' | 'histories' | 'mutations'
>;

/** Mounts everything about executions. */
export function mountExecutions(app: OpenAPIHono<AppEnv>, calls: ExecutionCalls): void {
  mountRuns(app, calls);
  mountChanges(app, calls);
  mountConversations(app, calls);
  mountControls(app, calls);
  mountHistories(app, calls);
  mountMutations(app, calls.mutations);
}

/** Run, list and get. */
function mountRuns(app: OpenAPIHono<AppEnv>, { service }: ExecutionCalls): void {
  addRoute(
    app,
    {
      method: 'post',
      path: '/api/v1/workflows/:id/run',
      action: 'RunWorkflow',
      summary:
        'Start a run. `Idempotency-Key` makes a repeated request answer with the first one’s execution.',
      request: {
        params: ofWorkflow,
        body: runRequestSchema,
        maxBodyBytes: LIMITS.runInputBytes,
        emptyBody: {},
      },
      errors: START_ERRORS,
      responses: { 201: one('The execution, started.') },
    },
    async ({ params, body, principal, c }) =>
      data(
        c,
        await service.run(principal, params.id, body, idempotencyKey(c.req.header('idempotency-key'))),
        201,
      ),
  );
  addRoute(
    app,
    {
      method: 'get',
      path: '/api/v1/workflows/:id/executions',
      action: 'ReadWorkflow',
      summary:
        'Executions of a workflow, newest first; `status` takes several, separated by commas, and with `since` and `until` says which.',
      request: { params: ofWorkflow, query: executionsQuerySchema },
      responses: { 200: { description: 'One page.', schema: listOf(executionSchema) } },
    },
    async ({ params, query, principal, c }) => list(c, await service.list(principal, params.id, query)),
  );
  addRoute(
    app,
    {
      method: 'get',
      path: '/api/v1/workflows/:id/executions/:eid',
      action: 'ReadWorkflow',
      summary: 'One execution; with `waitSeconds`, as soon as it has ended, at the latest after that long.',
      request: { params: ofExecution, query: executionQuerySchema },
      responses: { 200: one('The execution.') },
    },
    async ({ params, query, principal, c }) => {
      const wait = { waitSeconds: query.waitSeconds, signal: c.req.raw.signal };
      return data(c, await service.get(principal, params.id, params.eid, wait));
    },
  );
}

/** Cancel and retry. */
function mountChanges(app: OpenAPIHono<AppEnv>, { service }: ExecutionCalls): void {
  addRoute(
    app,
    {
      method: 'post',
      path: '/api/v1/workflows/:id/executions/:eid/cancel',
      action: 'CancelWorkflowExecution',
      audited: 'cancel',
      summary: 'Ask an open execution to cancel; its status follows when the run has ended.',
      request: { params: ofExecution },
      errors: ['EXECUTION_NOT_CANCELLABLE', 'TEMPORAL_CANCEL_FAILED'],
      responses: { 202: one('The execution, asked to cancel.') },
    },
    async ({ params, principal, c }) => data(c, await service.cancel(principal, params.id, params.eid), 202),
  );
  addRoute(
    app,
    {
      method: 'post',
      path: '/api/v1/workflows/:id/executions/:eid/retry',
      action: 'RetryWorkflowExecution',
      audited: 'retry',
      summary: 'Start a new run with the input of one that FAILED, TIMED_OUT or was CANCELLED.',
      request: { params: ofExecution },
      errors: [...START_ERRORS, 'EXECUTION_NOT_RETRYABLE'],
      responses: { 201: one('The new execution, started.') },
    },
    async ({ params, principal, c }) => {
      const key = idempotencyKey(c.req.header('idempotency-key'));
      return data(c, await service.retry(principal, params.id, params.eid, key), 201);
    },
  );
}
