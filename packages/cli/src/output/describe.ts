import {
  dryRunResultSchema,
  type Execution,
  type ExecutionStatus,
  type Workflow,
} from '@pegasus-workflows/contracts';
import { type Palette } from './colors.js';
import { formatDuration, formatTime } from './format.js';
import { printMutations } from './mutations.js';
import { type Output } from './output.js';

/** A status in its colour. */
export function paintStatus(status: ExecutionStatus, colors: Palette): string {
  switch (status) {
    case 'COMPLETED':
      return colors.good(status);
    case 'FAILED':
    case 'TIMED_OUT':
      return colors.bad(status);
    case 'CANCELLED':
      return colors.warn(status);
    case 'QUEUED':
    case 'RUNNING':
      return colors.command(status);
  }
}

/** How long a run took, or has taken until now. */
export function executionDuration({ startedAt, queuedAt, finishedAt }: Execution): number {
  const end = finishedAt === null ? Date.now() : Date.parse(finishedAt);
  return end - Date.parse(startedAt ?? queuedAt);
}

/** A run in full: what it is, how it ended, what came out. */
export function printExecution(out: Output, workflow: Workflow, execution: Execution): void {
  const { colors } = out;
  const fact = (name: string, value: string): void => out.line(`${colors.quiet(name.padEnd(10))}${value}`);
  out.line(
    `${paintStatus(execution.status, colors)} ${colors.strong(`${workflow.name}@${workflow.version}`)}${execution.dryRun ? colors.quiet('  dry run') : ''}`,
  );
  fact('run', execution.id);
  fact(
    'started',
    `${formatTime(execution.startedAt ?? execution.queuedAt)} UTC by ${execution.triggerSource}`,
  );
  if (execution.startAfter !== undefined) fact('starts', `${formatTime(execution.startAfter)} UTC`);
  if (execution.concurrencyKey !== undefined) fact('key', execution.concurrencyKey);
  if (execution.priority !== undefined) fact('priority', String(execution.priority));
  fact('took', formatDuration(executionDuration(execution)));
  if (execution.input !== null) fact('input', JSON.stringify(execution.input));
  printOutcome(out, execution);
}

/** The result or the error of a run that has ended. */
export function printOutcome(out: Output, execution: Execution): void {
  const { colors } = out;
  if (execution.errorMessage !== null) {
    const [first = '', ...rest] = execution.errorMessage.split('\n');
    out.line(`${colors.quiet('error'.padEnd(10))}${colors.bad(first)}`);
    for (const line of rest) out.line(`${' '.repeat(10)}${colors.bad(line)}`);
  } else if (execution.status === 'COMPLETED') {
    const dry = execution.dryRun ? dryRunResultSchema.safeParse(execution.result) : undefined;
    if (dry?.success) {
      out.line(`${colors.quiet('result'.padEnd(10))}${JSON.stringify(dry.data.result ?? null)}`);
      out.line();
      printMutations(out, dry.data.mutations);
      return;
    }
    out.line(`${colors.quiet('result'.padEnd(10))}${JSON.stringify(execution.result ?? null)}`);
  }
}
