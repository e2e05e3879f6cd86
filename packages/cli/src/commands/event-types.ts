import { filterSchema, payloadSchemaSchema, type EventType } from '@pegasus-workflows/contracts';
import { PegasusError } from '@pegasus-workflows/contracts/errors';
import { isPegasusApiError } from 'pegasus-workflows-sdk/client';
import { connect } from '../api.js';
import { type Context } from '../context.js';
import { readShapedJson } from '../options/shaped-json.js';
import { given, switched, type SwitchOptions } from '../options/switched.js';
import { printFacts } from '../output/facts.js';
import { formatTime } from '../output/format.js';
import { withProgress } from '../output/progress.js';
import { renderTable } from '../output/table.js';
import { confirm } from '../setup/confirm.js';

interface TypeFields {
  description?: string;
  schema?: string;
  condition?: string;
}
export interface CreateTypeOptions extends TypeFields {
  disabled?: boolean;
}
export interface ChangeTypeOptions extends TypeFields, SwitchOptions {}
export interface DeleteTypeOptions {
  force?: boolean;
  yes?: boolean;
}

/** `event-types list`. */
export async function list(context: Context): Promise<void> {
  const { client } = await connect(context);
  const { out } = context;
  const types = await withProgress(out, 'reading event types', () => client.eventTypes.list());
  out.result(types);
  if (types.length === 0) {
    out.line('No event types of your own yet. Create one: pegasus-workflows event-types create <type>');
    return;
  }
  const table = renderTable(
    [{ title: 'type', keep: true }, { title: 'state' }, { title: 'checked' }, { title: 'description' }],
    types.map((type) => [
      type.name,
      type.enabled ? 'enabled' : 'disabled',
      checksOf(type),
      type.description?.split('\n')[0] ?? '',
    ]),
    out.width,
  );
  for (const line of table) out.line(line);
}

function checksOf({ payloadSchema, domainCondition }: EventType): string {
  return [payloadSchema && 'schema', domainCondition && 'condition'].filter(Boolean).join(', ');
}

/** `event-types show`. */
export async function show(context: Context, name: string): Promise<void> {
  const { client } = await connect(context);
  print(context, await withProgress(context.out, 'reading the type', () => client.eventTypes.get(name)));
}

/** `event-types create`. */
export async function create(context: Context, name: string, options: CreateTypeOptions): Promise<void> {
  const fields = await readFields(context, options);
  const { client } = await connect(context);
  const created = await client.eventTypes.create({
    name,
    ...fields,
    ...(options.disabled ? { enabled: false } : {}),
  });
  print(context, created);
  context.out.note(
    context.out.noteColors.quiet(
      `start a workflow by it: pegasus-workflows triggers create <workflow> --event ${created.name}`,
    ),
  );
}

/** `event-types update`. */
export async function update(context: Context, name: string, options: ChangeTypeOptions): Promise<void> {
  const change = { ...(await readFields(context, options)), ...switched(options) };
  if (Object.keys(change).length === 0)
    throw new PegasusError('VALIDATION_ERROR', 'Nothing to change was given.', {
      hint: 'Give --description, --schema, --condition, --enable or --disable.',
    });
  const { client } = await connect(context);
  print(context, await client.eventTypes.update(name, change));
}

/** `event-types delete`. */
export async function remove(context: Context, name: string, options: DeleteTypeOptions): Promise<void> {
  const { client } = await connect(context);
  await confirm(context, `Delete the event type ${name}?`, options.yes);
  try {
    await client.eventTypes.delete(name, { force: options.force ?? false });
  } catch (error) {
    if (!isPegasusApiError(error) || error.code !== 'CONFLICT') throw error;
    throw new PegasusError('CONFLICT', `Enabled triggers listen to ${name}.`, {
      cause: error,
      hint: 'Disable or delete them first, or add --force: they then start nothing any more.',
    });
  }
  context.out.line(`${context.out.colors.good('✓')} ${name} is deleted; its events stay.`);
  context.out.result({ deleted: name });
}

async function readFields(context: Context, { description, schema, condition }: TypeFields) {
  return given({
    description: description === '' ? null : description,
    payloadSchema:
      schema === undefined
        ? undefined
        : await readShapedJson(context, '--schema', schema, payloadSchemaSchema.nullable()),
    domainCondition:
      condition === undefined
        ? undefined
        : await readShapedJson(context, '--condition', condition, filterSchema.nullable()),
  });
}

function print({ out }: Context, type: EventType): void {
  const json = (value: object | null): string | null => value && JSON.stringify(value, null, 2);
  printFacts(out, type.name, [
    ['description', type.description],
    ['id', type.id],
    ['state', type.enabled ? 'enabled' : 'disabled: it cannot be emitted'],
    ['created', `${formatTime(type.createdAt)} UTC`],
    ['schema', json(type.payloadSchema)],
    ['condition', json(type.domainCondition)],
  ]);
  out.result(type);
}
