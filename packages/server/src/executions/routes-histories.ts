import { dataOf, historyExportSchema, historySchema, idSchema } from '@pegasus-workflows/contracts';
import { type OpenAPIHono } from '@hono/zod-openapi';
import { z } from 'zod';
import { type AppEnv } from '../infra/context.js';
import { addRoute, data } from '../infra/http.js';
import { type ExecutionEngine } from './engine.js';

const ofExecution = z.object({ id: idSchema, eid: idSchema });

/** What happened in a run: history and export. */
export function mountHistories(
  app: OpenAPIHono<AppEnv>,
  { histories }: Pick<ExecutionEngine, 'histories'>,
): void {
  addRoute(
    app,
    {
      method: 'get',
      path: '/api/v1/workflows/:id/executions/:eid/history',
      action: 'ReadWorkflow',
      summary: 'The timeline of an execution’s newest run; empty when it never started.',
      request: { params: ofExecution },
      errors: ['TEMPORAL_HISTORY_UNAVAILABLE'],
      responses: {
        200: {
          description: 'The events, in order, and what an open run waits for.',
          schema: dataOf(historySchema),
        },
      },
    },
    async ({ params, principal, c }) => data(c, await histories.read(principal, params.id, params.eid)),
  );
  addRoute(
    app,
    {
      method: 'get',
      path: '/api/v1/workflows/:id/executions/:eid/history/export',
      action: 'ReadWorkflow',
      summary: 'The whole history of an execution’s newest run as Temporal’s own JSON, to replay or to keep.',
      request: { params: ofExecution },
      errors: ['EXECUTION_NOT_OPEN', 'PAYLOAD_TOO_LARGE', 'TEMPORAL_HISTORY_UNAVAILABLE'],
      responses: { 200: { description: 'The history.', schema: dataOf(historyExportSchema) } },
    },
    async ({ params, principal, c }) => {
      const exported = await histories.export(principal, params.id, params.eid);
      return c.body(`{"data":${exported}}`, 200, { 'Content-Type': 'application/json' });
    },
  );
}
