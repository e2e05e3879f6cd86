import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { OpenAPIHono } from '@hono/zod-openapi';
import {
  ACTIONS,
  artifactTaskQueue,
  temporalWorkflowId,
  type ErrorBody,
  type Execution,
} from '@pegasus-workflows/contracts';
import { createLogger, type Logger, type TemporalSettings } from '@pegasus-workflows/kit';
import { Client, Connection } from '@temporalio/client';
import { bundleWorkflowCode, DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { eq } from 'drizzle-orm';
import { Registry } from 'prom-client';
import { createExecutionEngine } from '../../packages/server/src/executions/engine.js';
import { mountExecutions } from '../../packages/server/src/executions/routes.js';
import { type ArtifactStore } from '../../packages/server/src/infra/artifacts.js';
import { type AppEnv } from '../../packages/server/src/infra/context.js';
import { openDatabase, type Database } from '../../packages/server/src/infra/database.js';
import { installErrorHandlers } from '../../packages/server/src/infra/http-errors.js';
import { executions, tenants, workflows } from '../../packages/server/src/infra/schema.js';
import { parseServerSettings } from '../../packages/server/src/infra/settings.js';
import { connectTemporal } from '../../packages/server/src/infra/temporal-client.js';
import { type TemporalPort } from '../../packages/server/src/infra/temporal.js';
import { openVault } from '../../packages/server/src/infra/vault.js';
import { type TestDialect } from '../server/support.js';
import { serverSecrets } from '../support/secrets.js';
import { workflowRow } from '../support/workflow-row.js';

Runtime.install({ logger: new DefaultLogger('ERROR') });

const WORKFLOWS = fileURLToPath(new URL('./fixtures/workflows.ts', import.meta.url));

export interface Reply<T = Execution> {
  status: number;
  body: { data: T } & ErrorBody;
}

/** A port with some of its calls in other hands. */
export function over(port: TemporalPort, calls: Partial<TemporalPort>): TemporalPort {
  return new Proxy(port, {
    get(target, name: keyof TemporalPort) {
      const value: unknown = calls[name] ?? Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

/** A database of its own, or that of another harness, which has to be closed last. */
export type HarnessDatabase = TestDialect | { db: Database };

export interface HarnessOptions {
  /** Stands between the engine and Temporal, to make it fail on purpose. */
  wrap?: (port: TemporalPort) => TemporalPort;
  env?: Record<string, string>;
  /** Without it, only watchers and explicit passes move rows. */
  background?: boolean;
  logger?: Logger;
}

/** The execution routes on a database, the real Temporal, and a principal chosen by the header `x-tenant`. */
export async function startHarness(
  temporal: TemporalSettings,
  database: HarnessDatabase,
  options: HarnessOptions = {},
) {
  const logger = options.logger ?? createLogger('test');
  const db = 'db' in database ? database.db : await openDatabase(database.settings, logger);
  const settings = parseServerSettings({
    // Tests with several tenants do not wait for each other's.
    PEGASUS_STARTS_AT_ONCE: '64',
    TEMPORAL_ADDRESS: temporal.address,
    TEMPORAL_NAMESPACE: temporal.namespace,
    PEGASUS_PGLITE_DIR: 'memory://',
    PEGASUS_ARTIFACTS_DIR: 'unused',
    ...serverSecrets(),
    ...options.env,
  });
  const real = connectTemporal(temporal);
  const port = options.wrap?.(real) ?? real;
  let ahead = 0;
  const clock = (): Date => new Date(Date.now() + ahead);
  const artifacts = {} as ArtifactStore;
  const engine = createExecutionEngine({
    db,
    vault: openVault(settings.masterKeys),
    artifacts,
    logger,
    settings,
    clock,
    temporal: port,
    metrics: new Registry(),
  });
  const app = new OpenAPIHono<AppEnv>();
  installErrorHandlers(app);
  app.use('*', async (c, next) => {
    c.set('log', logger);
    c.set('correlationId', 'test');
    c.set('recordAct', async () => {});
    const tenantId = c.req.header('x-tenant') ?? '';
    c.set('principal', {
      tenantId,
      principalId: tenantId,
      isPlatformTenant: false,
      actions: new Set(ACTIONS),
      keyId: tenantId,
    });
    await next();
  });
  mountExecutions(app, engine);
  const background = options.background ? engine.startBackground() : undefined;

  async function call<T = Execution>(
    tenantId: string,
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Reply<T>> {
    const response = await app.request(`/api/v1/workflows/${path}`, {
      method,
      headers: { 'x-tenant': tenantId, 'content-type': 'application/json', ...headers },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    return { status: response.status, body: (await response.json()) as Reply<T>['body'] };
  }

  return {
    db,
    engine,
    port,
    app,
    call,
    /** A row that no request made, of the workflow `scripted`: FAILED and never started, but for what `over` says. */
    async insertExecution(
      over: Partial<typeof executions.$inferInsert> & { tenantId: string; workflowId: string },
    ): Promise<string> {
      const id = over.id ?? randomUUID();
      await db.system((tx) =>
        tx.insert(executions).values({
          id,
          status: 'FAILED',
          temporalWorkflowId: temporalWorkflowId(over.tenantId, 'scripted', id),
          triggerSource: 'USER',
          ...over,
        }),
      );
      return id;
    },
    /** A tenant with one published workflow, whose artifact exists nowhere: its queue is polled by {@link startWorker}. */
    async publish(over: Partial<typeof workflows.$inferInsert> & { timeoutSeconds?: number } = {}) {
      const { timeoutSeconds, ...columns } = over;
      const tenantId = columns.tenantId ?? randomUUID();
      const version = `1.0.${Math.floor(Math.random() * 1e9)}`;
      const row = workflowRow({ version, ...columns, tenantId });
      if (timeoutSeconds !== undefined) row.manifest = { ...row.manifest, timeoutSeconds };
      await db.system(async (tx) => {
        await tx
          .insert(tenants)
          .values({ id: tenantId, slug: `t-${tenantId}` })
          .onConflictDoNothing();
        await tx.insert(workflows).values(row);
      });
      return { tenantId, workflowId: row.id, taskQueue: artifactTaskQueue(tenantId, row.artifactSha256) };
    },
    /** Sets the engine's clock forward, in milliseconds. */
    advance: (ms: number) => void (ahead += ms),
    /** Every execution there is, or those of one tenant. */
    async rows(tenantId?: string) {
      await engine.settled();
      const mine = tenantId === undefined ? undefined : eq(executions.tenantId, tenantId);
      return db.system((tx) => tx.select().from(executions).where(mine).orderBy(executions.id));
    },
    async close() {
      await background?.stop();
      await engine.close();
      await real.close();
      if ('db' in database) return;
      await db.close();
      await database.drop();
    },
  };
}
export type Harness = Awaited<ReturnType<typeof startHarness>>;

let bundle: ReturnType<typeof bundleWorkflowCode> | undefined;

/** A worker of the fixture workflows on a task queue. */
export async function startWorker(temporal: TemporalSettings, taskQueue: string) {
  bundle ??= bundleWorkflowCode({ workflowsPath: WORKFLOWS, logger: new DefaultLogger('ERROR') });
  const connection = await NativeConnection.connect({ address: temporal.address });
  const worker = await Worker.create({
    connection,
    namespace: temporal.namespace,
    taskQueue,
    workflowBundle: await bundle,
    activities: {
      fail: (message: string) => Promise.reject(new Error(message)),
      echo: (value: string) => Promise.resolve(value),
    },
  });
  const running = worker.run();
  return async () => {
    worker.shutdown();
    await running;
    await connection.close();
  };
}

export async function temporalClient(temporal: TemporalSettings) {
  const connection = await Connection.connect({ address: temporal.address });
  return {
    client: new Client({ connection, namespace: temporal.namespace }),
    close: () => connection.close(),
  };
}
