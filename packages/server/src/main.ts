import { join } from 'node:path';
import { createLogger, exitWhenParentDies, onShutdown, runMain } from '@pegasus-workflows/kit';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { AuditLog } from './access/audit-log.js';
import { bootstrap } from './access/bootstrap.js';
import { keyFinder } from './access/key-cache.js';
import { KeyUsage } from './access/key-usage.js';
import { createApp } from './app.js';
import { createCapabilities } from './capabilities.js';
import { createExecutionEngine } from './executions/engine.js';
import { ArtifactVerifier } from './infra/artifact-verifier.js';
import { openLocalArtifacts } from './infra/artifacts.js';
import { openBlobFiles } from './infra/blob-files.js';
import { type Services } from './infra/context.js';
import { openDatabase } from './infra/database.js';
import { listen } from './infra/listener.js';
import { parseServerSettings, type ServerSettings } from './infra/settings.js';
import { connectTemporal } from './infra/temporal-client.js';
import { masterKeyFile } from './infra/master-key-file.js';
import { openVault } from './infra/vault.js';
import { EagerTasks } from './internal/eager-tasks.js';
import { PayloadBlobStore } from './payload-blobs/blobs.js';
import { startBlobSweeper } from './payload-blobs/sweeper.js';
import { PayloadKeyring } from './payload-keys/keyring.js';
import { startSweeper } from './workflows/sweeper.js';

const logger = createLogger('server');

runMain(logger, async () => {
  const settings = parseServerSettings();
  const services = await openServices(settings);
  if (settings.bootstrapFile) await bootstrap(services.db, settings.bootstrapFile, services.clock, logger);
  const engine = createExecutionEngine(services);
  const capabilities = createCapabilities(services, engine);
  const app = createApp(services, engine, capabilities);
  const listener = await listen(app.fetch, settings);
  const jobs = [
    engine.startBackground(),
    startSweeper(services),
    startBlobSweeper(services),
    ...capabilities.flatMap((capability) => capability.start?.() ?? []),
  ];

  const url = `http://${settings.host}:${listener.port}`;
  logger.info({ url, publicUrl: settings.publicUrl, database: services.db.dialect }, 'listening');
  process.send?.({ type: 'ready', url });

  const shutdown = onShutdown(logger, async () => {
    // New connections are refused first; long polls are answered by `engine.close`, so that the old ones can end.
    const closed = listener.close();
    await Promise.all(jobs.map((job) => job.stop()));
    await engine.close();
    services.eagerTasks.close();
    await closed;
    await services.verifier.close();
    await services.temporal.close();
    await services.keyUsage.close();
    await services.audit.close();
    await services.db.close();
  });
  exitWhenParentDies(shutdown);
});

type OpenServices = Services & { audit: AuditLog; keyUsage: KeyUsage };

async function openServices(settings: ServerSettings): Promise<OpenServices> {
  const metrics = new Registry();
  collectDefaultMetrics({ register: metrics });
  const clock = () => new Date();
  const db = await openDatabase(settings.database, logger);
  const vault = openVault(
    settings.masterKeys,
    settings.masterKeysFile === undefined ? undefined : masterKeyFile(settings.masterKeysFile),
  );
  const { payloadEncryption: encrypts, payloadBlobs: limits } = settings;
  const payloadKeys = new PayloadKeyring({ db, vault, logger, clock, encrypts });
  const blobFiles = await openBlobFiles(join(settings.artifactsDir, 'payloads'));
  const payloadBlobs = new PayloadBlobStore({ db, files: blobFiles, limits, clock, logger });
  const eagerTasks = new EagerTasks();
  return {
    settings,
    logger,
    metrics,
    clock,
    artifacts: await openLocalArtifacts(settings.artifactsDir),
    verifier: new ArtifactVerifier(),
    temporal: connectTemporal(settings.temporal, {
      payloads: {
        keys: (tenantId) => payloadKeys.of(tenantId),
        blobs: (tenantId) => payloadBlobs.of(tenantId),
      },
      ...(settings.eagerStart ? { pollerFor: (taskQueue) => eagerTasks.pollerFor(taskQueue) } : {}),
    }),
    eagerTasks,
    vault,
    payloadKeys,
    payloadBlobs,
    blobFiles,
    db,
    findKey: await keyFinder(db),
    keyUsage: new KeyUsage({ db, logger }),
    audit: new AuditLog({ db, logger, clock }),
  };
}
