import { type Workflow } from '@pegasus-workflows/contracts';
import { PegasusError } from '@pegasus-workflows/contracts/errors';
import { type PegasusClient } from 'pegasus-workflows-sdk/client';
import { connect } from '../api.js';
import { type Context } from '../context.js';
import { printExecution } from '../output/describe.js';
import { formatTime } from '../output/format.js';
import { withProgress } from '../output/progress.js';
import { renderTable } from '../output/table.js';
import { readInstant } from '../runs/filters.js';
import { resolveVersions, resolveWorkflow, type Where } from '../workflows/resolve.js';
import { findTrigger, printTrigger, takenOver, triggersOf, whenOf } from '../workflows/triggers.js';

export interface BackfillOptions extends Where {
  from: string;
  to?: string;
}
export interface TakeOverOptions extends Where {
  /** A version of the same workflow. */
  from?: string;
}

/** `triggers pause` and `triggers resume`. */
export async function pauseOrResume(
  context: Context,
  act: 'pause' | 'resume',
  reference: string,
  triggerId: string,
  { note, ...where }: Where & { note?: string },
): Promise<void> {
  const { client } = await connect(context);
  const { workflow, trigger } = await withProgress(context.out, `asking to ${act} it`, async () => {
    const found = await findTrigger(context, client, reference, triggerId, where);
    const said = note === undefined ? {} : { note };
    return {
      ...found,
      trigger: await client.triggers[act](found.workflow.id, found.trigger.id, said),
    };
  });
  printTrigger(context, workflow, trigger);
  context.out.result(trigger);
}

/** `triggers run`: a schedule's run, now. */
export async function runNow(
  context: Context,
  reference: string,
  triggerId: string,
  where: Where,
): Promise<void> {
  const { client } = await connect(context);
  const { out } = context;
  const { workflow, execution } = await withProgress(out, 'starting its run', async () => {
    const found = await findTrigger(context, client, reference, triggerId, where);
    return { ...found, execution: await client.triggers.run(found.workflow.id, found.trigger.id) };
  });
  printExecution(out, workflow, execution);
  out.note(
    out.noteColors.quiet(`watch it: pegasus-workflows executions watch ${workflow.name} ${execution.id}`),
  );
  out.result(execution);
}

/** `triggers backfill`. */
export async function backfill(
  context: Context,
  reference: string,
  triggerId: string,
  { from, to, ...where }: BackfillOptions,
): Promise<void> {
  const request = {
    from: readInstant('--from', from),
    to: to === undefined ? new Date().toISOString() : readInstant('--to', to),
  };
  const { client } = await connect(context);
  const { out } = context;
  const { workflow, answer } = await withProgress(out, 'asking for the ticks', async () => {
    const found = await findTrigger(context, client, reference, triggerId, where);
    return { ...found, answer: await client.triggers.backfill(found.workflow.id, found.trigger.id, request) };
  });
  const runs = answer.executionIds.length;
  out.line(
    `${answer.ticks} ${answer.ticks === 1 ? 'tick' : 'ticks'} from ${formatTime(request.from)} to ${formatTime(request.to)} UTC; ${runs} ${runs === 1 ? 'run waits' : 'runs wait'} for its turn, the others had theirs.`,
  );
  if (runs > 0)
    out.note(out.noteColors.quiet(`see them: pegasus-workflows executions list ${workflow.name}`));
  out.result(answer);
}

/** `triggers next`: the coming times of all schedules of a workflow, or of one. */
export async function next(
  context: Context,
  reference: string,
  triggerId: string | undefined,
  where: Where,
): Promise<void> {
  const { client } = await connect(context);
  const { out } = context;
  const found = await withProgress(out, 'reading schedules', async () =>
    triggerId === undefined
      ? triggersOf(client, await resolveVersions(context, client, reference, where))
      : [await findTrigger(context, client, reference, triggerId, where)],
  );
  const times = found
    .flatMap(({ workflow, trigger }) =>
      (trigger.nextTimes ?? []).map((at) => ({
        at,
        triggerId: trigger.id,
        version: workflow.version,
        when: whenOf(trigger),
      })),
    )
    .sort((a, b) => (a.at < b.at ? -1 : 1));
  out.result(times.map(({ at, triggerId: id }) => ({ at, triggerId: id })));
  if (times.length === 0) {
    out.line(`No schedule of ${reference} is to fire: there is none, or it is paused.`);
    return;
  }
  const table = renderTable(
    [
      { title: 'next (UTC)', keep: true },
      { title: 'trigger', keep: true },
      { title: 'version' },
      { title: 'when' },
    ],
    times.map(({ at, triggerId: id, version, when }) => [formatTime(at), id, version, when]),
    out.width,
  );
  for (const line of table) out.line(line);
}

/** `triggers take-over`. */
export async function takeOver(
  context: Context,
  reference: string,
  { from, ...where }: TakeOverOptions,
): Promise<void> {
  const { client } = await connect(context);
  const { out } = context;
  const { workflow, moved } = await withProgress(out, 'moving triggers', async () => {
    const to = await resolveWorkflow(context, client, reference, where);
    const request = from === undefined ? {} : { fromWorkflowId: (await versionOf(client, to, from)).id };
    return { workflow: to, moved: await client.triggers.takeOver(to.id, request) };
  });
  out.line(takenOver(moved.length, workflow));
  for (const trigger of moved) out.line(`  ${whenOf(trigger)}  ${trigger.id}`);
  out.result(moved);
}

async function versionOf(client: PegasusClient, of: Workflow, version: string): Promise<Workflow> {
  const all = await client.workflows.list();
  const found = all.find(
    ({ name, version: one, visibility }) =>
      name === of.name && one === version && visibility === of.visibility,
  );
  if (found) return found;
  throw new PegasusError('NOT_FOUND', `There is no version ${version} of workflow "${of.name}".`, {
    hint: 'See what is published: pegasus-workflows workflows list',
  });
}
