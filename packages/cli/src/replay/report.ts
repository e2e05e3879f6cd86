import { type Divergence, type Expected, type Got } from '@pegasus-workflows/project/replay';
import { type Context } from '../context.js';
import { type Palette } from '../output/colors.js';
import { paintStatus } from '../output/describe.js';
import { renderTable } from '../output/table.js';
import { type ReplayRow } from './replay-runs.js';

/** The table of what was replayed, and below it each run that the code does not fit, with both sides. */
export function reportRows({ out }: Context, rows: readonly ReplayRow[]): void {
  const table = renderTable(
    [
      { title: 'run', keep: true },
      { title: 'version' },
      { title: 'status' },
      { title: 'verdict', keep: true },
    ],
    rows.map(({ source, version, status, verdict }) => [
      source,
      version ?? '–',
      status === null ? '–' : paintStatus(status, out.colors),
      paintVerdict(verdict, out.colors),
    ]),
    out.width,
  );
  for (const line of table) out.line(line);
  for (const row of rows) for (const line of detailLines(row, out.colors)) out.line(line);
}

function paintVerdict(verdict: ReplayRow['verdict'], colors: Palette): string {
  const paint = { ok: colors.good, diverged: colors.bad, failed: colors.bad, skipped: colors.warn }[verdict];
  return paint(verdict);
}

function detailLines(row: ReplayRow, colors: Palette): string[] {
  const { divergence, reason, at, source, verdict } = row;
  if (verdict === 'ok') return [];
  const title = ['', `${paintVerdict(verdict, colors)} ${colors.strong(source)}`];
  const fact = (name: string, text: string): string => `  ${colors.quiet(name.padEnd(9))}${text}`;
  if (!divergence)
    return [...title, fact('reason', reason ?? ''), ...(at === undefined ? [] : [fact('at', at)])];
  return [
    ...title,
    fact('history', describeExpected(divergence.expected)),
    fact('code', describeGot(divergence.got)),
    fact('temporal', divergence.reason.split('\n')[0] ?? ''),
  ];
}

/** One line: `diverged at event 11: history has activity charge, code does timer (orders/workflow.ts:21)`. */
export function divergenceSentence({ expected, got }: Divergence): string {
  const place = expected ? ` at event ${expected.eventId}` : '';
  return `diverges${place}: the history has ${describeExpected(expected)}, the code ${describeGot(got)}`;
}

function describeExpected(expected: Expected | null): string {
  if (!expected) return 'nothing more';
  const { eventId, eventType, kind, name } = expected;
  return `${kind === undefined ? '' : `${named(kind, name)}, `}event ${eventId} ${eventType}`;
}

function describeGot(got: Got | null): string {
  if (!got) return 'asks for nothing there';
  return `${named(got.kind, got.name)}${got.at === undefined ? '' : ` at ${got.at}`}`;
}

function named(kind: string, name: string | undefined): string {
  return name === undefined ? kind : `${kind} ${name}`;
}
