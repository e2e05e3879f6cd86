import { type Context } from '../context.js';
import { readCredentials } from '../credentials/files.js';
import { renderTable } from '../output/table.js';

/** `profile list`: names and addresses of the credentials file in force, never a key. */
export async function list(context: Context): Promise<void> {
  const { out } = context;
  const file = await readCredentials(context);
  for (const warning of file.warnings) out.warn(warning);
  const profiles = [...file.profiles.values()].map(({ name, apiRoot }) => ({ name, apiRoot }));
  out.result(profiles);
  if (profiles.length === 0) {
    out.line(`No profile in ${file.path} yet. Store one: pegasus-workflows setup`);
    return;
  }
  const columns = [
    { title: 'profile', keep: true },
    { title: 'address', keep: true },
  ];
  for (const line of renderTable(
    columns,
    profiles.map(({ name, apiRoot }) => [name, apiRoot]),
    out.width,
  ))
    out.line(line);
  out.note(out.noteColors.quiet(`from ${file.path}`));
}
