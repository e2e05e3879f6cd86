import { isTerminal, LIMITS, LOG_LEVELS, type Log, type LogLevel } from '@pegasus-workflows/contracts';
import { PegasusError } from '@pegasus-workflows/contracts/errors';
import { nearest } from '@pegasus-workflows/contracts/nearest';
import { type PegasusClient } from 'pegasus-workflows-sdk/client';
import { connect } from '../api.js';
import { type Context } from '../context.js';
import { type Palette } from '../output/colors.js';
import { printable } from '../output/printable.js';
import { withProgress } from '../output/progress.js';
import { readInstant } from '../runs/filters.js';
import { INTERRUPTED, untilInterrupted } from '../runs/interrupt.js';
import { resolveWorkflow, type Where } from '../workflows/resolve.js';
import { find } from './executions.js';

export interface WorkflowLogsOptions extends Where {
  level?: string;
  since?: string;
}
export interface ExecutionLogsOptions extends WorkflowLogsOptions {
  step?: string;
  /** Go on until the run has ended. */
  follow?: boolean;
}

type Filter = ReturnType<typeof filterOf>;

/**
 * `executions logs`: what the code of a run has logged. With `--json`, all of it as one list.
 * @returns the exit code
 */
export async function executionLogs(
  context: Context,
  reference: string,
  executionId: string,
  options: ExecutionLogsOptions,
): Promise<number> {
  const filter = filterOf(options);
  const { client } = await connect(context);
  const { out } = context;
  const { workflow, execution } = await withProgress(out, 'reading the run', () =>
    find(context, client, reference, executionId, options),
  );
  const ids = [workflow.id, execution.id] as const;
  const shown: Log[] = [];
  const show = (logs: readonly Log[]): void => {
    for (const log of logs) for (const line of linesOf(log, out.colors)) out.line(line);
    shown.push(...logs);
  };
  const ended = options.follow
    ? await untilInterrupted((signal) => follow(client, ids, { filter, show, signal }))
    : await read((cursor) => client.executions.logs(...ids, { ...filter, ...cursor }), show);
  if (shown.length === 0) out.line('Nothing was logged.');
  out.result(shown);
  if (ended === 'interrupted') return INTERRUPTED;
  if (!options.follow && !isTerminal(execution.status))
    out.note(out.noteColors.quiet('It is still under way: --follow goes on with it.'));
  return 0;
}

/** `workflows logs`: what a version's worker has printed outside of any run. With `--json`, all of it as one list. */
export async function workflowLogs(
  context: Context,
  reference: string,
  options: WorkflowLogsOptions,
): Promise<void> {
  const filter = filterOf(options);
  const { client } = await connect(context);
  const { out } = context;
  const { id } = await withProgress(out, 'reading the workflow', () =>
    resolveWorkflow(context, client, reference, options),
  );
  const { level, since } = filter;
  const shown: Log[] = [];
  await read(
    (cursor) => client.workflows.logs(id, { level, since, ...cursor }),
    (logs) => {
      for (const log of logs) for (const line of linesOf(log, out.colors)) out.line(line);
      shown.push(...logs);
    },
  );
  if (shown.length === 0) out.line('Its worker has printed nothing outside of runs.');
  out.result(shown);
}

function filterOf({ level, since, step }: ExecutionLogsOptions) {
  return {
    level: level === undefined ? undefined : readLevel(level),
    step,
    since: since === undefined ? undefined : readInstant('--since', since),
  };
}

function readLevel(text: string): LogLevel {
  const wanted = text.trim().toLowerCase();
  const found = LOG_LEVELS.find((level) => level === wanted);
  if (found) return found;
  const guess = nearest(wanted, LOG_LEVELS);
  throw new PegasusError('VALIDATION_ERROR', `--level: "${text}" is not a level.`, {
    hint: guess ? `Did you mean ${guess}?` : `They are: ${LOG_LEVELS.join(', ')}.`,
  });
}

/** Page by page, as they come. */
async function read(
  page: (cursor: { limit: number; after?: string }) => Promise<Log[]>,
  show: (logs: readonly Log[]) => void,
): Promise<void> {
  const limit = LIMITS.logsPageMax;
  for (let after: string | undefined; ;) {
    const logs = await page({ limit, ...(after === undefined ? {} : { after }) });
    show(logs);
    after = logs.at(-1)?.id;
    if (logs.length < limit) return;
  }
}

interface Following {
  filter: Filter;
  show: (logs: readonly Log[]) => void;
  signal: AbortSignal;
}

/** From the beginning until the run has ended; its stream has the whole log, so what is wanted is picked here. */
async function follow(
  client: PegasusClient,
  ids: readonly [workflowId: string, executionId: string],
  { filter, show, signal }: Following,
): Promise<void> {
  for await (const event of client.live.execution(...ids, { logs: true, signal }))
    if (event.type === 'log') show(event.entries.filter((log) => isWanted(log, filter)));
}

function isWanted(log: Log, { level, step, since }: Filter): boolean {
  if (log.source === 'platform') return true;
  return (
    (level === undefined || LOG_LEVELS.indexOf(log.level) >= LOG_LEVELS.indexOf(level)) &&
    (step === undefined || log.activityType === step || log.activityId === step) &&
    (since === undefined || Date.parse(log.at) >= Date.parse(since))
  );
}

/** `09:15:02.123 warn  charge #2  the message {"order":17}`: further lines of a message stand below it. */
function linesOf(log: Log, colors: Palette): string[] {
  const paint = { debug: colors.quiet, info: colors.command, warn: colors.warn, error: colors.bad }[
    log.level
  ];
  const attempt = log.attempt !== undefined && log.attempt > 1 ? ` #${log.attempt}` : '';
  const step = log.activityType === undefined ? '' : `${printable(log.activityType)}${attempt}  `;
  const [first = '', ...further] = printable(log.message).split('\n');
  const attributes =
    log.attributes === undefined ? '' : ` ${colors.quiet(printable(JSON.stringify(log.attributes)))}`;
  const cut = log.truncated ? colors.quiet(' …') : '';
  const head = `${colors.quiet(log.at.slice(11, 23))} ${paint(log.level.padEnd(5))} ${colors.strong(step)}${first}`;
  return [
    head + (further.length === 0 ? attributes + cut : ''),
    ...further.map((line, n) => `  ${line}${n === further.length - 1 ? attributes + cut : ''}`),
  ];
}
