import { idSchema, listOf, recordedMutationSchema } from '@pegasus-workflows/contracts';
import { type OpenAPIHono } from '@hono/zod-openapi';
import { z } from 'zod';
import { type AppEnv } from '../infra/context.js';
import { addRoute, list } from '../infra/http.js';
import { type Mutations } from './mutations.js';

/** What a dry run would have changed. */
export function mountMutations(app: OpenAPIHono<AppEnv>, mutations: Mutations): void {
  addRoute(
    app,
    {
      method: 'get',
      path: '/api/v1/workflows/:id/executions/:eid/mutations',
      action: 'ReadWorkflow',
      summary:
        'What a dry run would have changed so far, in the order of its calls; empty for any other run.',
      request: { params: z.object({ id: idSchema, eid: idSchema }) },
      responses: {
        200: { description: 'The calls that were recorded.', schema: listOf(recordedMutationSchema) },
      },
    },
    async ({ params, principal, c }) => list(c, await mutations.list(principal, params.id, params.eid)),
  );
}
