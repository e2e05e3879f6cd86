// What is fuzzed: a platform of its own, with one of everything in it, and the keys to call it with.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startPlatform } from '@pegasus-workflows/platform';
import { loadProject, packageWorkflow } from '@pegasus-workflows/project';
import { PegasusClient } from 'pegasus-workflows-sdk/client';

/**
 * Starts it; `close()` leaves nothing behind.
 * @returns `known`: ids by the path segment before them; `protected`: those that no destructive call may name.
 */
export async function startSubject(root) {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'pegasus-fuzz-'));
  const remove = () => rm(dataDir, { recursive: true, force: true });
  const starting = startPlatform({
    dataDir,
    port: 0,
    temporalUi: false,
    // An empty TEMPORAL_ADDRESS is none. Warnings are wanted: of failures that are not documented.
    env: { TEMPORAL_ADDRESS: '', LOG_LEVEL: 'warn' },
  });
  const platform = await starting.catch(async (error) => {
    await remove();
    throw error;
  });
  const close = async () => {
    await platform.stop();
    await remove();
  };
  try {
    const client = new PegasusClient({ baseUrl: platform.url, token: platform.tenant.apiKey });
    const known = await fill(client, root, path.join(dataDir, 'packages'));
    const admin = await client.whoAmI();
    const owner = await new PegasusClient({
      baseUrl: platform.url,
      token: platform.platformTenant.apiKey,
    }).whoAmI();
    const narrow = await narrowKey(client);
    return {
      url: platform.url,
      undocumented: () => undocumentedFailures(path.join(dataDir, 'logs', 'server.log')),
      keys: { admin: platform.tenant.apiKey, platform: platform.platformTenant.apiKey, narrow: narrow.key },
      known,
      protected: [...idsOf([admin, owner]), ...idsOf(narrow), ...known.workflows],
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The codes that the server answered with, and says itself that its document does not name: `GET /path CODE`. */
async function undocumentedFailures(log) {
  const lines = (await readFile(log, 'utf8'))
    .split('\n')
    .filter((line) => line.includes('does not document'));
  return [
    ...new Set(
      lines.map((line) => {
        const { method, route, code } = JSON.parse(line);
        return `${method} ${route} ${code}`;
      }),
    ),
  ].sort();
}

/** Every id that an answer holds, however deep. */
function idsOf(value) {
  if (typeof value === 'string') return UUID.test(value) ? [value] : [];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(idsOf) : [];
}
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

async function fill(client, root, outDir) {
  const project = await loadProject(path.join(root, 'examples', 'hello'));
  const publish = async (version) => {
    const { manifest, zipPath } = await packageWorkflow(project, project.workflows[0], { version, outDir });
    return client.workflows.publish({ manifest, artifact: new Uint8Array(await readFile(zipPath)) });
  };
  const { id } = await publish('1.0.0');
  const { id: toBeRetired } = await publish('1.0.1');
  const ended = await client.workflows.run(id, { input: { waitSeconds: 1 } });
  await client.executions.wait(id, ended.id);
  const open = await client.workflows.run(id, { input: { waitSeconds: 86_400 } });
  const schedule = await client.triggers.create(id, { kind: 'SCHEDULE', cronExpression: '30 6 * * MON-FRI' });
  const event = await client.triggers.create(id, { kind: 'EVENT', eventType: 'invoice.paid' });
  return {
    workflows: [id, toBeRetired],
    executions: [ended.id, open.id],
    triggers: [schedule.id, event.id],
  };
}

/** A key that may do next to nothing: most calls are refused, and must be so in the documented way. */
async function narrowKey(client) {
  const roles = ['integration_publisher'];
  const member = await client.members.add({ kind: 'SERVICE_ACCOUNT', name: 'Fuzzer', roles });
  return client.keys.create({ memberId: member.id, roles });
}
