import path from 'node:path';
import { connect } from '../api.js';
import { type Context } from '../context.js';
import { withProgress } from '../output/progress.js';
import { renderTable } from '../output/table.js';

/** `secrets rotate-master-key`: a new first key for the platform of a data directory on this machine. */
export async function rotate(context: Context, { dataDir }: { dataDir?: string }): Promise<void> {
  const { addMasterKey, defaultDataDir } = await import('@pegasus-workflows/platform');
  const { out, env } = context;
  const added = await addMasterKey(
    dataDir === undefined ? defaultDataDir(env) : path.resolve(context.cwd, dataDir),
  );
  out.line(
    `${out.colors.good('✓')} ${added.keyId} is the first of ${added.keyIds.length} keys in ${added.file}`,
  );
  out.note(
    out.noteColors.quiet(
      'a running platform takes it up within seconds; see when the others can go: pegasus-workflows secrets master-keys',
    ),
  );
  out.result(added);
}

/** `secrets master-keys`: never a key, only their ids. */
export async function list(context: Context): Promise<void> {
  const { client } = await connect(context);
  const { out } = context;
  const status = await withProgress(out, 'reading what needs each key', () => client.secrets.masterKeys());
  out.result(status);
  const stateOf = (key: (typeof status.keys)[number]): string => {
    if (key.current) return 'current';
    if (!key.present) return out.colors.bad('not among the keys: its values cannot be read');
    return key.removable ? 'not needed any more' : 'still needed';
  };
  const table = renderTable(
    [{ title: 'key id', keep: true }, { title: 'values', align: 'right' }, { title: 'state' }],
    status.keys.map((key) => [key.keyId, String(key.values), stateOf(key)]),
    out.width,
  );
  for (const line of table) out.line(line);
}
