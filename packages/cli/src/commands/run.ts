import { type Workflow } from '@pegasus-workflows/contracts';
import { isPegasusApiError, type PegasusClient } from 'pegasus-workflows-sdk/client';
import { connect } from '../api.js';
import { type Context } from '../context.js';
import { printExecution } from '../output/describe.js';
import { withProgress } from '../output/progress.js';
import { pushedWorkflowId } from '../project/ledger.js';
import { finishRun } from '../runs/finish.js';
import { readRunInput } from '../runs/input.js';
import { parseReference } from '../workflows/choose.js';
import { resolveWorkflow } from '../workflows/resolve.js';

export interface RunOptions {
  input?: string;
  wait?: boolean;
  follow?: boolean;
  latest?: boolean;
  env?: string;
  dir?: string;
}

/** Starts a run; with `wait` or `follow` the exit code is the run's: 0 only when it COMPLETED. */
export async function run(context: Context, reference: string, options: RunOptions): Promise<number> {
  const input = await readRunInput(context, options.input);
  const { client } = await connect(context);
  const { out } = context;
  const { workflow, execution } = await withProgress(out, `starting ${reference}`, async () => {
    const found = await chooseForRun(context, client, reference, options);
    return { workflow: found, execution: await client.workflows.run(found.id, input ? { input } : {}) };
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

/** A name inside a project means the version that was pushed from it; else what the API says. */
async function chooseForRun(
  context: Context,
  client: PegasusClient,
  text: string,
  { latest, env, dir }: RunOptions,
): Promise<Workflow> {
  const reference = parseReference(text);
  if (!latest && 'name' in reference) {
    const place = { ...(env === undefined ? {} : { env }), ...(dir === undefined ? {} : { dir }) };
    const id = await pushedWorkflowId(context, { ...reference, ...place, baseUrl: client.baseUrl });
    const pushed = id === undefined ? undefined : await getIfThere(client, id);
    // A ledger of one workflow does not say which; the platform does.
    if (pushed?.name === reference.name) return pushed;
  }
  return resolveWorkflow(client, text);
}

/** A ledger may be older than the platform it speaks of (a data directory that was deleted). */
async function getIfThere(client: PegasusClient, id: string): Promise<Workflow | undefined> {
  try {
    return await client.workflows.get(id);
  } catch (error) {
    if (isPegasusApiError(error) && error.status === 404) return undefined;
    throw error;
  }
}
