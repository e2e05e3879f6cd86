import {
  dataOf,
  idSchema,
  quarantineReportSchema,
  RUNNER_API_PREFIX,
  workflowSchema,
} from '@pegasus-workflows/contracts';
import { type OpenAPIHono } from '@hono/zod-openapi';
import { z } from 'zod';
import { type AppEnv } from '../infra/context.js';
import { addRoute, data } from '../infra/http.js';
import { type Quarantines } from './quarantine.js';
import { toWorkflow } from './store.js';

/** The runner's report of a crash loop, and the author's release. */
export function registerQuarantines(app: OpenAPIHono<AppEnv>, quarantines: Quarantines): void {
  addRoute(
    app,
    {
      method: 'post',
      path: `${RUNNER_API_PREFIX}/quarantines`,
      action: 'runner',
      summary: 'The worker of an artifact crashes again and again: it starts nothing until it is released.',
      request: { body: quarantineReportSchema },
      responses: { 204: { description: 'Stored, or known already.' } },
    },
    async ({ body, c }) => {
      await quarantines.take(body);
      return c.body(null, 204);
    },
  );
  addRoute(
    app,
    {
      method: 'post',
      path: '/api/v1/workflows/:id/release',
      action: 'UploadWorkflow',
      summary:
        'Let a quarantined version run again; its open runs go on. One that is not quarantined stays as it is',
      request: { params: z.object({ id: idSchema }) },
      responses: { 200: { description: 'The workflow', schema: dataOf(workflowSchema) } },
    },
    async ({ c, principal, params }) => data(c, toWorkflow(await quarantines.release(principal, params.id))),
  );
}
