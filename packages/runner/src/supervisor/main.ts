/**
 * The supervisor's main file: the trusted side of the runner. It asks the server what is in demand, keeps verified
 * artifacts on disk and one worker process per tenant running, and drains them all when told to stop. The server's
 * absence disturbs no running worker; the supervisor's own death ends them (their channel closes), so that a
 * successor starts from nothing.
 */
import { createLogger, exitWhenParentDies, onShutdown, runMain, runtimeTokens } from '@pegasus-workflows/kit';
import { openSandbox } from '../sandbox/open.js';
import { ArtifactCache } from './artifact-cache.js';
import { Gateway } from '../gateway/gateway.js';
import { CloseNotices } from './close-notices.js';
import { DemandLoop } from './demand-loop.js';
import { LogIntake } from './logs/intake.js';
import { LogShipper } from './logs/shipper.js';
import { temporalRoots } from './root-of.js';
import { ServerClient } from './server-client.js';
import { TenantPayloadKeys } from './payload-keys.js';
import { parseSupervisorSettings } from './settings.js';
import { TenantPool } from './tenant-pool.js';
import { TokenMint } from './token-mint.js';
import { startWorker, type WorkerChild } from './worker-child.js';
import { WorkerHomes } from './worker-homes.js';

/** What shutting down may take beyond the drain itself. */
const SHUTDOWN_MARGIN_MS = 8_000;

const logger = createLogger('supervisor');

runMain(logger, async () => {
  const settings = parseSupervisorSettings();
  const server = new ServerClient(settings.serverUrl, settings.token);
  const cache = new ArtifactCache(
    settings.dir,
    settings.cacheBytes,
    (tenantId, sha256) => server.artifact(tenantId, sha256),
    logger,
  );
  await cache.open();
  const homes = new WorkerHomes(settings.dir);
  await homes.clear();
  const sandbox = await openSandbox(settings.sandbox, settings.sandboxLimits, homes, logger);
  const spawn = (): WorkerChild => startWorker(sandbox, settings.tenantMemoryBytes, logger);
  const { token, temporal, runtimeTokenSeconds } = settings;
  const mint = new TokenMint(runtimeTokens(token), runtimeTokenSeconds, temporalRoots(temporal));
  const gateway = new Gateway(temporal);
  const closed = new CloseNotices((runs, signal) => server.closed(runs, signal), logger);
  const payloadKeys = new TenantPayloadKeys((tenantId) => server.payloadKeys(tenantId));
  const shipper = new LogShipper((batch, signal) => server.logs(batch, signal), logger);
  const logs = new LogIntake(mint, shipper, logger);
  const pool = new TenantPool(settings, {
    cache,
    mint,
    gateway,
    payloadKeys,
    logs,
    onClosed: (workflowId, runId) => closed.note(workflowId, runId),
    spawn,
    logger,
  });
  const loop = new DemandLoop(
    (cursor, waitSeconds, signal) => server.demand(cursor, waitSeconds, signal),
    (demand) => pool.apply(demand),
    logger,
  );
  const shutdown = onShutdown(
    logger,
    async () => {
      await loop.stop();
      await pool.close();
      await Promise.all([closed.close(), logs.close()]);
      await sandbox.close();
    },
    settings.drainMs + SHUTDOWN_MARGIN_MS,
  );
  exitWhenParentDies(shutdown);
  pool.start();
  loop.start();
  // Ready is the loop running: waiting for the server here would make the order of starts matter.
  process.send?.({ type: 'ready', pid: process.pid });
  logger.info({ serverUrl: settings.serverUrl }, 'supervisor ready');
});
