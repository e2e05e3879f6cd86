import { isTerminal, type ExecutionStatus } from '@pegasus-workflows/contracts';
import { PegasusError } from '@pegasus-workflows/contracts/errors';
import { isPegasusApiError, type PegasusClient } from 'pegasus-workflows-sdk/client';
import { connect } from '../api.js';
import { type Context } from '../context.js';
import { executionDuration, paintStatus, printExecution } from '../output/describe.js';
import { formatDuration, formatTime } from '../output/format.js';
import { withProgress } from '../output/progress.js';
import { renderTable } from '../output/table.js';
import { readInstant, readLimit, readStatuses } from '../runs/filters.js';
import { findExecution, LATEST, listExecutions, type FoundExecution } from '../runs/find.js';
import { finishRun } from '../runs/finish.js';
import { historyOf } from '../runs/follow.js';
import { authorFrames } from '../runs/stack.js';
import { renderTimeline } from '../timeline/render.js';
import { toSteps } from '../timeline/steps.js';
import { resolveVersions, type Where } from '../workflows/resolve.js';

export interface ListOptions extends Where {
  limit: string;
  before?: string;
  status?: string;
  since?: string;
  until?: string;
}

/** `executions list`: newest first, of all versions together. */
export async function list(context: Context, reference: string, options: ListOptions): Promise<void> {
  const filter = {
    limit: readLimit(options.limit),
    before: options.before,
    status: options.status === undefined ? undefined : readStatuses(options.status),
    since: options.since === undefined ? undefined : readInstant('--since', options.since),
    until: options.until === undefined ? undefined : readInstant('--until', options.until),
  };
  const { client } = await connect(context);
  const { out } = context;
  const { rows, name } = await withProgress(out, 'reading runs', async () => {
    const versions = await resolveVersions(context, client, reference, options);
    return { rows: await listExecutions(client, versions, filter), name: versions[0]?.name ?? reference };
  });
  out.result(rows.map(({ execution }) => execution));
  if (rows.length === 0) {
    const filtered = filter.before ?? filter.status ?? filter.since ?? filter.until;
    out.line(
      filtered === undefined
        ? `No runs of ${name} yet. Start one: pegasus-workflows run ${name}`
        : `No runs of ${name} fit.`,
    );
    return;
  }
  for (const line of tableOf(context, rows)) out.line(line);
  if (rows.length === filter.limit)
    noteNextPage(context, reference, { ...options, since: filter.since, until: filter.until }, rows);
}

function tableOf({ out }: Context, rows: readonly FoundExecution[]): string[] {
  return renderTable(
    [
      { title: 'run', keep: true },
      { title: 'status', keep: true },
      { title: 'version' },
      { title: 'started (UTC)' },
      { title: 'took', align: 'right' },
    ],
    rows.map(({ workflow, execution }) => [
      execution.id,
      paintStatus(execution.status, out.colors),
      workflow.version,
      formatTime(execution.startedAt ?? execution.queuedAt),
      formatDuration(executionDuration(execution)),
    ]),
    out.width,
  );
}

/** The command that shows what comes after a full page; times are those that were meant, however late it is run. */
function noteNextPage(
  { out }: Context,
  reference: string,
  options: Omit<ListOptions, 'since' | 'until'> & { since: string | undefined; until: string | undefined },
  rows: readonly FoundExecution[],
): void {
  const { status, since, until, limit, env, dir } = options;
  const flags = Object.entries({ status, since, until, limit, env, dir })
    .filter(([name, value]) => value !== undefined && !(name === 'limit' && value === '20'))
    .map(([name, value]) => ` --${name} ${value}`);
  const last = rows.at(-1)?.execution.id;
  out.note(
    out.noteColors.quiet(
      `older ones: pegasus-workflows executions list ${reference}${flags.join('')} --before ${last}`,
    ),
  );
}

export interface ShowOptions extends Where {
  /** Ask the run where it waits now. */
  stack?: boolean;
}

/** `executions show`: input, result, error and timeline. With `--json`, the execution with its `timeline` and `stack`. */
export async function show(
  context: Context,
  reference: string,
  executionId: string,
  options: ShowOptions,
): Promise<void> {
  const { client } = await connect(context);
  const { out } = context;
  const { workflow, execution, history, stack } = await withProgress(out, 'reading the run', async () => {
    const versions = await resolveVersions(context, client, reference, options);
    const found = await findExecution(client, versions, executionId);
    return {
      ...found,
      history: await historyOf(client, found.workflow, found.execution.id),
      stack: options.stack ? await stackOf(client, found) : undefined,
    };
  });
  const steps = toSteps(history);
  const look = { colors: out.colors, width: out.width, bars: out.screen !== undefined };
  printExecution(out, workflow, execution);
  if (steps.length > 0) out.line();
  for (const line of renderTimeline(steps, look)) out.line(line);
  if (stack !== undefined) {
    out.line();
    out.line(out.colors.quiet(stack.length > 0 ? 'waits at' : 'waits nowhere in its code'));
    for (const line of stack) out.line(`  ${line}`);
  }
  out.note(
    out.noteColors.quiet(
      `what it logged: pegasus-workflows executions logs ${workflow.name} ${execution.id}`,
    ),
  );
  out.result({ ...execution, timeline: steps, ...(stack === undefined ? {} : { stack }) });
}

/** The author's frames of every place in the code where an open run waits; none of a run that has ended. */
async function stackOf(client: PegasusClient, { workflow, execution }: FoundExecution): Promise<string[]> {
  if (isTerminal(execution.status) || execution.status === 'QUEUED') return [];
  const answer = await client.executions.query(workflow.id, execution.id, '__stack_trace');
  return typeof answer === 'string' ? authorFrames(answer) : [];
}

/** `executions watch`: the timeline as it happens. */
export async function watch(
  context: Context,
  reference: string,
  executionId: string = LATEST,
  options: Where = {},
): Promise<number> {
  const { client } = await connect(context);
  const versions = await resolveVersions(context, client, reference, options);
  const { workflow, execution } = await findExecution(client, versions, executionId);
  context.out.line(context.out.colors.quiet(`${workflow.name}@${workflow.version}  run ${execution.id}`));
  return finishRun(context, client, workflow, execution, { follow: true });
}

/** `executions cancel`. */
export async function cancel(
  context: Context,
  reference: string,
  executionId: string,
  options: Where,
): Promise<void> {
  const { client } = await connect(context);
  const found = await find(context, client, reference, executionId, options);
  const execution = await client.executions.cancel(found.workflow.id, found.execution.id).catch((error) => {
    throw explainState(error, found);
  });
  printExecution(context.out, found.workflow, execution);
  context.out.note('Cancellation was requested; the workflow may clean up before it ends.');
  context.out.result(execution);
}

/** `executions retry`. */
export async function retry(
  context: Context,
  reference: string,
  executionId: string,
  options: Where,
): Promise<void> {
  const { client } = await connect(context);
  const found = await find(context, client, reference, executionId, options);
  const execution = await client.executions.retry(found.workflow.id, found.execution.id).catch((error) => {
    throw explainState(error, found);
  });
  printExecution(context.out, found.workflow, execution);
  context.out.note(
    context.out.noteColors.quiet(
      `watch it: pegasus-workflows executions watch ${found.workflow.name} ${execution.id}`,
    ),
  );
  context.out.result(execution);
}

/** A run of any version of a workflow. */
export async function find(
  context: Context,
  client: PegasusClient,
  reference: string,
  executionId: string,
  options: Where,
): Promise<FoundExecution> {
  const versions = await resolveVersions(context, client, reference, options);
  return findExecution(client, versions, executionId);
}

/** A conflict says what can be done with a run in the state that it is in. */
function explainState(error: unknown, { workflow, execution }: FoundExecution): unknown {
  if (!isPegasusApiError(error) || error.status !== 409) return error;
  const run = `${workflow.name} ${execution.id}`;
  return new PegasusError(CONFLICTS[error.code] ?? 'CONFLICT', error.message, {
    cause: error,
    hint: isOpen(execution.status)
      ? `It is still under way: pegasus-workflows executions watch ${run}`
      : `It has ended: pegasus-workflows executions show ${run}`,
  });
}

const CONFLICTS: Record<string, 'EXECUTION_NOT_CANCELLABLE' | 'EXECUTION_NOT_RETRYABLE'> = {
  EXECUTION_NOT_CANCELLABLE: 'EXECUTION_NOT_CANCELLABLE',
  EXECUTION_NOT_RETRYABLE: 'EXECUTION_NOT_RETRYABLE',
};

function isOpen(status: ExecutionStatus): boolean {
  return !isTerminal(status);
}
