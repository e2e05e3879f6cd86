import { type RunRequest } from '@pegasus-workflows/contracts';
import { connect } from '../api.js';
import { type Context } from '../context.js';
import { printExecution } from '../output/describe.js';
import { withProgress } from '../output/progress.js';
import { finishRun } from '../runs/finish.js';
import { readRunInput } from '../runs/input.js';
import { readStartOptions, type StartOptions } from '../runs/run-options.js';
import { resolveWorkflow, type Where } from '../workflows/resolve.js';

export interface RunOptions extends Where, StartOptions {
  input?: string;
  wait?: boolean;
  follow?: boolean;
  /** Read for real, change nothing. */
  dryRun?: boolean;
}

/** Starts a run; with `wait` or `follow` the exit code is the run's: 0 only when it COMPLETED. */
export async function run(context: Context, reference: string, options: RunOptions): Promise<number> {
  const start = readStartOptions(options);
  const input = await readRunInput(context, options.input);
  const { client } = await connect(context);
  const { out } = context;
  const request: RunRequest = {
    ...(input ? { input } : {}),
    ...(options.dryRun ? { mode: 'dry_run' } : {}),
    ...start,
  };
  const { workflow, execution } = await withProgress(out, `starting ${reference}`, async () => {
    const found = await resolveWorkflow(context, client, reference, options);
    return {
      workflow: found,
      execution: await client.workflows.run(found.id, request, { idempotencyKey: options.idempotencyKey }),
    };
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
