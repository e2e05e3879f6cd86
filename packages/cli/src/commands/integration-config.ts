import path from 'node:path';
import { gateReportSchema, type IntegrationVersion } from '@pegasus-workflows/contracts';
import { PegasusError } from '@pegasus-workflows/contracts/errors';
import { isPegasusApiError } from 'pegasus-workflows-sdk/client';
import { connect } from '../api.js';
import { type Context } from '../context.js';
import { EXIT } from '../exit-codes.js';
import { diffOf } from '../integrations/diff.js';
import { filesOf } from '../integrations/files.js';
import { readFolder, writeFolder } from '../integrations/folder.js';
import { runLocalGate } from '../integrations/local-gate.js';
import { printReport } from '../integrations/report.js';
import { writeSchemas } from '../integrations/schemas.js';
import { formatTime } from '../output/format.js';
import { withProgress } from '../output/progress.js';
import { renderTable } from '../output/table.js';
import { confirm } from '../setup/confirm.js';

export interface FolderOptions {
  dir?: string;
}
export interface PullOptions extends FolderOptions {
  stdout?: boolean;
  force?: boolean;
  version?: string;
}
export interface ValidateOptions extends FolderOptions {
  offline?: boolean;
}
export interface PublishOptions extends FolderOptions {
  ifVersion?: string;
}
export interface ForceOptions {
  force?: boolean;
  yes?: boolean;
}

/** `integration-config list`: what is in force, by integration. */
export async function list(context: Context): Promise<void> {
  const { client } = await connect(context);
  const { out } = context;
  const found = await withProgress(out, 'reading configurations', () => client.integrations.configs.list());
  out.result(found);
  if (found.length === 0) return out.line('There is no configuration of any integration.');
  const table = renderTable(
    [
      { title: 'integration', keep: true },
      { title: 'version', align: 'right' },
      { title: 'of' },
      { title: 'name' },
      { title: 'published (UTC)' },
    ],
    found.map(({ integrationId, version, visibility, overlaysGlobal, displayName, createdAt }) => [
      integrationId,
      String(version),
      visibility === 'GLOBAL'
        ? 'the platform'
        : overlaysGlobal
          ? 'this tenant, over the platform'
          : 'this tenant',
      displayName ?? '',
      formatTime(createdAt),
    ]),
    out.width,
  );
  for (const line of table) out.line(line);
}

/** `integration-config pull`: the active version, or another one, as files. */
export async function pull(context: Context, id: string, options: PullOptions): Promise<void> {
  const { client } = await connect(context);
  const { out } = context;
  const version = options.version === undefined ? undefined : readVersion('--version', options.version);
  const config = await withProgress(out, 'reading the configuration', () =>
    version === undefined
      ? client.integrations.configs.get(id)
      : client.integrations.configs.version(id, version),
  );
  if (options.stdout) {
    out.result(config);
    return out.line(JSON.stringify(config, null, 2));
  }
  const folder = folderOf(context, options);
  const changed = await writeFolder(folder, filesOf(config), options.force ?? false);
  await writeSchemas(folder);
  out.result(config);
  out.line(
    changed.length === 0
      ? `${out.colors.good('✓')} ${folder} is version ${config.version} of ${id} already`
      : `${out.colors.good('✓')} version ${config.version} of ${id} is in ${folder}: ${changed.join(', ')}`,
  );
}

/** `integration-config validate`. @returns 0, or 1 when the gate refuses it */
export async function validate(context: Context, id: string, options: ValidateOptions): Promise<number> {
  const { out } = context;
  const body = await readFolder(folderOf(context, options));
  const report = await withProgress(out, 'running the gate', async (update) => {
    if (options.offline) return runLocalGate(body, update);
    const { client } = await connect(context);
    return client.integrations.configs.validate(id, body);
  });
  out.result(report);
  printReport(out, report);
  return report.ok ? EXIT.done : EXIT.failed;
}

/** `integration-config publish`. @returns 0, or 1 when the gate refuses it */
export async function publish(context: Context, id: string, options: PublishOptions): Promise<number> {
  const { out } = context;
  const ifVersion =
    options.ifVersion === undefined ? undefined : readVersion('--if-version', options.ifVersion, 0);
  const body = await readFolder(folderOf(context, options));
  const { client } = await connect(context);
  try {
    const published = await withProgress(out, 'publishing', () =>
      client.integrations.configs.publish(id, body, { ifVersion }),
    );
    tellVersion(context, id, published, 'published');
    return EXIT.done;
  } catch (error) {
    const report = isPegasusApiError(error) ? gateReportSchema.safeParse(error.report).data : undefined;
    if (!report || out.json) throw error;
    printReport(out, report);
    out.line('Nothing was published.');
    return EXIT.failed;
  }
}

/** `integration-config versions`: newest first. */
export async function versions(context: Context, id: string): Promise<void> {
  const { client } = await connect(context);
  const { out } = context;
  const found = await withProgress(out, 'reading versions', () => client.integrations.configs.versions(id));
  out.result(found);
  const table = renderTable(
    [
      { title: 'version', align: 'right' },
      { title: '' },
      { title: 'of' },
      { title: 'published (UTC)' },
      { title: 'from' },
    ],
    found.map(({ version, active, visibility, createdAt, rolledBackFrom, forkedFromVersion }) => [
      String(version),
      active ? 'active' : '',
      visibility === 'GLOBAL' ? 'the platform' : 'this tenant',
      formatTime(createdAt),
      rolledBackFrom !== null
        ? `version ${rolledBackFrom}`
        : forkedFromVersion !== null
          ? `the platform's version ${forkedFromVersion}`
          : '',
    ]),
    out.width,
  );
  for (const line of table) out.line(line);
}

/** `integration-config rollback`: an old version once more, if it passes the gate today. */
export async function rollback(context: Context, id: string, text: string): Promise<void> {
  const version = readVersion('The version', text);
  const { client } = await connect(context);
  const published = await withProgress(context.out, 'publishing', () =>
    client.integrations.configs.rollback(id, version),
  );
  tellVersion(context, id, published, `published, which is version ${version} once more`);
}

/** `integration-config fork`: the platform's own, copied into the tenant. */
export async function fork(context: Context, id: string, { force }: ForceOptions): Promise<void> {
  const { client } = await connect(context);
  const published = await withProgress(context.out, 'copying', () =>
    client.integrations.configs.fork(id, { force }),
  );
  tellVersion(context, id, published, "a copy of the platform's");
}

/** `integration-config drop`: the tenant's own, with all its versions. */
export async function drop(context: Context, id: string, { force, yes }: ForceOptions): Promise<void> {
  const { client } = await connect(context);
  const { out } = context;
  await confirm(context, `Drop every version of ${id} that is this tenant's own?`, yes);
  await withProgress(out, 'dropping', () => client.integrations.configs.drop(id, { force }));
  out.line(`${out.colors.good('✓')} ${id} is dropped`);
  out.result({ integrationId: id, dropped: true });
}

/** `integration-config diff`: a version against the folder, or against another. @returns 0 when they are alike, else 1 */
export async function diff(
  context: Context,
  id: string,
  from: string,
  to: string | undefined,
  options: FolderOptions,
): Promise<number> {
  const [first, second] = [
    readVersion('The version', from),
    to === undefined ? undefined : readVersion('The other version', to),
  ];
  const { client } = await connect(context);
  const { out } = context;
  const { configs } = client.integrations;
  const [before, after] = await withProgress(out, 'reading versions', async () => [
    filesOf(await configs.version(id, first)),
    second === undefined
      ? filesOf((await readFolder(folderOf(context, options))) as Parameters<typeof filesOf>[0])
      : filesOf(await configs.version(id, second)),
  ]);
  const text = diffOf(before!, after!, {
    before: `version ${first}`,
    after: second === undefined ? 'folder' : `version ${second}`,
  });
  out.result({ same: text === '', diff: text });
  if (text === '') out.line('No difference.');
  else for (const line of text.trimEnd().split('\n')) out.line(colored(out.colors, line));
  return text === '' ? EXIT.done : EXIT.failed;
}

function colored({ good, bad, quiet }: Context['out']['colors'], line: string): string {
  if (line.startsWith('@@')) return quiet(line);
  if (line.startsWith('+')) return good(line);
  return line.startsWith('-') ? bad(line) : line;
}

function tellVersion({ out }: Context, id: string, version: IntegrationVersion, what: string): void {
  out.result(version);
  out.line(`${out.colors.good('✓')} version ${version.version} of ${id} is ${what}`);
}

function folderOf({ cwd }: Context, { dir }: FolderOptions): string {
  return path.resolve(cwd, dir ?? '.');
}

function readVersion(what: string, text: string, least = 1): number {
  const version = Number(text);
  if (/^\d{1,10}$/.test(text) && version >= least) return version;
  throw new PegasusError('VALIDATION_ERROR', `${what} must be a whole number from ${least}.`);
}
