import { dataOf, dispatchAnswerSchema, dispatchSchema } from '@pegasus-workflows/contracts';
import { type OpenAPIHono } from '@hono/zod-openapi';
import { type AppEnv } from '../infra/context.js';
import { addRoute, data } from '../infra/http.js';
import { dispatchParams, ONE_DISPATCH } from './routes.js';
import { type DispatchService } from './service.js';

const CONTROLS = {
  cancel: 'Ask an open dispatch to end; one that has not started ends at once.',
  pause: 'Hold an open dispatch before its next step.',
  resume: 'Let a dispatch go on that was paused.',
} as const;
const asked = { description: 'The dispatch, as it is now.', schema: dataOf(dispatchSchema) };

/** Mounts what interferes with a dispatch; its host does it a moment later. */
export function mountControls(app: OpenAPIHono<AppEnv>, service: DispatchService): void {
  for (const control of ['cancel', 'pause', 'resume'] as const) mountControl(app, service, control);
  addRoute(
    app,
    {
      method: 'post',
      path: `${ONE_DISPATCH}/answer`,
      action: 'AnswerAgentQuestion',
      audited: 'answer',
      summary:
        'Answer what a dispatch asks: may this call be made? The same answer given again is the first one.',
      errors: ['CONFLICT'],
      request: { params: dispatchParams, body: dispatchAnswerSchema },
      responses: { 202: asked },
    },
    async ({ params: { id }, body, principal, c }) => data(c, await service.answer(principal, id, body), 202),
  );
}

function mountControl(
  app: OpenAPIHono<AppEnv>,
  service: DispatchService,
  control: keyof typeof CONTROLS,
): void {
  addRoute(
    app,
    {
      method: 'post',
      path: `${ONE_DISPATCH}/${control}`,
      action: 'DispatchAgent',
      audited: control,
      summary: CONTROLS[control],
      errors: ['CONFLICT'],
      request: { params: dispatchParams },
      dryRun: {
        method: `agents.${control}`,
        wouldReturn: async ({ params: { id }, principal }) => ({
          status: 202,
          data: await service.get(principal.tenantId, id),
        }),
      },
      responses: { 202: asked },
    },
    async ({ params: { id }, principal, c }) => data(c, await service[control](principal, id), 202),
  );
}
