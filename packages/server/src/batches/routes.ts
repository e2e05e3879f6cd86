import {
  BATCH_OPERATIONS,
  batchCountSchema,
  batchRequestSchema,
  batchSchema,
  dataOf,
  idSchema,
  listOf,
  type Action,
  type BatchOperation,
} from '@pegasus-workflows/contracts';
import { type OpenAPIHono } from '@hono/zod-openapi';
import { z } from 'zod';
import { type ExecutionEngine } from '../executions/engine.js';
import { idempotencyKey } from '../executions/idempotency-key.js';
import { type Capability } from '../infra/capability.js';
import { type AppEnv, type Services } from '../infra/context.js';
import { addRoute, data, list } from '../infra/http.js';
import { BatchStore } from './store.js';
import { BatchWorker } from './worker.js';

const PATH = '/api/v1/executions/batches';
/** What each operation needs, as it does for one execution. */
const ACTIONS: Record<BatchOperation, Action> = {
  cancel: 'CancelWorkflowExecution',
  retry: 'RetryWorkflowExecution',
  terminate: 'ControlWorkflowExecution',
};
const SUMMARIES: Record<BatchOperation, string> = {
  cancel: 'Ask every open execution that fits to cancel.',
  retry: 'Start a new run for every execution that fits and ended badly.',
  terminate: 'End every open execution that fits at once.',
};

/** One operation on many executions, worked off in the background. */
export function createBatches(
  services: Pick<Services, 'db' | 'logger' | 'clock' | 'audit'>,
  engine: Pick<ExecutionEngine, 'service' | 'controls'>,
): Capability & { worker: BatchWorker } {
  const store = new BatchStore(services.db);
  const logger = services.logger.child({ area: 'batches' });
  const worker = new BatchWorker({ ...services, logger, engine, store });
  return {
    worker,
    mount: (app) => {
      for (const operation of BATCH_OPERATIONS) mountBegin(app, operation, store, worker);
      mountRest(app, store);
    },
    start: () => worker.start(),
  };
}

function mountBegin(
  app: OpenAPIHono<AppEnv>,
  operation: BatchOperation,
  store: BatchStore,
  worker: BatchWorker,
): void {
  addRoute(
    app,
    {
      method: 'post',
      path: `${PATH}/${operation}`,
      action: ACTIONS[operation],
      audited: `batch-${operation}`,
      summary: `${SUMMARIES[operation]} A repeated \`Idempotency-Key\` answers with the first batch.`,
      errors: ['CONFLICT'],
      request: { body: batchRequestSchema },
      responses: {
        200: { description: 'With `dryRun`: how many fit.', schema: dataOf(batchCountSchema) },
        202: { description: 'The batch, begun.', schema: dataOf(batchSchema) },
      },
    },
    async ({ body: { filter, reason, dryRun }, principal: { tenantId, principalId }, c }) => {
      if (dryRun) return data(c, { total: await store.count(tenantId, operation, filter) });
      const key = idempotencyKey(c.req.header('idempotency-key'));
      const wanted = { tenantId, principalId, operation, filter, reason, idempotencyKey: key };
      const batch = await store.begin(wanted);
      worker.kick();
      return data(c, batch, 202);
    },
  );
}

function mountRest(app: OpenAPIHono<AppEnv>, store: BatchStore): void {
  const params = z.object({ id: idSchema });
  addRoute(
    app,
    {
      method: 'get',
      path: PATH,
      action: 'ReadWorkflow',
      summary: 'The newest batches, at most 50.',
      responses: { 200: { description: 'Batches, newest first.', schema: listOf(batchSchema) } },
    },
    async ({ principal, c }) => list(c, await store.list(principal.tenantId)),
  );
  addRoute(
    app,
    {
      method: 'get',
      path: `${PATH}/:id`,
      action: 'ReadWorkflow',
      summary: 'How far a batch is.',
      request: { params },
      responses: { 200: { description: 'The batch.', schema: dataOf(batchSchema) } },
    },
    async ({ params: { id }, principal, c }) => data(c, await store.get(principal.tenantId, id)),
  );
  addRoute(
    app,
    {
      method: 'post',
      path: `${PATH}/:id/stop`,
      action: 'CancelWorkflowExecution',
      audited: 'batch-stop',
      summary: 'Begin nothing more of a batch; what it has done stays done.',
      errors: ['CONFLICT'],
      request: { params },
      responses: { 200: { description: 'The batch.', schema: dataOf(batchSchema) } },
    },
    async ({ params: { id }, principal, c }) => data(c, await store.stop(principal.tenantId, id)),
  );
}
