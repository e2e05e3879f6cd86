import { LIMITS, PegasusError } from '@pegasus-workflows/contracts';
import { connect } from '../api.js';
import { type Context } from '../context.js';
import { executionDuration, paintStatus, printExecution } from '../output/describe.js';
import { formatDuration, formatTime } from '../output/format.js';
import { withProgress } from '../output/progress.js';
import { renderTable } from '../output/table.js';
import { finishRun } from '../runs/finish.js';
import { historyOf } from '../runs/follow.js';
import { renderTimeline } from '../timeline/render.js';
import { toSteps } from '../timeline/steps.js';
import { findExecution, listExecutions, resolveVersions, type FoundExecution } from '../workflows/resolve.js';

/** `executions list`: newest first. */
export async function list(
  context: Context,
  reference: string,
  options: { limit: string; before?: string },
): Promise<void> {
  const limit = readLimit(options.limit);
  const { client } = await connect(context);
  const { out } = context;
  const { rows, name } = await withProgress(out, 'reading runs', async () => {
    const versions = await resolveVersions(client, reference);
    const found = await listExecutions(client, versions, { limit, before: options.before });
    return { rows: found, name: versions[0]?.name ?? reference };
  });
  out.result(rows.map(({ execution }) => execution));
  if (rows.length === 0) {
    out.line(`No runs of ${name} yet. Start one: pegasus-workflows run ${name}`);
    return;
  }
  const table = renderTable(
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
  for (const line of table) out.line(line);
}

function readLimit(text: string): number {
  const limit = Number(text);
  if (Number.isInteger(limit) && limit >= 1 && limit <= LIMITS.executionsPageMax) return limit;
  throw new PegasusError(
    'VALIDATION_ERROR',
    `--limit must be a whole number from 1 to ${LIMITS.executionsPageMax}.`,
    {
      hint: 'Ask for older ones with --before <execution>.',
    },
  );
}

/** `executions show`: input, result, error and timeline. With `--json`, the execution with its `timeline`. */
export async function show(context: Context, reference: string, executionId: string): Promise<void> {
  const { client } = await connect(context);
  const { out } = context;
  const { workflow, execution, events } = await withProgress(out, 'reading the run', async () => {
    const found = await findExecution(client, await resolveVersions(client, reference), executionId);
    return { ...found, events: await historyOf(client, found.workflow, found.execution.id) };
  });
  const steps = toSteps(events);
  printExecution(out, workflow, execution);
  if (steps.length > 0) out.line();
  for (const line of renderTimeline(steps, out.colors, out.width)) out.line(line);
  out.result({ ...execution, timeline: steps });
}

/** `executions watch`: the timeline as it happens; without an id, of the newest run. */
export async function watch(
  context: Context,
  reference: string,
  executionId: string | undefined,
): Promise<number> {
  const { client } = await connect(context);
  const versions = await resolveVersions(client, reference);
  const found: FoundExecution | undefined = executionId
    ? await findExecution(client, versions, executionId)
    : (await listExecutions(client, versions, { limit: 1 }))[0];
  if (!found) {
    const name = versions[0]?.name ?? reference;
    throw new PegasusError('NOT_FOUND', `Workflow "${name}" has no runs yet.`, {
      hint: `Start one: pegasus-workflows run ${name} --follow`,
    });
  }
  const { workflow, execution } = found;
  context.out.line(context.out.colors.quiet(`${workflow.name}@${workflow.version}  run ${execution.id}`));
  return finishRun(context, client, workflow, execution, { follow: true });
}

/** `executions cancel`. */
export async function cancel(context: Context, reference: string, executionId: string): Promise<void> {
  const { client } = await connect(context);
  const found = await findExecution(client, await resolveVersions(client, reference), executionId);
  const execution = await client.executions.cancel(found.workflow.id, found.execution.id);
  printExecution(context.out, found.workflow, execution);
  context.out.note('Cancellation was requested; the workflow may clean up before it ends.');
  context.out.result(execution);
}

/** `executions retry`. */
export async function retry(context: Context, reference: string, executionId: string): Promise<void> {
  const { client } = await connect(context);
  const found = await findExecution(client, await resolveVersions(client, reference), executionId);
  const execution = await client.executions.retry(found.workflow.id, found.execution.id);
  printExecution(context.out, found.workflow, execution);
  context.out.result(execution);
}
