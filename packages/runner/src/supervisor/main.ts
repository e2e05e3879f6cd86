/**
 * The supervisor's main file: the trusted side of the runner. It asks the server what is in demand, keeps verified
 * artifacts on disk and one worker process per tenant running, and drains them all when told to stop. The server's
 * absence disturbs no running worker; the supervisor's own death ends them (their channel closes), so that a
 * successor starts from nothing.
 */
import { randomUUID } from 'node:crypto';
import { createLogger, exitWhenParentDies, onShutdown, runMain, runtimeTokens } from '@pegasus-workflows/kit';
import { closeInheritedDescriptors } from '../sandbox/inherited-descriptors.js';
import { openSandbox } from '../sandbox/open.js';
import { ArtifactCache } from './artifact-cache.js';
import { Gateway } from '../gateway/gateway.js';
import { withoutGateway } from '../gateway/without.js';
import { CloseNotices } from './close-notices.js';
import { CpuShare } from './cpu-share.js';
import { DemandLoop } from './demand-loop.js';
import { EagerStarts } from './eager-starts.js';
import { LogIntake } from './logs/intake.js';
import { LogShipper } from './logs/shipper.js';
import { QuarantineReports } from './quarantine-reports.js';
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
  // Before anything is started that could inherit them.
  closeInheritedDescriptors();
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
  const { token, temporal, runtimeTokenSeconds } = settings;
  const mint = new TokenMint(runtimeTokens(token), runtimeTokenSeconds, temporalRoots(temporal));
  const gateway = settings.gateway
    ? new Gateway(temporal, settings.sessionLimits, logger)
    : withoutGateway(temporal);
  const cpuShare = new CpuShare(settings.sandboxLimits.cpus, gateway);
  const spawn = (): WorkerChild => cpuShare.add(startWorker(sandbox, settings.tenantMemoryBytes, logger));
  const closed = new CloseNotices((runs, signal) => server.closed(runs, signal), logger);
  const payloadKeys = new TenantPayloadKeys((tenantId) => server.payloadKeys(tenantId));
  const shipper = new LogShipper((batch, signal) => server.logs(batch, signal), logger);
  const logs = new LogIntake(mint, shipper, logger);
  const reports = new QuarantineReports(
    (report, signal) => server.quarantine(report, signal),
    (tenantId, sha256) => pool.quarantined(tenantId, sha256),
    logger,
  );
  const pool: TenantPool = new TenantPool(settings, {
    cache,
    mint,
    gateway,
    payloadKeys,
    blobTarget: (tenantId, sha256) => server.blobTarget(tenantId, sha256),
    logs,
    onClosed: (workflowId, runId) => closed.note(workflowId, runId),
    onCrashLoop: (loop) => reports.report(loop),
    spawn,
    onTaken: (worker, tenantId) => cpuShare.use(worker, tenantId),
    logger,
  });
  const loop = new DemandLoop(
    (cursor, waitSeconds, signal) => server.demand(cursor, waitSeconds, signal),
    (demand) => pool.apply(demand),
    logger,
  );
  const supervisorId = randomUUID();
  const eager = new EagerStarts(
    (taskQueues, signal) => server.eagerTasks({ supervisorId, taskQueues }, signal),
    gateway.eager,
    logger,
  );
  const shutdown = onShutdown(
    logger,
    async () => {
      await Promise.all([loop.stop(), eager.stop()]);
      await pool.close();
      cpuShare.stop();
      await Promise.all([closed.close(), logs.close(), reports.close()]);
      gateway.close();
      await sandbox.close();
    },
    settings.drainMs + SHUTDOWN_MARGIN_MS,
  );
  exitWhenParentDies(shutdown);
  pool.start();
  cpuShare.start();
  loop.start();
  if (settings.eagerStart) eager.start();
  // Ready is the loop running: waiting for the server here would make the order of starts matter.
  process.send?.({ type: 'ready', pid: process.pid });
  logger.info({ serverUrl: settings.serverUrl }, 'supervisor ready');
});
