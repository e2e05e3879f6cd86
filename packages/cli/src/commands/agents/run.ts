import { PegasusError } from '@pegasus-workflows/contracts/errors';
import { connect } from '../../api.js';
import { type Context } from '../../context.js';
import { EXIT } from '../../exit-codes.js';
import { readSpan } from '../../options/span.js';
import { withProgress } from '../../output/progress.js';
import { finishFollowed, followDispatch } from './follow.js';
import { printDispatch } from './print.js';
import { chooseWorkspace, readTask, type TaskOptions } from './request.js';

export interface RunAgentOptions extends TaskOptions {
  /** Do not wait for its end. */
  detach?: boolean;
  timeout?: string;
  /** In this process, without a platform. */
  local?: boolean;
  agentsFile?: string;
}

/**
 * `agents run`: hands a task to an agent and watches it until it ends.
 * @returns the exit code: 0 when it shipped
 */
export async function run(
  context: Context,
  prompt: string | undefined,
  options: RunAgentOptions,
): Promise<number> {
  if (options.local) return (await import('./local.js')).runLocally(context, prompt, options);
  refuseTogether(options.agentsFile !== undefined, '--agents-file', 'goes with --local');
  const timeoutMs = options.timeout === undefined ? undefined : readTimeout(options.timeout);
  const request = await readTask(context, prompt, options);
  const { client } = await connect(context);
  const { out } = context;
  const dispatch = await withProgress(out, 'dispatching', async () => {
    const workspace = await chooseWorkspace(client, options.workspace);
    return client.agents.dispatch({ ...request, workspace });
  });
  if (options.detach) {
    printDispatch(out, dispatch);
    out.note(out.noteColors.quiet(`watch it: pegasus-workflows agents watch ${dispatch.id}`));
    out.result(dispatch);
    return EXIT.done;
  }
  out.line(out.colors.quiet(`${dispatch.task.role} in ${dispatch.workspace}  dispatch ${dispatch.id}`));
  const followed = await followDispatch(context, client, dispatch, { timeoutMs });
  const code = finishFollowed(context, followed);
  out.result(followed.dispatch);
  return code;
}

/** @throws PegasusError VALIDATION_ERROR when `isGiven` */
export function refuseTogether(isGiven: boolean, option: string, why: string): void {
  if (isGiven)
    throw new PegasusError('VALIDATION_ERROR', `${option} ${why}.`, {
      hint: 'pegasus-workflows agents run --help',
    });
}

/** More than a timer of Node can wait. Milliseconds. */
const MOST_MS = 2 ** 31;

function readTimeout(text: string): number {
  const milliseconds = readSpan('--timeout', text) * 1000;
  if (milliseconds > 0 && milliseconds < MOST_MS) return milliseconds;
  throw new PegasusError('VALIDATION_ERROR', `--timeout: "${text}" is not a time of 1 s to 24 d.`, {
    hint: 'Leave it out to wait until it ends.',
  });
}
