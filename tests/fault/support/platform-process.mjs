// A platform in a process of its own, so that a test can kill it like any other. Options come as JSON in argv; it says
// `ready` over IPC, answers `pids`, and stops when its parent lets go of the channel.
import { startPlatform } from '@pegasus-workflows/platform';

const platform = await startPlatform(JSON.parse(process.argv[2]));

process.on('message', () => process.send({ type: 'pids', pids: platform.pids() }));
process.on('disconnect', () => {
  platform.stop().then(
    () => process.exit(0),
    () => process.exit(1),
  );
});
process.send({
  type: 'ready',
  url: platform.url,
  apiKey: platform.tenant.apiKey,
  tenantId: platform.tenant.tenantId,
  platformApiKey: platform.platformTenant.apiKey,
  temporal: { address: platform.temporal.address, namespace: platform.temporal.namespace },
});
