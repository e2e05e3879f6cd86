import path from 'node:path';
import { connect } from '../api.js';
import { type Context } from '../context.js';
import { unwritable } from '../files/file-errors.js';
import { writeAtomically } from '../files/write-atomically.js';
import { formatBytes } from '../output/format.js';
import { withProgress } from '../output/progress.js';
import { type Where } from '../workflows/resolve.js';
import { find } from './executions.js';

/** `executions export`: a run's whole history, to keep and to replay. On standard output, or whole or not at all in a file. */
export async function exportHistory(
  context: Context,
  reference: string,
  executionId: string,
  options: Where & { output?: string },
): Promise<void> {
  const { client } = await connect(context);
  const { out, cwd } = context;
  const exported = await withProgress(out, 'reading the history', async () => {
    const { workflow, execution } = await find(context, client, reference, executionId, options);
    return client.executions.exportHistory(workflow.id, execution.id);
  });
  if (options.output === undefined) {
    out.line(JSON.stringify(exported, null, 2));
    out.result(exported);
    return;
  }
  const file = path.resolve(cwd, options.output);
  const text = `${JSON.stringify(exported, null, 2)}\n`;
  try {
    await writeAtomically(file, text, { name: 'cli.history-export' });
  } catch (error) {
    throw unwritable(file, error, 'Choose another file with -o.');
  }
  const { name, version, workflowType } = exported;
  const events = exported.history.events.length;
  const sizeBytes = Buffer.byteLength(text);
  out.line(
    `${out.colors.good('✓')} ${path.relative(cwd, file)}  ${out.colors.quiet(`${events} events of ${name}@${version}  ${formatBytes(sizeBytes)}`)}`,
  );
  out.note(
    out.noteColors.quiet(`replay it: pegasus-workflows replay ${name} --from ${path.relative(cwd, file)}`),
  );
  out.result({ file, name, version, workflowType, events, sizeBytes });
}
