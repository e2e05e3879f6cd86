// npm run bench [-- --quick]: what the platform costs over plain Temporal, on one Temporal, in one run.
// Raw and platform rounds alternate, so that whatever else this machine does hits both. Build first (`npm run build`).
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { measureColdStarts, measureMemory, startPlatformSide } from './lib/platform-side.mjs';
import { spawnModule } from './lib/processes.mjs';
import { circumstances, rowsOf, tableOf, writeReport } from './lib/report.mjs';
import { measureBoth } from './lib/rounds.mjs';

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
  for (const side of ['raw', 'platform']) {
    clients[side] = await spawnModule('./client-process.mjs', { ...env, BENCH_SIDE: side });
    open.push(clients[side]);
  }
  const both = await measureBoth(clients, plan, say);

  say('memory');
  const memory = await measureMemory(platform, plan.versions);

  const table = tableOf(rowsOf({ both, coldStarts, memory }));
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
