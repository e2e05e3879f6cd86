import { randomUUID } from 'node:crypto';
import {
  controlRequestSchema,
  dataOf,
  executionSchema,
  idSchema,
  LIMITS,
  pauseAnswerSchema,
  resetAnswerSchema,
  resetRequestSchema,
  updateAnswerSchema,
  updateIdSchema,
  updateQuerySchema,
  updateRequestSchema,
} from '@pegasus-workflows/contracts';
import { type OpenAPIHono } from '@hono/zod-openapi';
import { z } from 'zod';
import { type AppEnv } from '../infra/context.js';
import { addRoute, data } from '../infra/http.js';
import { type ExecutionEngine } from './engine.js';
import { idempotencyKey } from './idempotency-key.js';

const ofExecution = z.object({ id: idSchema, eid: idSchema });
const ofUpdate = ofExecution.extend({ updateId: updateIdSchema });
const PATH = '/api/v1/workflows/:id/executions/:eid';

type Calls = Pick<ExecutionEngine, 'updates' | 'controls'>;

/** Interfering with a run: update, terminate, reset, pause and unpause. */
export function mountControls(app: OpenAPIHono<AppEnv>, calls: Calls): void {
  mountUpdates(app, calls);
  mountEndAndReset(app, calls);
  mountPauses(app, calls);
}

const updateResponses = {
  200: { description: 'It has completed.', schema: dataOf(updateAnswerSchema) },
  202: { description: 'The run has accepted it and works on it.', schema: dataOf(updateAnswerSchema) },
};

/** Of a call to an update handler and of the question what became of one. */
const UPDATE_ERRORS = [
  'EXECUTION_NOT_OPEN',
  'UPDATE_REJECTED',
  'WORKFLOW_QUARANTINED',
  'CONCURRENCY_LIMIT',
  'TEMPORAL_UPDATE_FAILED',
] as const;

function mountUpdates(app: OpenAPIHono<AppEnv>, { updates }: Calls): void {
  addRoute(
    app,
    {
      method: 'post',
      path: `${PATH}/update`,
      action: 'SignalWorkflowExecution',
      audited: 'update',
      summary:
        'Call an update handler of an open run and wait for its result. The `Idempotency-Key` is the update’s id.',
      request: { params: ofExecution, body: updateRequestSchema, maxBodyBytes: LIMITS.runInputBytes },
      errors: [...UPDATE_ERRORS, 'STORAGE_QUOTA_EXCEEDED'],
      responses: updateResponses,
    },
    async ({ params, body: { name, args = [], waitSeconds }, principal, c }) => {
      const updateId = idempotencyKey(c.req.header('idempotency-key')) ?? randomUUID();
      const message = { name, args, updateId };
      const wait = { waitSeconds, signal: c.req.raw.signal };
      const answer = await updates.update(principal, params.id, params.eid, message, wait);
      return data(c, answer, answer.completed ? 200 : 202);
    },
  );
  addRoute(
    app,
    {
      method: 'get',
      path: `${PATH}/updates/:updateId`,
      action: 'ReadWorkflow',
      summary: 'What became of an update; with `waitSeconds`, as soon as it has completed.',
      request: { params: ofUpdate, query: updateQuerySchema },
      errors: UPDATE_ERRORS,
      responses: updateResponses,
    },
    async ({ params, query, principal, c }) => {
      const wait = { waitSeconds: query.waitSeconds, signal: c.req.raw.signal };
      const answer = await updates.poll(principal, params.id, params.eid, params.updateId, wait);
      return data(c, answer, answer.completed ? 200 : 202);
    },
  );
}

function mountEndAndReset(app: OpenAPIHono<AppEnv>, { controls }: Calls): void {
  addRoute(
    app,
    {
      method: 'post',
      path: `${PATH}/terminate`,
      action: 'ControlWorkflowExecution',
      audited: 'terminate',
      summary: 'End an open execution at once: its code is not asked and cleans nothing up.',
      request: { params: ofExecution, body: controlRequestSchema, emptyBody: {} },
      errors: ['EXECUTION_NOT_OPEN', 'TEMPORAL_CONTROL_FAILED'],
      responses: {
        202: { description: 'The execution; it ends as FAILED.', schema: dataOf(executionSchema) },
      },
    },
    async ({ params, body, principal, c }) =>
      data(c, await controls.terminate(principal, params.id, params.eid, body.reason), 202),
  );
  addRoute(
    app,
    {
      method: 'post',
      path: `${PATH}/reset`,
      action: 'ControlWorkflowExecution',
      audited: 'reset',
      summary: 'Let an open run go on from an earlier point, forgetting what came after it.',
      request: { params: ofExecution, body: resetRequestSchema },
      errors: ['EXECUTION_NOT_OPEN', 'EXECUTION_NOT_RESETTABLE', 'TEMPORAL_CONTROL_FAILED'],
      responses: {
        200: { description: 'Where it goes on, and as which run.', schema: dataOf(resetAnswerSchema) },
      },
    },
    async ({ params, body, principal, c }) => {
      const key = idempotencyKey(c.req.header('idempotency-key')) ?? randomUUID();
      return data(c, await controls.reset(principal, params.id, params.eid, body, key));
    },
  );
}

function mountPauses(app: OpenAPIHono<AppEnv>, { controls }: Calls): void {
  const changes = [
    ['pause', 'Hold an open run, as a whole where the cluster can, else its pending activities.'],
    ['unpause', 'Let go on what was paused.'],
  ] as const;
  for (const [change, summary] of changes) {
    addRoute(
      app,
      {
        method: 'post',
        path: `${PATH}/${change}`,
        action: 'ControlWorkflowExecution',
        audited: change,
        summary,
        request: { params: ofExecution, body: controlRequestSchema, emptyBody: {} },
        errors: ['EXECUTION_NOT_OPEN', 'EXECUTION_NOT_PAUSABLE', 'TEMPORAL_CONTROL_FAILED'],
        responses: { 200: { description: 'What it touched.', schema: dataOf(pauseAnswerSchema) } },
      },
      async ({ params, body, principal, c }) => {
        const requestId = idempotencyKey(c.req.header('idempotency-key')) ?? randomUUID();
        const request = { ...body, requestId };
        return data(c, await controls[change](principal, params.id, params.eid, request));
      },
    );
  }
}
