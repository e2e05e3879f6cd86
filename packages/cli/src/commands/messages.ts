import { connect } from '../api.js';
import { type Context } from '../context.js';
import { withProgress } from '../output/progress.js';
import { checkHandler } from '../runs/handlers.js';
import { readArgs } from '../runs/input.js';
import { type Where } from '../workflows/resolve.js';
import { find } from './executions.js';

export interface SignalOptions extends Where {
  /** The one argument: JSON, `@file` or `-`. */
  input?: string;
  /** Several arguments, each JSON, `@file` or `-`. */
  arg?: string[];
  /** Send it even if the run has no such handler now. */
  force?: boolean;
}

/** `executions signal`: tells a run something. Whether it has a handler for it is asked before. */
export async function signal(
  context: Context,
  reference: string,
  executionId: string,
  name: string,
  options: SignalOptions,
): Promise<void> {
  const args = await readArgs(context, options);
  const { client } = await connect(context);
  const { out } = context;
  const { found, execution } = await withProgress(out, `sending ${name}`, async () => {
    const run = await find(context, client, reference, executionId, options);
    if (!options.force) await checkHandler(context, client, run, 'signal', name);
    const { workflow } = run;
    return {
      found: run,
      execution: await client.executions.signal(workflow.id, run.execution.id, name, args),
    };
  });
  const { workflow } = found;
  out.line(
    `${out.colors.good('✓')} ${name} sent to ${workflow.name}@${workflow.version} run ${execution.id}`,
  );
  out.note(
    out.noteColors.quiet(`watch it: pegasus-workflows executions watch ${workflow.name} ${execution.id}`),
  );
  out.result(execution);
}

/** `executions query`: asks a run something and prints the answer; with `--json`, `{result}`. */
export async function query(
  context: Context,
  reference: string,
  executionId: string,
  name: string,
  options: Where & { arg?: string[] },
): Promise<void> {
  const args = await readArgs(context, options);
  const { client } = await connect(context);
  const { out } = context;
  const result = await withProgress(out, `asking ${name}`, async () => {
    const found = await find(context, client, reference, executionId, options);
    try {
      return await client.executions.query(found.workflow.id, found.execution.id, name, args);
    } catch (error) {
      // Only then: the answer is what was asked for, and most questions are right.
      await checkHandler(context, client, found, 'query', name);
      throw error;
    }
  });
  out.line(typeof result === 'string' ? result : JSON.stringify(result ?? null, null, 2));
  out.result({ result: result ?? null });
}
