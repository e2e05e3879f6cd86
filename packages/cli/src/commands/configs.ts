import { DEFAULT_GROUP } from '@pegasus-workflows/contracts';
import { PegasusError } from '@pegasus-workflows/contracts/errors';
import { connect } from '../api.js';
import { type Context } from '../context.js';
import { readGivenValue, type ValueSource } from '../options/given-value.js';
import { formatTime } from '../output/format.js';
import { withProgress } from '../output/progress.js';
import { renderTable } from '../output/table.js';
import { confirm } from '../setup/confirm.js';

export interface SetOptions extends ValueSource {
  group?: string;
  description?: string;
}

/** `configs set`. */
export async function set(context: Context, key: string, options: SetOptions): Promise<void> {
  const { group, description } = options;
  const value = await readGivenValue(context, { what: 'configuration value', isSecret: false }, options);
  const { client } = await connect(context);
  const { out } = context;
  const made = await withProgress(out, 'sending the value', () =>
    client.configs.set(key, value, { group, description }),
  );
  out.line(`${out.colors.good('✓')} config ${made.group}/${made.key} is set`);
  out.result(made);
}

/** `configs get`: the value as it is. */
export async function get(
  context: Context,
  key: string,
  { group = DEFAULT_GROUP }: { group?: string },
): Promise<void> {
  const { client } = await connect(context);
  const { out } = context;
  const all = await withProgress(out, 'reading the value', () => client.configs.list({ group }));
  const found = all.find((config) => config.key === key);
  if (!found) {
    throw new PegasusError('NOT_FOUND', `There is no configuration ${group}/${key}.`, {
      hint: `See those there are: pegasus-workflows configs list`,
    });
  }
  out.line(found.value);
  out.result(found);
}

/** `configs list`. */
export async function list(context: Context, { group }: { group?: string }): Promise<void> {
  const { client } = await connect(context);
  const { out } = context;
  const configs = await withProgress(out, 'reading configuration', () => client.configs.list({ group }));
  out.result(configs);
  if (configs.length === 0) {
    out.line('No configuration value is set yet. Set one: pegasus-workflows configs set <key>');
    return;
  }
  const table = renderTable(
    [
      { title: 'key', keep: true },
      { title: 'group', keep: true },
      { title: 'value' },
      { title: 'changed (UTC)' },
      { title: 'description' },
    ],
    configs.map((config) => [
      config.key,
      config.group,
      config.value.split('\n')[0] ?? '',
      formatTime(config.updatedAt),
      config.description?.split('\n')[0] ?? '',
    ]),
    out.width,
  );
  for (const line of table) out.line(line);
}

/** `configs delete`. */
export async function remove(
  context: Context,
  key: string,
  { group = DEFAULT_GROUP, yes }: { group?: string; yes?: boolean },
): Promise<void> {
  const { client } = await connect(context);
  const { out } = context;
  await confirm(context, `Delete the configuration ${group}/${key}?`, yes);
  await client.configs.delete(key, { group });
  out.line(`${out.colors.good('✓')} config ${group}/${key} is deleted`);
  out.result({ group, key, deleted: true });
}
