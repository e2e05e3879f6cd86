// npm run bench:cli [-- --quick]: how long the command line takes from Enter to the prompt, beside `node -e 0`, which is
// what any program of Node costs. Commands take turns, so that whatever else this machine does hits all of them alike.
// Build first (`npm run build`).
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { machine, markdownTable, SECTIONS, writeReport } from './lib/report.mjs';
import { median, quantile } from './lib/statistics.mjs';

const { values } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, 'no-report': { type: 'boolean', default: false } },
});
const ROUNDS = values.quick ? 10 : 20;
const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const bin = path.join(root, 'packages/cli/bin/pegasus-workflows.cjs');
const startedAt = new Date();
const home = mkdtempSync(path.join(tmpdir(), 'pegasus-bench-cli-'));

/** @returns milliseconds; throws when the command fails, because a failure is quick */
function time(args, cwd = home) {
  const began = performance.now();
  const { status, stderr } = spawnSync(process.execPath, args, {
    cwd,
    env: { PATH: process.env['PATH'], HOME: home },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const took = performance.now() - began;
  if (status !== 0) throw new Error(`${args.join(' ')} ended with ${status}: ${stderr}`);
  return took;
}

const BASE = 'node -e 0';
/** Each with the most it may take: a multiple of the base, or milliseconds. */
const COMMANDS = [
  { name: BASE, run: () => time(['-e', '0']) },
  { name: '--help', run: () => time([bin, '--help']), ratio: 2 },
  { name: 'completion (one Tab)', run: () => time([bin, '__complete', '--', '--profile', '']), ms: 200 },
  { name: 'profile list', run: () => time([bin, 'profile', 'list']) },
  { name: 'package hello', run: () => time([bin, 'package'], path.join(home, 'hello')) },
];

try {
  time([bin, 'configure', '--api-key', 'vnd_of_a_benchmark']);
  time([bin, 'init', 'hello']);
  for (const { run } of COMMANDS) run();
  const samples = new Map(COMMANDS.map(({ name }) => [name, []]));
  for (let round = 0; round < ROUNDS; round += 1)
    for (const { name, run } of COMMANDS) samples.get(name).push(run());

  const base = median(samples.get(BASE));
  const cells = COMMANDS.map(({ name, ratio, ms }) => {
    const times = samples.get(name);
    const middle = median(times);
    const met = ratio === undefined ? (ms === undefined ? undefined : middle <= ms) : middle <= ratio * base;
    return [
      `\`${name}\``,
      ...[Math.min(...times), middle, quantile(times, 0.95)].map((value) => `${value.toFixed(0)} ms`),
      `${(middle / base).toFixed(2)} ×`,
      ratio === undefined ? (ms === undefined ? '' : `≤ ${ms} ms`) : `≤ ${ratio.toFixed(1)} ×`,
      met === undefined ? '' : met ? 'met' : 'MISSED',
    ];
  });
  const table = markdownTable(
    ['command', 'min', 'median', 'p95', `ratio to \`${BASE}\``, 'target', ''],
    cells,
  );
  const lines = [
    ...machine({ root, quick: values.quick, startedAt }),
    `Node ${process.versions.node}; ${ROUNDS} runs of each, in turns`,
  ];
  console.log(`\n${lines.join('\n')}\n\n${table}\n`);
  if (!values['no-report']) writeReport(path.join(root, 'docs/benchmarks.md'), lines, table, SECTIONS.cli);
} finally {
  rmSync(home, { recursive: true, force: true });
}
