import { type GateReportBody } from '@pegasus-workflows/contracts';
import { type Output } from '../output/output.js';

/** How much of a value a line shows. */
const SHOWN = 160;

/** The gate's report for a person: each problem with its place, each failed case with what would have passed. */
export function printReport(out: Output, { ok, problems, corpus }: GateReportBody): void {
  const { good, bad, quiet } = out.colors;
  for (const { stage, where, problem } of problems) {
    out.line(`${bad('✗')} ${where === '' ? stage : where} ${problem} ${quiet(`(${stage})`)}`);
  }
  for (const { name, reason, detail, expected, actual, change } of corpus.failures) {
    out.line(`${bad('✗')} case "${name}" ${quiet(`(${reason})`)}: ${detail}`);
    out.line(`    expected ${shortJson(expected)}`);
    out.line(`    actual   ${shortJson(actual)}`);
    for (const { where, from, to } of change) {
      const before = from === undefined ? 'nothing' : shortJson(from);
      out.line(`    ${quiet('would pass with')} ${where} ${shortJson(to)} ${quiet(`in place of ${before}`)}`);
    }
  }
  const untold = corpus.total - corpus.passed - corpus.failures.length;
  const wasRun = corpus.passed > 0 || corpus.failures.length > 0 || ok;
  if (wasRun && untold > 0) out.line(quiet(`and ${untold} failed cases more`));
  const cases = wasRun ? `${corpus.passed} of ${corpus.total} cases pass` : 'the corpus was not run';
  if (ok) out.line(`${good('✓')} the gate passes it: ${cases}`);
  else out.line(`${bad('✗')} the gate refuses it: ${counted(problems.length, 'problem')}, ${cases}`);
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

export function shortJson(value: unknown): string {
  const text = value === undefined ? 'nothing' : JSON.stringify(value);
  return text.length <= SHOWN ? text : `${text.slice(0, SHOWN - 3)}...`;
}
