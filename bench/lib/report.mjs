import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import path from 'node:path';
import { median, quantile } from './statistics.mjs';

/** The lines between which a benchmark writes; each has its own, and leaves the other's alone. */
export const SECTIONS = {
  platform: {
    begin: '<!-- measured: written by `npm run bench` -->',
    end: '<!-- /measured -->',
  },
  cli: {
    begin: '<!-- measured: written by `npm run bench:cli` -->',
    end: '<!-- /measured:cli -->',
  },
  load: {
    begin: '<!-- measured: written by `npm run bench:load` -->',
    end: '<!-- /measured:load -->',
  },
};

/** What the platform must reach. `ok` tells, given raw and platform, whether it did. */
const TARGETS = {
  latency: { text: '≤ 1.25 × raw', ok: (raw, platform) => platform <= 1.25 * raw },
  throughput: { text: '≥ 0.85 × raw', ok: (raw, platform) => platform >= 0.85 * raw },
  start: { text: '≤ raw + 60 ms', ok: (raw, platform) => platform <= raw + 60 },
  coldStart: { text: '≤ 3 s', ok: (_raw, platform) => platform <= 3_000 },
};

/** Turns measurements into rows `{name, unit, raw?, platform, target?, met?}`. */
export function rowsOf({ sides, coldStarts, memory }) {
  const { one, ten, start, rate } = sides;
  const compare = (name, unit, samples, of, target) =>
    row(name, unit, of(samples.raw), of(samples.platform), target);
  const at = (q) => (samples) => quantile(samples, q);
  return [
    compare('one activity, start → result, p50', 'ms', one, at(0.5), TARGETS.latency),
    compare('one activity, start → result, p95', 'ms', one, at(0.95)),
    compare('ten activities, start → result, p50', 'ms', ten, at(0.5), TARGETS.latency),
    compare('ten activities, start → result, p95', 'ms', ten, at(0.95)),
    compare('one activity, 40 in flight', 'runs/s', rate, median, TARGETS.throughput),
    compare('start call, p50', 'ms', start, at(0.5)),
    compare('start call, p99', 'ms', start, at(0.99), TARGETS.start),
    row(
      'cold start of a new version, warm worker',
      'ms',
      undefined,
      median(coldStarts.warm),
      TARGETS.coldStart,
    ),
    row("cold start, the tenant's first", 'ms', undefined, median(coldStarts.first), TARGETS.coldStart),
    row('idle tenant worker, one version', 'MiB', undefined, memory.firstMiB),
    row('each further version in it', 'MiB', undefined, memory.furtherMiB),
    row('server, supervisor and Temporal', 'MiB', undefined, memory.baseMiB),
    row('idle tenants beside them in 4 GiB', '', undefined, memory.tenants),
  ];
}

/** What the walls may cost: a tenth. */
const WALLS = 1.1;

/**
 * The platform as it comes against itself without gateway, payload encryption and sandbox (`open`), without eager starts
 * (`lazy`), and against another one that is the same (`again`). A ratio above one is a cost, of rates too.
 */
export function wallsTableOf({ one, ten, rate, cpuOne, cpuTen, cpuRate }) {
  const lines = [
    ['one activity, start → result, p50', 'ms', one, 1, WALLS],
    ['ten activities, start → result, p50', 'ms', ten, 1, WALLS],
    ['one activity, 40 in flight', 'runs/s', rate, -1, WALLS],
    ['processor time of a run of one', 'ms', cpuOne, 1],
    ['… of ten', 'ms', cpuTen, 1],
    ['… of one, 40 in flight', 'ms', cpuRate, 1],
  ];
  const head = [
    'measure',
    'platform',
    'no walls',
    'walls cost',
    'target',
    '',
    'eager start',
    'the same again',
  ];
  return markdownTable(
    head,
    lines.map(([name, unit, samples, sense, most]) => {
      const than = (side) => (median(samples.platform) / median(samples[side])) ** sense;
      const ratio = (side) => `${than(side).toFixed(2)} ×`;
      return [
        name,
        ...['platform', 'open'].map((side) => `${number(median(samples[side]))} ${unit}`),
        ratio('open'),
        most === undefined ? '' : `≤ ${most.toFixed(2)} ×`,
        most === undefined ? '' : than('open') <= most ? 'met' : 'MISSED',
        ratio('lazy'),
        ratio('again'),
      ];
    }),
  );
}

function row(name, unit, raw, platform, target) {
  const met = target && Number.isFinite(platform) ? target.ok(raw, platform) : undefined;
  return { name, unit, raw, platform, target: target?.text, met };
}

/** A Markdown table, which a terminal shows well enough as it is. */
export function tableOf(rows) {
  const head = ['measure', 'raw', 'platform', 'ratio', 'target', ''];
  const cells = rows.map(({ name, unit, raw, platform, target, met }) => [
    name,
    raw === undefined ? '' : `${number(raw)} ${unit}`,
    `${number(platform)} ${unit}`.trimEnd(),
    raw === undefined ? '' : `${(platform / raw).toFixed(2)} ×`,
    target ?? '',
    met === undefined ? '' : met ? 'met' : 'MISSED',
  ]);
  return markdownTable(head, cells);
}

/** A Markdown table with its columns aligned. */
export function markdownTable(head, cells) {
  const widths = head.map((title, column) =>
    Math.max(...[head, ...cells].map((line) => line[column].length), title.length),
  );
  const line = (columns) => `| ${columns.map((text, column) => text.padEnd(widths[column])).join(' | ')} |`;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...cells.map(line)].join('\n');
}

function number(value) {
  if (!Number.isFinite(value)) return 'n/a';
  return value >= 100 ? value.toFixed(0) : value.toFixed(1);
}

/** Where and with what it was measured, one line each. */
export function circumstances({ root, temporalVersion, quick, startedAt }) {
  const version = (name) =>
    JSON.parse(readFileSync(path.join(root, 'node_modules', name, 'package.json'), 'utf8')).version;
  return [
    ...machine({ root, quick, startedAt }),
    `Node ${process.versions.node}, @temporalio/worker ${version('@temporalio/worker')}, Temporal server ${temporalVersion} (embedded, SQLite file)`,
  ];
}

/** When, of which commit, and on what machine. */
export function machine({ root, quick, startedAt }) {
  const [cpu] = cpus();
  return [
    `${startedAt.toISOString().slice(0, 16).replace('T', ' ')} UTC, commit ${commit(root)}${quick ? ', `--quick`: few runs, read with care' : ''}`,
    `${cpus().length} × ${cpu?.model.trim() ?? 'unknown CPU'}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${process.platform} ${release()}`,
  ];
}

function commit(root) {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: root, encoding: 'utf8' }).trim();
  } catch {
    return 'unknown';
  }
}

/** Puts measurements between the markers of their section of `file`; everything else in it stays. */
export function writeReport(file, lines, table, section = SECTIONS.platform) {
  const { begin: BEGIN, end: END } = section;
  const measured = `${BEGIN}\n\n${lines.map((line) => `- ${line}`).join('\n')}\n\n${table}\n\n${END}`;
  const text = existsSync(file) ? readFileSync(file, 'utf8') : `# Benchmarks\n\n${BEGIN}\n${END}\n`;
  const begin = text.indexOf(BEGIN);
  const end = text.indexOf(END, begin);
  if (begin < 0 || end < 0) throw new Error(`${file} has lost its markers: ${BEGIN} … ${END}`);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, text.slice(0, begin) + measured + text.slice(end + END.length));
}
