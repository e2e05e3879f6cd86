import { DEFAULT_GROUP, type RequirementsSummary } from '@pegasus-workflows/contracts';
import { connect } from '../api.js';
import { type Context } from '../context.js';
import { readGivenValue, type ValueSource } from '../options/given-value.js';
import { formatTime } from '../output/format.js';
import { withProgress } from '../output/progress.js';
import { renderTable } from '../output/table.js';
import { confirm } from '../setup/confirm.js';
import { resolveWorkflow, type Where } from '../workflows/resolve.js';

export interface SetOptions extends ValueSource {
  group?: string;
  description?: string;
}
export type CheckOptions = Where;

/** `secrets set`. The value is in no argument, no output and no message. */
export async function set(context: Context, key: string, options: SetOptions): Promise<void> {
  const { group, description } = options;
  const value = await readGivenValue(context, { what: 'secret', isSecret: true }, options);
  const { client } = await connect(context);
  const { out } = context;
  const made = await withProgress(out, 'sending the secret', () =>
    client.secrets.set(key, value, { group, description }),
  );
  out.line(`${out.colors.good('✓')} secret ${made.group}/${made.key} is set`);
  out.result(made);
}

/** `secrets list`. */
export async function list(context: Context, { group }: { group?: string }): Promise<void> {
  const { client } = await connect(context);
  const { out } = context;
  const secrets = await withProgress(out, 'reading secrets', () => client.secrets.list({ group }));
  out.result(secrets);
  if (secrets.length === 0) {
    out.line('No secret is set yet. Set one: pegasus-workflows secrets set <key>');
    return;
  }
  const table = renderTable(
    [
      { title: 'key', keep: true },
      { title: 'group', keep: true },
      { title: 'set (UTC)' },
      { title: 'description' },
    ],
    secrets.map((secret) => [
      secret.key,
      secret.group,
      formatTime(secret.createdAt),
      secret.description?.split('\n')[0] ?? '',
    ]),
    out.width,
  );
  for (const line of table) out.line(line);
}

/** `secrets delete`. */
export async function remove(
  context: Context,
  key: string,
  { group = DEFAULT_GROUP, yes }: { group?: string; yes?: boolean },
): Promise<void> {
  const { client } = await connect(context);
  const { out } = context;
  await confirm(context, `Delete the secret ${group}/${key}? Nothing shows its value again.`, yes);
  await client.secrets.delete(key, { group });
  out.line(`${out.colors.good('✓')} secret ${group}/${key} is deleted`);
  out.result({ group, key, deleted: true });
}

/** `secrets check`: 1 when something that a workflow needs is not set. */
export async function check(
  context: Context,
  reference: string | undefined,
  where: CheckOptions,
): Promise<number> {
  const { client } = await connect(context);
  const { out } = context;
  const summary = await withProgress(out, 'reading what workflows need', async () => {
    const only = reference && (await resolveWorkflow(context, client, reference, where)).id;
    const { workflows } = await client.workflows.requirementsSummary();
    const chosen = workflows.filter(
      ({ workflowId, requirements }) => requirements.length > 0 && (!only || workflowId === only),
    );
    return {
      workflows: chosen,
      totalMissing: chosen.reduce((sum, { missingCount }) => sum + missingCount, 0),
    };
  });
  out.result(summary);
  printSummary(context, summary);
  return summary.totalMissing > 0 ? 1 : 0;
}

function printSummary({ out }: Context, { workflows, totalMissing }: RequirementsSummary): void {
  if (workflows.length === 0) {
    out.line('Nothing is needed.');
    return;
  }
  const rows = workflows.flatMap(({ name, version, requirements }) =>
    requirements.map(({ kind, group, key, present, description }) => [
      `${name}@${version}`,
      kind.toLowerCase(),
      `${group}/${key}`,
      present ? 'set' : out.colors.bad('missing'),
      description?.split('\n')[0] ?? '',
    ]),
  );
  const columns = [
    { title: 'workflow', keep: true },
    { title: 'kind' },
    { title: 'key', keep: true },
    { title: 'state' },
    { title: 'description' },
  ];
  for (const line of renderTable(columns, rows, out.width)) out.line(line);
  const first = workflows.flatMap(({ requirements }) => requirements).find(({ present }) => !present);
  if (!first) return;
  const flag = first.group === DEFAULT_GROUP ? '' : ` --group ${first.group}`;
  const command = first.kind === 'SECRET' ? 'secrets' : 'configs';
  out.note(`${totalMissing} missing; next: pegasus-workflows ${command} set ${first.key}${flag}`);
}
