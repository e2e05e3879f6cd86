import { connect } from '../api.js';
import { type Context } from '../context.js';
import { printMutations } from '../output/mutations.js';
import { withProgress } from '../output/progress.js';
import { type Where } from '../workflows/resolve.js';
import { find } from './executions.js';

/** `executions mutations`: what a dry run would have changed. */
export async function mutations(
  context: Context,
  reference: string,
  executionId: string,
  options: Where,
): Promise<void> {
  const { client } = await connect(context);
  const { out } = context;
  const { execution, rows } = await withProgress(out, 'reading the run', async () => {
    const found = await find(context, client, reference, executionId, options);
    const { workflow } = found;
    return { ...found, rows: await client.executions.mutations(workflow.id, found.execution.id) };
  });
  if (!execution.dryRun) out.line('It is no dry run: what it changed, it changed.');
  else printMutations(out, rows);
  out.result(rows);
}
