// npm run bench [-- --quick]: what the platform costs over plain Temporal, on one Temporal, and then what its walls cost.
// The rounds of the sides alternate, so that whatever else this machine does hits all. Build first (`npm run build`).
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { measureColdStarts, measureMemory, startPlatformSide } from './lib/platform-side.mjs';
import { spawnModule } from './lib/processes.mjs';
import { circumstances, rowsOf, tableOf, wallsTableOf, writeReport } from './lib/report.mjs';
import { measureSides, pooled } from './lib/rounds.mjs';

const PLANS = {
  full: {
    rounds: 10,
    latencyRuns: 25,
    chainRuns: 8,
    throughputRounds: 4,
    throughputRuns: 240,
    coldStarts: 5,
    versions: 4,
    sittings: 3,
  },
  quick: {
    rounds: 3,
    latencyRuns: 20,
    chainRuns: 4,
    throughputRounds: 2,
    throughputRuns: 120,
    coldStarts: 2,
    versions: 2,
    sittings: 1,
  },
};

/**
 * The platform as it comes, twice, and with something left out: each with a Temporal of its own, so that they differ in
 * nothing else. What the two that are alike differ by is what this machine cannot tell.
 */
const WALLS = {
  platform: {},
  again: {},
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

/** Runs `measure(keep)`, then closes what was kept, the newest first. */
async function closing(measure) {
  const open = [];
  const keep = (one) => {
    open.push(one);
    return one;
  };
  try {
    return await measure(keep);
  } finally {
    for (const one of open.reverse()) await one.close();
  }
}

const envOf = (platform, workflowId) => ({
  BENCH_URL: platform.url,
  BENCH_WORKFLOW_ID: workflowId,
  BENCH_API_KEY_FILE: platform.apiKeyFile,
});

/** A plain worker and the platform on one Temporal. */
const measureAgainstRaw = () =>
  closing(async (keep) => {
    say('starting the platform');
    const platform = keep(await startPlatformSide());
    say('cold starts');
    const { coldStarts, workflowId } = await measureColdStarts(platform, plan.coldStarts);
    const env = {
      BENCH_TEMPORAL_ADDRESS: platform.temporalAddress,
      BENCH_TEMPORAL_NAMESPACE: platform.temporalNamespace,
      BENCH_TASK_QUEUE: `bench-raw-${process.pid}`,
      ...envOf(platform, workflowId),
    };
    keep(await spawnModule('./raw-worker.mjs', env));
    const clients = {};
    for (const side of ['raw', 'platform'])
      clients[side] = keep(await spawnModule('./client-process.mjs', { ...env, BENCH_SIDE: side }));
    const sides = await measureSides(clients, plan, say);
    say('memory');
    const memory = await measureMemory(platform, plan.versions);
    return { sides, coldStarts, memory, temporalVersion: platform.temporalVersion };
  });

/** One sitting. Platforms that are alike differ by a twentieth from start to start, so there are several. */
const measureWalls = (sitting) =>
  closing(async (keep) => {
    say(`starting it with and without walls, and without eager starts (${sitting + 1} of ${plan.sittings})`);
    const [clients, platforms] = [{}, {}];
    const sides = Object.entries(WALLS);
    for (const [side, settings] of sitting % 2 === 0 ? sides : sides.toReversed()) {
      const platform = keep(await startPlatformSide(settings));
      const { workflowId } = await measureColdStarts(platform, 1);
      const env = { ...envOf(platform, workflowId), BENCH_SIDE: side };
      platforms[side] = platform;
      clients[side] = keep(await spawnModule('./client-process.mjs', env));
    }
    const rounds = Math.ceil(plan.rounds / plan.sittings);
    const throughputRounds = Math.ceil(plan.throughputRounds / plan.sittings);
    return measureSides(clients, { ...plan, rounds, throughputRounds }, say, (side) =>
      platforms[side].cpuMs(),
    );
  });

const { temporalVersion, ...measured } = await measureAgainstRaw();
const sittings = [];
for (let sitting = 0; sitting < plan.sittings; sitting += 1) sittings.push(await measureWalls(sitting));
const table = `${tableOf(rowsOf(measured))}\n\n${wallsTableOf(pooled(sittings))}`;
const lines = circumstances({ root, temporalVersion, quick: values.quick, startedAt });
console.log(`\n${lines.join('\n')}\n\n${table}\n`);
if (!values['no-report']) writeReport(path.join(root, 'docs', 'benchmarks.md'), lines, table);
say('done');
