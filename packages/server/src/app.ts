import { OpenAPIHono } from '@hono/zod-openapi';
import { rememberAddress } from './access/client-address.js';
import { requireCaller, requireRunnerToken } from './access/middleware.js';
import { auditing } from './access/refusals.js';
import { createCapabilities } from './capabilities.js';
import { type ExecutionEngine } from './executions/engine.js';
import { mountExecutions } from './executions/routes.js';
import { httpMetrics } from './health/http-metrics.js';
import { registerHealth } from './health/routes.js';
import { type Capability } from './infra/capability.js';
import { type AppEnv, type Services } from './infra/context.js';
import { installErrorHandlers } from './infra/http-errors.js';
import { requestLog } from './infra/http-log.js';
import { mountInternal } from './internal/routes.js';
import { allowCodecOrigins } from './payload-keys/routes.js';
import { Quarantines } from './workflows/quarantine.js';
import { registerQuarantines } from './workflows/routes-quarantine.js';
import { registerWorkflows } from './workflows/routes.js';
import { type WorkflowRow } from './workflows/store.js';

/** The whole HTTP surface; nothing runs yet. A new capability is one more line of `capabilities.ts`. */
export function createApp(
  services: Services,
  engine: ExecutionEngine,
  capabilities: readonly Capability[] = createCapabilities(services, engine),
): OpenAPIHono<AppEnv> {
  const app = new OpenAPIHono<AppEnv>();
  installErrorHandlers(app);
  app.use(requestLog(services.logger, httpMetrics(services.metrics)));
  app.use(rememberAddress(services.settings.trustedProxies));
  app.use(auditing(app, services.audit));
  allowCodecOrigins(app, services.settings.codecOrigins);
  app.use('/api/v1/*', requireCaller(services, engine));
  app.use('/internal/v1/*', requireRunnerToken(services));

  registerHealth(app, services, [
    { name: 'database', check: () => services.db.ping() },
    { name: 'temporal', check: () => services.temporal.ping() },
  ]);
  registerWorkflows(app, services, {
    onPublished: (row) => prewarm(engine, row),
    requirements: engine.requirements,
  });
  const { demand, workflowCache } = engine;
  registerQuarantines(app, new Quarantines({ ...services, demand, workflowCache }));
  mountExecutions(app, engine);
  for (const capability of capabilities) capability.mount(app);
  mountInternal(app, services, engine);
  return app;
}

/** A worker that starts at publish spares the first run its cold start. */
function prewarm(engine: ExecutionEngine, row: WorkflowRow): void {
  if (!row.executable) return;
  engine.demand.prewarm({
    tenantId: row.tenantId,
    workflowId: row.id,
    artifactSha256: row.artifactSha256,
    artifactSizeBytes: row.artifactSizeBytes,
    workflowName: row.name,
    workflowVersion: row.version,
    requiredActions: row.manifest.requiredActions ?? null,
    dryRun: false,
  });
}
