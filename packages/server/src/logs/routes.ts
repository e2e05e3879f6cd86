import {
  executionLogsQuerySchema,
  idSchema,
  LIMITS,
  listOf,
  logSchema,
  runnerLogAnswerSchema,
  runnerLogBatchSchema,
  RUNNER_API_PREFIX,
  workflowLogsQuerySchema,
} from '@pegasus-workflows/contracts';
import { type OpenAPIHono } from '@hono/zod-openapi';
import { z } from 'zod';
import { type ExecutionEngine } from '../executions/engine.js';
import { type Capability } from '../infra/capability.js';
import { type AppEnv, type Services } from '../infra/context.js';
import { addRoute, list } from '../infra/http.js';
import { periodic } from '../infra/periodic.js';
import { expireLogs } from './retention.js';
import { type LogReader } from './reader.js';
import { LogWriter } from './writer.js';

const EXPIRE_MS = 10 * 60_000;

/** What runs have logged: taken in, read, and deleted in time. */
export function createLogs(
  services: Services,
  { lookup }: Pick<ExecutionEngine, 'lookup'>,
  logs: LogReader,
): Capability {
  const writer = new LogWriter(services, logs.feed);
  const { db, settings, clock, logger } = services;
  return {
    mount: (app) => {
      mountIntake(app, writer);
      mountReads(app, lookup, logs);
    },
    start: () =>
      periodic(
        'log retention',
        EXPIRE_MS,
        async (signal) => {
          const deleted = await expireLogs(db, settings.logs, clock(), signal);
          logger.debug({ deleted }, 'logs expired');
        },
        logger,
      ),
  };
}

function mountIntake(app: OpenAPIHono<AppEnv>, writer: LogWriter): void {
  addRoute(
    app,
    {
      method: 'post',
      path: `${RUNNER_API_PREFIX}/execution-logs`,
      action: 'runner',
      summary: 'What the runs of one tenant have logged. A batch that is sent again stores nothing.',
      request: { body: runnerLogBatchSchema, maxBodyBytes: LIMITS.logBatchBytes },
      responses: {
        200: { description: 'How many entries were stored now.', schema: runnerLogAnswerSchema },
      },
    },
    async ({ body, c }) => c.json({ stored: await writer.take(body) }),
  );
}

function mountReads(app: OpenAPIHono<AppEnv>, lookup: ExecutionEngine['lookup'], logs: LogReader): void {
  addRoute(
    app,
    {
      method: 'get',
      path: '/api/v1/workflows/:id/executions/:eid/logs',
      action: 'ReadWorkflow',
      summary:
        'What the code of an execution has logged, oldest first, child runs included; `level` is the least urgent, `step` an activity’s type or id.',
      request: { params: z.object({ id: idSchema, eid: idSchema }), query: executionLogsQuerySchema },
      responses: { 200: { description: 'One page.', schema: listOf(logSchema) } },
    },
    async ({ params: { id, eid }, query, principal, c }) => {
      const { tenantId } = await lookup.row(principal, id, eid);
      return list(c, await logs.page({ tenantId, streamId: eid, executionId: eid }, query));
    },
  );
  addRoute(
    app,
    {
      method: 'get',
      path: '/api/v1/workflows/:id/logs',
      action: 'ReadWorkflow',
      summary:
        'What the worker of a workflow version has printed outside of any execution, oldest first: while its modules loaded, or after an activity had ended.',
      request: { params: z.object({ id: idSchema }), query: workflowLogsQuerySchema },
      responses: { 200: { description: 'One page.', schema: listOf(logSchema) } },
    },
    async ({ params: { id }, query, principal, c }) => {
      await lookup.workflow(principal, id);
      return list(
        c,
        await logs.page({ tenantId: principal.tenantId, streamId: id, executionId: null }, query),
      );
    },
  );
}
