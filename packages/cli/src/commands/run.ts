import { type RunRequest } from '@pegasus-workflows/contracts';
import { isPegasusApiError } from 'pegasus-workflows-sdk/client';
import { PegasusError } from '@pegasus-workflows/contracts/errors';
import { connect } from '../api.js';
import { type Context } from '../context.js';
import { printExecution } from '../output/describe.js';
import { withProgress } from '../output/progress.js';
import { finishRun } from '../runs/finish.js';
import { readRunInput } from '../runs/input.js';
import { resolveWorkflow, type Where } from '../workflows/resolve.js';

export interface RunOptions extends Where {
  input?: string;
  wait?: boolean;
  follow?: boolean;
  /** Read for real, change nothing. */
  dryRun?: boolean;
}

/** Starts a run; with `wait` or `follow` the exit code is the run's: 0 only when it COMPLETED. */
export async function run(context: Context, reference: string, options: RunOptions): Promise<number> {
  const input = await readRunInput(context, options.input);
  const { client } = await connect(context);
  const { out } = context;
  const request: RunRequest = {
    ...(input ? { input } : {}),
    ...(options.dryRun ? { mode: 'dry_run' } : {}),
  };
  const { workflow, execution } = await withProgress(out, `starting ${reference}`, async () => {
    const found = await resolveWorkflow(context, client, reference, options);
    try {
      return { workflow: found, execution: await client.workflows.run(found.id, request) };
    } catch (error) {
      throw explainDryRun(error, found.name);
    }
  });
  if (options.wait || options.follow) {
    out.line(out.colors.quiet(`${workflow.name}@${workflow.version}  run ${execution.id}`));
    return finishRun(context, client, workflow, execution, { follow: options.follow ?? false });
  }
  printExecution(out, workflow, execution);
  out.note(
    out.noteColors.quiet(`watch it: pegasus-workflows executions watch ${workflow.name} ${execution.id}`),
  );
  out.result(execution);
  return 0;
}

function explainDryRun(error: unknown, name: string): unknown {
  if (!isPegasusApiError(error) || error.code !== 'DRY_RUN_UNSUPPORTED') return error;
  return new PegasusError('DRY_RUN_UNSUPPORTED', error.message, {
    cause: error,
    hint: `Try it here, without the platform: pegasus-workflows test ${name}`,
  });
}
