import { PegasusError } from '@pegasus-workflows/contracts/errors';
import { maskKeys } from '../credentials/mask.js';
import { fileSentence } from '../files/file-errors.js';
import { EXIT } from '../exit-codes.js';
import { type Output } from './output.js';

/** A failure as it is told: on standard error for a person, as the one JSON document on standard output with `--json`. */
export interface ReportedError {
  error: string;
  code: string;
  problems?: string[];
  hint?: string;
  correlationId?: string;
  /** What a program may want to know more, such as `{workflowId, identical}` of a version that is there already. */
  data?: unknown;
  /** What the gate has found (GATE_FAILED). */
  report?: unknown;
}

/** Tells what went wrong and what to do next. @returns the exit code of the command */
export function reportError(error: unknown, out: Output, stackWanted: boolean): number {
  const { report, exitCode } = describeError(error);
  if (out.json) out.result(report);
  else for (const line of asText(report, out)) out.note(line);
  if (stackWanted && error instanceof Error && error.stack) out.note(error.stack);
  return exitCode;
}

/** What an error of ours may carry: `PegasusError` of the contracts and the SDK's client errors have these in common. */
interface Carried {
  code?: unknown;
  hint?: unknown;
  problems?: unknown;
  correlationId?: unknown;
  data?: unknown;
  report?: unknown;
  exitCode?: unknown;
}

/** Reads what the error carries. An error that is not ours is a fault of this program or of the system: exit code 1. */
export function describeError(error: unknown): { report: ReportedError; exitCode: number } {
  const message = fileSentence(error) ?? (error instanceof Error ? error.message : String(error));
  const carried: Carried = isOurs(error) ? error : {};
  const exitCode = typeof carried.exitCode === 'number' ? carried.exitCode : EXIT.failed;
  const code =
    typeof carried.code === 'string'
      ? carried.code
      : exitCode === EXIT.unreachable
        ? 'SERVICE_UNAVAILABLE'
        : 'INTERNAL_ERROR';
  const report: ReportedError = { error: maskKeys(message), code };
  if (Array.isArray(carried.problems) && carried.problems.length > 0)
    report.problems = carried.problems.map((problem) => maskKeys(String(problem)));
  const hint = error instanceof PegasusError ? (error.hint ?? HINTS[code]) : (HINTS[code] ?? carried.hint);
  if (typeof hint === 'string') report.hint = maskKeys(hint);
  if (carried.data !== undefined) report.data = carried.data;
  if (carried.report !== undefined) report.report = carried.report;
  if (typeof carried.correlationId === 'string') report.correlationId = carried.correlationId;
  return { report, exitCode };
}

/** The commands that mend what the server or the connection complains about; they say more than the client's own advice. */
const HINTS: Record<string, string> = {
  UNAUTHENTICATED:
    'Check the key: `pegasus-workflows doctor` shows which credentials file and profile are in force.',
  FORBIDDEN: 'Use a key whose role has that permission: --profile <name>.',
  WORKFLOW_MUST_FORK: 'Copy it into your tenant first: `pegasus-workflows workflows fork <workflow>`.',
  EXTERNAL_ADDRESS_REFUSED:
    'Use an address on the public internet, or ask the operator to allow this one (PEGASUS_EGRESS_ALLOW).',
  SERVICE_UNAVAILABLE:
    'Is the platform running? `pegasus-workflows doctor` looks; `pegasus-workflows dev` starts it here.',
};

function isOurs(error: unknown): error is Error & Carried {
  return (
    error instanceof PegasusError || (error instanceof Error && /^Pegasus[A-Z]\w*Error$/.test(error.name))
  );
}

/** The lines of a failure for a person, without the one JSON document: for what is told while a command goes on. */
export function noteError(error: unknown, out: Output): void {
  for (const line of asText(describeError(error).report, out)) out.note(line);
}

function asText(report: ReportedError, out: Output): string[] {
  const { bad, command, quiet } = out.noteColors;
  return [
    `${bad('error:')} ${report.error}`,
    ...(report.problems ?? []).map((problem) => `  - ${problem.replaceAll('\n', '\n    ')}`),
    ...(report.hint ? [`${command('next:')} ${report.hint}`] : []),
    ...(report.correlationId ? [quiet(`correlation id: ${report.correlationId}`)] : []),
  ];
}
