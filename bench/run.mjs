// npm run bench [-- --quick]: what the platform costs over plain Temporal, on one Temporal, in one run.
// Raw and platform rounds alternate, so that whatever else this machine does hits both. Build first (`npm run build`).
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { measureColdStarts, measureMemory, startPlatformSide } from './lib/platform-side.mjs';
import { spawnModule } from './lib/processes.mjs';
import { circumstances, rowsOf, tableOf, wallsTableOf, writeReport } from './lib/report.mjs';
import { measureSides } from './lib/rounds.mjs';

const PLANS = {
  full: {
    rounds: 10,
    latencyRuns: 25,
    chainRuns: 8,
    throughputRounds: 4,
    throughputRuns: 240,
    coldStarts: 5,
    versions: 4,
  },
  quick: {
    rounds: 3,
    latencyRuns: 20,
    chainRuns: 4,
    throughputRounds: 2,
    throughputRuns: 120,
    coldStarts: 2,
    versions: 2,
  },
};

/** The same platform with something left out, each with a Temporal of its own like the first. */
const OTHERS = {
  open: { PEGASUS_GATEWAY: 'off', PEGASUS_PAYLOAD_ENCRYPTION: 'off', PEGASUS_SANDBOX: 'off' },
  lazy: { PEGASUS_EAGER_START: 'off' },
};

const { values } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, 'no-report': { type: 'boolean', default: false } },
});
const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const plan = values.quick ? PLANS.quick : PLANS.full;
const startedAt = new Date();
const say = (text) =>
  console.error(`${((Date.now() - startedAt.getTime()) / 1000).toFixed(0).padStart(4)} s  ${text}`);

const open = [];
try {
  say('starting the platform');
  const platform = await startPlatformSide();
  open.push(platform);

  say('cold starts');
  const { coldStarts, workflowId } = await measureColdStarts(platform, plan.coldStarts);

  say('starting it without walls, and without eager starts');
  const others = {};
  for (const [side, settings] of Object.entries(OTHERS)) {
    const other = await startPlatformSide(settings);
    open.push(other);
    others[side] = { other, ...(await measureColdStarts(other, 1)) };
  }

  const env = {
    BENCH_TEMPORAL_ADDRESS: platform.temporalAddress,
    BENCH_TEMPORAL_NAMESPACE: platform.temporalNamespace,
    BENCH_TASK_QUEUE: `bench-raw-${process.pid}`,
    BENCH_URL: platform.url,
    BENCH_WORKFLOW_ID: workflowId,
    BENCH_API_KEY_FILE: platform.apiKeyFile,
  };
  open.push(await spawnModule('./raw-worker.mjs', env));
  const clients = {};
  const envs = { raw: env, platform: env };
  for (const [side, { other, workflowId: id }] of Object.entries(others))
    envs[side] = { BENCH_URL: other.url, BENCH_WORKFLOW_ID: id, BENCH_API_KEY_FILE: other.apiKeyFile };
  for (const [side, variables] of Object.entries(envs)) {
    clients[side] = await spawnModule('./client-process.mjs', { ...variables, BENCH_SIDE: side });
    open.push(clients[side]);
  }
  const sides = await measureSides(clients, plan, say);

  say('memory');
  const memory = await measureMemory(platform, plan.versions);

  const table = `${tableOf(rowsOf({ sides, coldStarts, memory }))}\n\n${wallsTableOf(sides)}`;
  const lines = circumstances({
    root,
    temporalVersion: platform.temporalVersion,
    quick: values.quick,
    startedAt,
  });
  console.log(`\n${lines.join('\n')}\n\n${table}\n`);
  if (!values['no-report']) writeReport(path.join(root, 'docs', 'benchmarks.md'), lines, table);
  say('done');
} finally {
  for (const one of open.reverse()) await one.close();
}
