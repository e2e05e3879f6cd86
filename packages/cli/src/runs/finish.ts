import { type Execution, type Workflow } from '@pegasus-workflows/contracts';
import { type Context } from '../context.js';
import { formatDuration } from '../output/format.js';
import { executionDuration, paintStatus, printOutcome } from '../output/describe.js';
import { withProgress } from '../output/progress.js';
import { type PegasusClient } from 'pegasus-workflows-sdk/client';
import { followExecution } from './follow.js';
import { INTERRUPTED, untilInterrupted } from './interrupt.js';

/**
 * Waits until a run has ended and tells how. Ctrl-C ends the waiting, not the run, and says so.
 * @returns the exit code: 0 when it COMPLETED
 */
export async function finishRun(
  context: Context,
  client: PegasusClient,
  workflow: Workflow,
  execution: Execution,
  { follow }: { follow: boolean },
): Promise<number> {
  const { out } = context;
  const ended = await untilInterrupted((signal) =>
    follow
      ? followExecution(context, client, workflow, execution.id, signal)
      : withProgress(out, `waiting for ${workflow.name}`, (update) =>
          client.executions.wait(workflow.id, execution.id, {
            signal,
            onStatus: ({ status }) => update(status),
          }),
        ),
  );
  if (ended === 'interrupted') {
    out.note(
      `The run goes on. Watch it: pegasus-workflows executions watch ${workflow.name} ${execution.id}`,
    );
    out.result(execution);
    return INTERRUPTED;
  }
  out.line(`${paintStatus(ended.status, out.colors)} in ${formatDuration(executionDuration(ended))}`);
  printOutcome(out, ended);
  out.result(ended);
  return ended.status === 'COMPLETED' ? 0 : 1;
}
