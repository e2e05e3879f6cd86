// npm run bench:load [-- --rate 200] [-- --seconds 60] [-- --starts 5]: many requests a second at fixed times, reads and
// starts, against a platform with its embedded database and Temporal. Build first (`npm run build`).
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { loadMix } from './lib/load-mix.mjs';
import { openLoop } from './lib/open-loop.mjs';
import { startPlatformSide } from './lib/platform-side.mjs';
import { processesBelow, rssOf } from './lib/processes.mjs';
import { circumstances, markdownTable, SECTIONS, writeReport } from './lib/report.mjs';
import { quantile } from './lib/statistics.mjs';

const MiB = 1024 * 1024;
const WARM_UP_SECONDS = 5;

const { values } = parseArgs({
  options: {
    rate: { type: 'string', default: '200' },
    seconds: { type: 'string', default: '60' },
    starts: { type: 'string', default: '5' },
    'no-report': { type: 'boolean', default: false },
  },
});
const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const perSecond = Number(values.rate);
const seconds = Number(values.seconds);
/** Of a hundred requests. */
const starts = Number(values.starts);
const startedAt = new Date();
const say = (text) => console.error(text);

/** The most that each part has had resident, in bytes, looked at once a second until `stop`. */
function watchMemory(platform) {
  const most = { 'server, with the database': 0, Temporal: 0, supervisor: 0, worker: 0 };
  const look = () => {
    const { server, temporal, supervisor } = platform.pids();
    const worker = processesBelow(supervisor).reduce((sum, { rssBytes }) => sum + rssBytes, 0);
    const now = [rssOf(server), rssOf(temporal), rssOf(supervisor), worker];
    for (const [n, part] of Object.keys(most).entries()) most[part] = Math.max(most[part], now[n]);
  };
  const timer = setInterval(look, 1_000);
  return () => {
    clearInterval(timer);
    look();
    return most;
  };
}

/** Waits until no run is open any more. @returns how many did not complete */
async function unfinished(client, workflowId) {
  const some = async (status) => (await client.executions.list(workflowId, { status, limit: 200 })).length;
  for (const until = Date.now() + 120_000; Date.now() < until;) {
    if ((await some(['QUEUED', 'RUNNING'])) === 0) break;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  return some(['QUEUED', 'RUNNING', 'FAILED', 'TIMED_OUT', 'CANCELLED']);
}

const platform = await startPlatformSide();
try {
  const { client, apiKey } = platform.tenants[0];
  const { id: workflowId } = await client.workflows.publish(await platform.package());
  const first = await client.workflows.run(workflowId, { input: { activities: 1 } });
  await client.executions.wait(workflowId, first.id);
  const next = loadMix({ url: platform.url, apiKey, workflowId, executionId: first.id, starts });
  say(`warming up for ${WARM_UP_SECONDS} s`);
  await openLoop({ perSecond, seconds: WARM_UP_SECONDS, next });
  say(`${perSecond} requests a second for ${seconds} s`);
  const memory = watchMemory(platform);
  const { latencies, errors, lateMs } = await openLoop({ perSecond, seconds, next });
  const most = memory();
  const notCompleted = await unfinished(client, workflowId);

  const ms = (value) => `${value.toFixed(value < 100 ? 1 : 0)} ms`;
  const row = (name, samples) => [
    name,
    String(samples.length),
    ...[0.5, 0.95, 0.99, 1].map((q) => ms(quantile(samples, q))),
  ];
  const table = markdownTable(
    ['request', 'sent', 'p50', 'p95', 'p99', 'longest'],
    [
      ...[...latencies].sort(([a], [b]) => a.localeCompare(b)).map(([kind, samples]) => row(kind, samples)),
      row('all', [...latencies.values()].flat()),
    ],
  );
  const failed = [...errors.values()].reduce((sum, times) => sum + times, 0);
  const lines = [
    ...circumstances({ root, temporalVersion: platform.temporalVersion, quick: false, startedAt }),
    `${perSecond} requests a second at fixed times for ${seconds} s, ${starts} of a hundred starts: ${failed} errors in ${perSecond * seconds}; runs that did not complete: ${notCompleted}`,
    `the sender itself was late by ${ms(quantile(lateMs, 0.5))} (p50), ${ms(quantile(lateMs, 0.99))} (p99), which is in the numbers`,
    `most resident: ${Object.entries(most)
      .map(([part, bytes]) => `${part} ${Math.round(bytes / MiB)} MiB`)
      .join(', ')}`,
  ];
  console.log(`\n${lines.join('\n')}\n\n${table}\n`);
  for (const [what, times] of errors) console.log(`${times} × ${what}`);
  if (!values['no-report'])
    writeReport(path.join(root, 'docs', 'benchmarks.md'), lines, table, SECTIONS.load);
  process.exitCode = failed === 0 && notCompleted === 0 ? 0 : 1;
} finally {
  await platform.close();
}
