import { LIMITS } from '@pegasus-workflows/contracts';
import { PegasusError } from '@pegasus-workflows/contracts/errors';
import { connect } from '../api.js';
import { type Context } from '../context.js';
import { readGivenValue } from '../options/given-value.js';
import { formatTime } from '../output/format.js';
import { withProgress } from '../output/progress.js';
import { renderTable } from '../output/table.js';
import { confirm } from '../setup/confirm.js';

/** Integration, type and key. */
type Name = [integration: string, entityType: string, key: string];

export interface ListOptions {
  limit: string;
  after?: string;
}
export interface PutOptions {
  fromFile?: string;
  ifVersion?: string;
  ifAbsent?: boolean;
}
export interface DeleteOptions {
  ifVersion?: string;
  yes?: boolean;
}

/** `projections list`: one page. */
export async function list(
  context: Context,
  integration: string,
  entityType: string,
  { limit: text, after }: ListOptions,
): Promise<void> {
  const limit = readCount('--limit', text, LIMITS.projectionsPageMax);
  const { client } = await connect(context);
  const { out } = context;
  const page = await withProgress(out, 'reading projections', () =>
    asked(() => client.projections.list(integration, entityType, { limit, after })),
  );
  out.result(page);
  if (page.data.length === 0) {
    out.line(
      `No projections of ${integration}/${entityType}${after === undefined ? '' : ` after ${after}`}.`,
    );
    return;
  }
  const table = renderTable(
    [
      { title: 'key', keep: true },
      { title: 'version', align: 'right' },
      { title: 'changed (UTC)' },
      { title: 'state' },
    ],
    page.data.map(({ entityKey, version, updatedAt, state }) => [
      entityKey,
      String(version),
      formatTime(updatedAt),
      JSON.stringify(state),
    ]),
    out.width,
  );
  for (const line of table) out.line(line);
  if (page.meta.next === null) return;
  const more = `projections list ${integration} ${entityType} --limit ${limit} --after ${page.meta.next}`;
  out.note(out.noteColors.quiet(`more of them: pegasus-workflows ${more}`));
}

/** `projections get`: the state as JSON; its version is a note. */
export async function get(context: Context, name: Name): Promise<void> {
  const { client } = await connect(context);
  const { out } = context;
  const found = await withProgress(out, 'reading the projection', () =>
    asked(() => client.projections.get(...name)),
  );
  out.line(JSON.stringify(found.state, null, 2));
  out.result(found);
  if (!out.json)
    out.note(out.noteColors.quiet(`version ${found.version}, changed ${formatTime(found.updatedAt)} UTC`));
}

/** `projections put`. */
export async function put(context: Context, name: Name, options: PutOptions): Promise<void> {
  const { fromFile, ifAbsent } = options;
  const ifVersion = ifAbsent ? 0 : readVersionOption(options.ifVersion);
  if (fromFile === undefined && context.stdin.isTTY)
    throw new PegasusError(
      'VALIDATION_ERROR',
      'The state is to come on standard input, or with --from-file.',
      {
        hint: `Such as: echo '{"seen": true}' | pegasus-workflows projections put ${name.join(' ')}`,
      },
    );
  const state = await readState(context, fromFile);
  const { client } = await connect(context);
  const { out } = context;
  const made = await withProgress(out, 'sending the projection', () =>
    asked(() => client.projections.put(...name, state, { ifVersion })),
  );
  out.line(`${out.colors.good('✓')} ${name.join('/')} is at version ${made.version}`);
  out.result(made);
}

/** `projections delete`. */
export async function remove(context: Context, name: Name, options: DeleteOptions): Promise<void> {
  const ifVersion = readVersionOption(options.ifVersion);
  const { client } = await connect(context);
  const { out } = context;
  await confirm(context, `Delete the projection ${name.join('/')}?`, options.yes);
  await asked(() => client.projections.delete(...name, { ifVersion }));
  out.line(`${out.colors.good('✓')} ${name.join('/')} is deleted`);
  const [integrationId, entityType, entityKey] = name;
  out.result({ integrationId, entityType, entityKey, deleted: true });
}

async function readState(context: Context, fromFile: string | undefined): Promise<unknown> {
  const source = fromFile === undefined ? {} : { fromFile };
  const text = await readGivenValue(context, { what: 'state', isSecret: false }, source);
  const { parseJson } = await import('@pegasus-workflows/project/replay');
  const parsed = parseJson(text);
  if (parsed.ok) return parsed.value;
  const where = `${fromFile ?? 'standard input'}:${parsed.line}:${parsed.column}`;
  throw new PegasusError('VALIDATION_ERROR', `${where} is not JSON: it ${parsed.reason}.`, {
    hint: 'A state is one JSON value; a text is in double quotes.',
  });
}

/** A name that no path can carry is the caller's to mend. */
async function asked<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new PegasusError('VALIDATION_ERROR', `${error.message.replace(/^projections: /, '')}.`, {
      cause: error,
    });
  }
}

function readVersionOption(text: string | undefined): number | undefined {
  return text === undefined ? undefined : readCount('--if-version', text, Number.MAX_SAFE_INTEGER);
}

function readCount(option: string, text: string, most: number): number {
  const count = Number(text);
  if (/^\d+$/.test(text) && count >= 1 && count <= most) return count;
  const upTo = most === Number.MAX_SAFE_INTEGER ? 'from 1' : `from 1 to ${most}`;
  throw new PegasusError('VALIDATION_ERROR', `${option} must be a whole number ${upTo}.`);
}
