import { PegasusError } from '@pegasus-workflows/contracts/errors';
import { type CreateTriggerRequest } from '@pegasus-workflows/contracts';
import { connect } from '../api.js';
import { type Context } from '../context.js';
import { readFilter, type FilterOptions } from '../options/shaped-json.js';
import { given, switched, type SwitchOptions } from '../options/switched.js';
import { formatTime } from '../output/format.js';
import { withProgress } from '../output/progress.js';
import { renderTable } from '../output/table.js';
import { confirm } from '../setup/confirm.js';
import { resolveVersions, resolveWorkflow, type Where } from '../workflows/resolve.js';
import { findTrigger, printTrigger, triggersOf, whenOf, type FoundTrigger } from '../workflows/triggers.js';

interface TriggerFields extends Where, FilterOptions {
  cron?: string;
  event?: string;
}
export interface CreateTriggerOptions extends TriggerFields {
  disabled?: boolean;
}
export interface ChangeTriggerOptions extends TriggerFields, SwitchOptions {}
export interface DeleteTriggerOptions extends Where {
  yes?: boolean;
}

/** `triggers list`: of all versions together, since it is the workflow that a person asks about. */
export async function list(context: Context, reference: string, where: Where): Promise<void> {
  const { client } = await connect(context);
  const { out } = context;
  const { name, found } = await withProgress(out, 'reading triggers', async () => {
    const versions = await resolveVersions(context, client, reference, where);
    return { name: versions[0]?.name ?? reference, found: await triggersOf(client, versions) };
  });
  out.result(found.map(({ trigger }) => trigger));
  if (found.length === 0) {
    out.line(
      `Nothing starts ${name} by itself. Create a trigger: pegasus-workflows triggers create ${name} --cron '0 6 * * *'`,
    );
    return;
  }
  for (const line of tableOf(context, found)) out.line(line);
}

function tableOf({ out }: Context, found: readonly FoundTrigger[]): string[] {
  return renderTable(
    [
      { title: 'trigger', keep: true },
      { title: 'version' },
      { title: 'when', keep: true },
      { title: 'state' },
      { title: 'next (UTC)' },
    ],
    found.map(({ workflow, trigger }) => [
      trigger.id,
      workflow.version,
      whenOf(trigger),
      trigger.enabled ? 'enabled' : trigger.kind === 'SCHEDULE' ? 'paused' : 'disabled',
      formatTime(trigger.nextTimes?.[0] ?? null),
    ]),
    out.width,
  );
}

/** `triggers create`. */
export async function create(
  context: Context,
  reference: string,
  options: CreateTriggerOptions,
): Promise<void> {
  const request = await readRequest(context, options);
  const { client } = await connect(context);
  const { workflow, trigger } = await withProgress(context.out, 'creating the trigger', async () => {
    const found = await resolveWorkflow(context, client, reference, options);
    return { workflow: found, trigger: await client.triggers.create(found.id, request) };
  });
  printTrigger(context, workflow, trigger);
  context.out.result(trigger);
}

async function readRequest(context: Context, options: CreateTriggerOptions): Promise<CreateTriggerRequest> {
  const { cron, event, disabled } = options;
  const filter = await readFilter(context, options);
  const enabled = !disabled;
  if (event !== undefined) return { kind: 'EVENT', eventType: event, ...given({ filter }), enabled };
  if (cron === undefined)
    throw new PegasusError('VALIDATION_ERROR', 'What starts it was not given.', {
      hint: "Give --cron '0 6 * * *' (UTC) or --event <type>.",
    });
  if (filter !== undefined) throw new PegasusError('VALIDATION_ERROR', 'A filter goes with --event.');
  return { kind: 'SCHEDULE', cronExpression: cron, enabled };
}

/** `triggers update`. */
export async function update(
  context: Context,
  reference: string,
  triggerId: string,
  options: ChangeTriggerOptions,
): Promise<void> {
  const change = {
    ...given({
      cronExpression: options.cron,
      eventType: options.event,
      filter: await readFilter(context, options),
    }),
    ...switched(options),
  };
  if (Object.keys(change).length === 0)
    throw new PegasusError('VALIDATION_ERROR', 'Nothing to change was given.', {
      hint: 'Give --cron, --event, --filter, --enable or --disable.',
    });
  const { client } = await connect(context);
  const { workflow, trigger } = await withProgress(context.out, 'changing the trigger', async () => {
    const found = await findTrigger(context, client, reference, triggerId, options);
    return {
      ...found,
      trigger: await client.triggers.update(found.workflow.id, found.trigger.id, change),
    };
  });
  printTrigger(context, workflow, trigger);
  context.out.result(trigger);
}

/** `triggers delete`. */
export async function remove(
  context: Context,
  reference: string,
  triggerId: string,
  options: DeleteTriggerOptions,
): Promise<void> {
  const { client } = await connect(context);
  const { out } = context;
  const { workflow, trigger } = await findTrigger(context, client, reference, triggerId, options);
  const what = `${whenOf(trigger)} of ${workflow.name}@${workflow.version}`;
  await confirm(context, `Delete the trigger ${what}?`, options.yes);
  await client.triggers.delete(workflow.id, trigger.id);
  out.line(`${out.colors.good('✓')} deleted ${what}; what it has started runs on.`);
  out.result({ deleted: trigger.id });
}
