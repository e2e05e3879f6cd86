import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Connection } from '@temporalio/client';
import { loadProject, packageWorkflow } from '@pegasus-workflows/project';
import { startPlatform } from '@pegasus-workflows/platform';
import { PegasusClient } from 'pegasus-workflows-sdk/client';
import { cpuMsOf, processesBelow, rssOf } from './processes.mjs';

const PROJECT = fileURLToPath(new URL('../project', import.meta.url));
const WORKER_MAIN = /runner\/dist\/worker\/main\.js/;
const MiB = 1024 * 1024;

/**
 * A platform with its own Temporal on a data directory of its own, both gone after `close()`.
 * @param {Record<string, string>} settings what differs from a platform as it comes
 */
export async function startPlatformSide(settings = {}) {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'pegasus-bench-'));
  const remove = () => rm(dataDir, { recursive: true, force: true });
  // An empty TEMPORAL_ADDRESS is none: both sides are measured on the embedded Temporal.
  // Memory is measured last, of a worker that has been idle since the beginning.
  const env = { TEMPORAL_ADDRESS: '', PEGASUS_RUNNER_IDLE_SECONDS: '3600', ...settings };
  const starting = startPlatform({ dataDir, port: 0, temporalUi: false, env });
  const platform = await starting.catch(async (error) => {
    await remove();
    throw error;
  });
  const clientOf = ({ apiKey }) => new PegasusClient({ baseUrl: platform.url, token: apiKey });
  let versions = 0;
  return {
    url: platform.url,
    apiKeyFile: path.join(dataDir, 'secrets', 'bootstrap.json'),
    tenants: [platform.tenant, platform.platformTenant].map((access) => ({
      ...access,
      client: clientOf(access),
    })),
    temporalAddress: platform.temporal.address,
    temporalNamespace: platform.temporal.namespace,
    temporalVersion: await temporalVersion(platform.temporal.address),
    pids: () => platform.pids(),
    /** Processor time that it, its Temporal and its workers have taken. */
    cpuMs: () => cpuMsOf(Object.values(platform.pids()).filter((pid) => pid !== undefined)),
    supervisorPid: () => platform.pids().supervisor,
    workerPid: (tenantId) => workerPid(dataDir, tenantId),
    /** Packages the benchmark's project under a version of its own. */
    package: () => packageVersion(`1.0.${(versions += 1)}`, path.join(dataDir, 'packages')),
    async close() {
      await platform.stop();
      await remove();
    },
  };
}

/** Pid of the process that the tenant's newest version was loaded in, as the supervisor logs it. */
async function workerPid(dataDir, tenantId) {
  const log = await readFile(path.join(dataDir, 'logs', 'runner.log'), 'utf8');
  const lines = log
    .split('\n')
    .filter((line) => line.includes('"artifact loaded"') && line.includes(tenantId));
  return JSON.parse(lines.at(-1)).workerPid;
}

async function packageVersion(version, outDir) {
  const project = await loadProject(PROJECT);
  const { manifest, zipPath } = await packageWorkflow(project, project.workflows[0], { version, outDir });
  return { manifest, artifact: new Uint8Array(await readFile(zipPath)) };
}

async function temporalVersion(address) {
  const connection = await Connection.connect({ address });
  try {
    return (await connection.workflowService.getSystemInfo({})).serverVersion;
  } finally {
    await connection.close();
  }
}

/**
 * From the answer to finalize until the first run's result. `first`: the tenant has no worker process yet, one sample
 * per tenant; `warm`: it has. Milliseconds.
 * @returns {Promise<{workflowId: string, coldStarts: {first: number[], warm: number[]}}>} the tenant's last version too
 */
export async function measureColdStarts(platform, runs) {
  const first = [];
  for (const { client } of platform.tenants) first.push((await coldStart(platform, client)).elapsed);
  const warm = [];
  let workflowId;
  for (let run = 0; run < runs; run += 1) {
    const started = await coldStart(platform, platform.tenants[0].client);
    warm.push(started.elapsed);
    workflowId = started.workflowId;
  }
  return { workflowId, coldStarts: { first, warm } };
}

async function coldStart(platform, client) {
  const packaged = await platform.package();
  const { id } = await client.workflows.publish(packaged);
  const began = performance.now();
  const execution = await client.workflows.run(id, { input: { activities: 1 } });
  const { status, errorMessage } = await client.executions.wait(id, execution.id);
  if (status !== 'COMPLETED') throw new Error(`${status}: ${errorMessage}`);
  return { workflowId: id, elapsed: performance.now() - began };
}

/** What a platform takes that serves nobody yet, and how many idle tenants fit beside it into 4 GiB. */
function roomOf(platform, workerMiB) {
  const { server, temporal, supervisor } = platform.pids();
  const baseMiB = [server, temporal, supervisor].reduce((sum, pid) => sum + rssOf(pid), 0) / MiB;
  return { baseMiB, tenants: Math.floor((4_096 - baseMiB) / workerMiB) };
}

/**
 * Resident memory of the second tenant's worker, which has run one version once and is idle, then with `versions` more
 * of them. MiB; `furtherMiB` is the mean of those.
 */
export async function measureMemory(platform, versions) {
  const { client, tenantId } = platform.tenants[1];
  const before = await workerMemory(platform, tenantId);
  const room = roomOf(platform, before);
  for (let version = 0; version < versions; version += 1) await coldStart(platform, client);
  const after = await workerMemory(platform, tenantId);
  return { firstMiB: before, furtherMiB: (after - before) / versions, ...room };
}

async function workerMemory(platform, tenantId) {
  const workers = processesBelow(platform.supervisorPid()).filter(({ command }) => WORKER_MAIN.test(command));
  const pid = await platform.workerPid(tenantId);
  const worker = workers.find((process) => process.pid === pid);
  return (worker?.rssBytes ?? Number.NaN) / MiB;
}
