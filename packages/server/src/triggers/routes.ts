import {
  backfillRequestSchema,
  backfillSchema,
  createTriggerRequestSchema,
  dataOf,
  executionSchema,
  idSchema,
  listOf,
  pauseTriggerRequestSchema,
  takeOverRequestSchema,
  triggerSchema,
  updateTriggerRequestSchema,
} from '@pegasus-workflows/contracts';
import { type OpenAPIHono } from '@hono/zod-openapi';
import { z } from 'zod';
import { START_ERRORS } from '../executions/runnable.js';
import { type AppEnv } from '../infra/context.js';
import { addRoute, data, list } from '../infra/http.js';
import { type TriggerService } from './service.js';

const BASE = '/api/v1/workflows/:id/triggers';
const ofWorkflow = z.object({ id: idSchema });
const ofTrigger = z.object({ id: idSchema, tid: idSchema });
const triggerAnswer = { description: 'The trigger', schema: dataOf(triggerSchema) };
const triggersAnswer = { description: 'The triggers', schema: listOf(triggerSchema) };

export function registerTriggers(app: OpenAPIHono<AppEnv>, service: TriggerService): void {
  addRoute(
    app,
    {
      method: 'post',
      path: BASE,
      action: 'ManageWorkflowTriggers',
      summary: 'Start a workflow by events or at set times',
      request: { params: ofWorkflow, body: createTriggerRequestSchema },
      errors: ['WORKFLOW_MUST_FORK', 'CONFLICT'],
      responses: { 201: triggerAnswer },
    },
    async ({ c, principal, params, body }) => data(c, await service.create(principal, params.id, body), 201),
  );
  addRoute(
    app,
    {
      method: 'get',
      path: BASE,
      action: 'ReadWorkflow',
      summary: 'The triggers of a workflow version, oldest first',
      request: { params: ofWorkflow },
      responses: { 200: triggersAnswer },
    },
    async ({ c, principal, params }) => list(c, await service.list(principal, params.id)),
  );
  addRoute(
    app,
    {
      method: 'post',
      path: `${BASE}/take-over`,
      action: 'ManageWorkflowTriggers',
      summary: 'Move the triggers of other versions of the same name to this one',
      request: { params: ofWorkflow, body: takeOverRequestSchema, emptyBody: {} },
      errors: ['WORKFLOW_MUST_FORK', 'CONFLICT'],
      responses: { 200: { ...triggersAnswer, description: 'The triggers that were moved' } },
    },
    async ({ c, principal, params, body }) =>
      list(c, await service.takeOver(principal, params.id, body.fromWorkflowId)),
  );
  addRoute(
    app,
    {
      method: 'get',
      path: `${BASE}/:tid`,
      action: 'ReadWorkflow',
      summary: 'One trigger',
      request: { params: ofTrigger },
      responses: { 200: triggerAnswer },
    },
    async ({ c, principal, params }) => data(c, await service.get(principal, params.id, params.tid)),
  );
  addRoute(
    app,
    {
      method: 'patch',
      path: `${BASE}/:tid`,
      action: 'ManageWorkflowTriggers',
      summary: 'Change a trigger; its kind stays',
      request: { params: ofTrigger, body: updateTriggerRequestSchema },
      responses: { 200: triggerAnswer },
    },
    async ({ c, principal, params, body }) =>
      data(c, await service.update(principal, params.id, params.tid, body)),
  );
  addRoute(
    app,
    {
      method: 'delete',
      path: `${BASE}/:tid`,
      action: 'ManageWorkflowTriggers',
      summary: 'Remove a trigger; what it has started runs on',
      request: { params: ofTrigger },
      responses: { 204: { description: 'Removed' } },
    },
    async ({ c, principal, params }) => {
      await service.delete(principal, params.id, params.tid);
      return c.body(null, 204);
    },
  );
  registerActs(app, service);
}

/** What can be done with a schedule. */
function registerActs(app: OpenAPIHono<AppEnv>, service: TriggerService): void {
  for (const [act, enabled] of [
    ['pause', false],
    ['resume', true],
  ] as const) {
    addRoute(
      app,
      {
        method: 'post',
        path: `${BASE}/:tid/${act}`,
        action: 'ManageWorkflowTriggers',
        summary: enabled ? 'Let a schedule fire again' : 'Let a schedule fire no more, until it is resumed',
        request: { params: ofTrigger, body: pauseTriggerRequestSchema, emptyBody: {} },
        responses: { 200: triggerAnswer },
      },
      async ({ c, principal, params, body }) =>
        data(c, await service.setEnabled(principal, params.id, params.tid, enabled, body.note)),
    );
  }
  addRoute(
    app,
    {
      method: 'post',
      path: `${BASE}/:tid/run`,
      action: 'ManageWorkflowTriggers',
      summary: "Start a schedule's run now; 409 while a prior one is open",
      request: { params: ofTrigger },
      errors: START_ERRORS,
      responses: { 201: { description: 'The execution', schema: dataOf(executionSchema) } },
    },
    async ({ c, principal, params }) => data(c, await service.run(principal, params.id, params.tid), 201),
  );
  addRoute(
    app,
    {
      method: 'post',
      path: `${BASE}/:tid/backfill`,
      action: 'ManageWorkflowTriggers',
      summary: "Run a schedule's past ticks that had no run, one at a time, oldest first",
      request: { params: ofTrigger, body: backfillRequestSchema },
      errors: START_ERRORS,
      responses: { 202: { description: 'What waits to run now', schema: dataOf(backfillSchema) } },
    },
    async ({ c, principal, params, body }) =>
      data(c, await service.backfill(principal, params.id, params.tid, body), 202),
  );
}
