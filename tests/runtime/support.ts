import { idSchema, type Action } from '@pegasus-workflows/contracts';
import { runtimeTokens, type RuntimeClaims } from '@pegasus-workflows/kit';
import { type OpenAPIHono } from '@hono/zod-openapi';
import { Registry } from 'prom-client';
import { z } from 'zod';
import { createApp } from '../../packages/server/src/index.js';
import { type AppEnv } from '../../packages/server/src/infra/context.js';
import { addRoute, data } from '../../packages/server/src/infra/http.js';
import { artifact } from '../server/artifacts.js';
import { type Reply, type TestServer } from '../server/support.js';

/** A capability of two calls, as every capability's are: a read, and a change that a dry run does not make. */
export function probe() {
  const changes: unknown[] = [];
  const mount = (app: OpenAPIHono<AppEnv>): void => {
    addRoute(
      app,
      {
        method: 'get',
        path: '/api/v1/probe',
        action: 'ReadWorkflowSecret',
        summary: 'Who calls.',
        responses: { 200: { description: 'The caller.' } },
      },
      ({ c, principal }) => data(c, { ...principal, actions: [...principal.actions] }),
    );
    addRoute(
      app,
      {
        method: 'post',
        path: '/api/v1/probe/:id/send',
        action: 'SendSms',
        summary: 'Changes something.',
        request: {
          params: z.object({ id: idSchema }),
          body: z.strictObject({ text: z.string(), password: z.string().optional() }),
        },
        dryRun: {
          method: 'sms.send',
          mask: ['password'],
          wouldReturn: ({ body }) => ({ status: 201, data: { length: body.text.length } }),
        },
        responses: { 201: { description: 'Done.' } },
      },
      ({ c, body }) => {
        changes.push(body);
        return data(c, { length: body.text.length }, 201);
      },
    );
    addRoute(
      app,
      {
        method: 'delete',
        path: '/api/v1/probe',
        action: 'CallExternal',
        summary: 'A change that no dry run can make.',
        responses: { 204: { description: 'Gone.' } },
      },
      ({ c }) => c.body(null, 204),
    );
  };
  return { changes, mount };
}

/** The server's app with the {@link probe}, a workflow of tenant A that is running, and the supervisor's part of a token. */
export async function runtimeServer(server: TestServer) {
  const { a } = server.tenants;
  const capability = probe();
  const app = createApp({ ...server.services, metrics: new Registry() }, server.engine, [capability]);
  const tokens = runtimeTokens(server.settings.runnerToken);
  const { id: workflowId } = (await server.publish(a.key, artifact())).body.data;

  const call = async (token: string, method: string, path: string, body?: unknown): Promise<Reply> => {
    const response = await app.request(path, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      body: text === '' ? {} : JSON.parse(text),
    } as Reply;
  };

  return {
    workflowId,
    changes: capability.changes,
    call,
    /** A run that stays open, for nobody works on it. */
    async start(mode: 'live' | 'dry_run' = 'live'): Promise<string> {
      const started = await call(a.key, 'POST', `/api/v1/workflows/${workflowId}/run`, { mode });
      return started.body.data.id;
    },
    /** Ends a run in Temporal; resolves when the server tells so. */
    async end(executionId: string): Promise<void> {
      const path = `/api/v1/workflows/${workflowId}/executions/${executionId}`;
      const { temporalWorkflowId, temporalRunId } = (await call(a.key, 'GET', path)).body.data;
      await server.services.temporal.terminate(temporalWorkflowId, temporalRunId, 'the test ends it');
      await call(a.key, 'GET', `${path}?waitSeconds=55`);
    },
    /** What the supervisor would sign for an execution of tenant A. */
    sign: (
      executionId: string,
      actions: readonly Action[],
      over: Partial<RuntimeClaims> = {},
      seconds = 300,
    ) =>
      tokens.sign(
        { executionId, tenantId: a.id, workflowId, actions, ...over },
        seconds,
        server.services.clock(),
      ),
  };
}
export type RuntimeServer = Awaited<ReturnType<typeof runtimeServer>>;
