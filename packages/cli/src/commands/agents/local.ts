import { randomUUID } from 'node:crypto';
import { resolve } from 'node:path';
import { type Dispatch } from '@pegasus-workflows/contracts';
import { createLogger } from '@pegasus-workflows/kit';
import { type LocalDispatch } from '@pegasus-workflows/platform/agents-local';
import { type Context } from '../../context.js';
import { EXIT } from '../../exit-codes.js';
import { untilInterrupted } from '../../runs/interrupt.js';
import { canAsk } from '../../setup/ask.js';
import { eventLine, printResult, questionLines } from './print.js';
import { askPerson } from './questions.js';
import { readTask } from './request.js';
import { refuseTogether, type RunAgentOptions } from './run.js';

/** What the workspace is called where it has no name. */
const HERE = 'local';

/**
 * `agents run --local`: a dispatch in this very process. Ctrl-C cancels it.
 * @returns the exit code: 0 when it shipped
 */
export async function runLocally(
  context: Context,
  prompt: string | undefined,
  options: RunAgentOptions,
): Promise<number> {
  refuseTogether(
    options.detach ?? false,
    '--detach',
    'and --local exclude each other: nobody else goes on with it',
  );
  refuseTogether(
    options.remote ?? false,
    '--remote',
    'and --local exclude each other: another host is the platform’s',
  );
  refuseTogether(
    options.timeout !== undefined,
    '--timeout',
    'and --local exclude each other; use --budget-minutes',
  );
  const { task, model, merge } = await readTask(context, prompt, options);
  const { env, cwd, out } = context;
  const id = randomUUID();
  const file = resolve(cwd, options.agentsFile ?? env['PEGASUS_AGENTS_FILE'] ?? 'agents.toml');
  const { dispatchLocally } = await import('@pegasus-workflows/platform/agents-local');
  const logger = createLogger('agents');
  logger.level = env['LOG_LEVEL'] ?? 'warn';
  const queuedAt = new Date().toISOString();
  const say = (line: string): void => (out.json ? out.note(line) : out.line(line));
  const colors = out.json ? out.noteColors : out.colors;
  let n = 0;
  const result = await untilInterrupted(async (interrupted) => {
    const left = new AbortController();
    const wanted: LocalDispatch = {
      ...{ file, folder: cwd, env, logger },
      task: { ...task, id },
      model,
      merge,
      onEvent: (event) => say(eventLine({ n: ++n, event }, colors)),
      signal: AbortSignal.any([interrupted, left.signal]),
    };
    if (options.workspace !== undefined) wanted.workspace = options.workspace;
    if (!out.json && canAsk(context)) wanted.ask = asking(context, left);
    return dispatchLocally(wanted);
  });
  if (result === 'interrupted') return EXIT.interrupted;
  const { tokensIn, tokensOut } = result;
  const dispatch: Dispatch = {
    ...{ id, workspace: options.workspace ?? HERE, model: model ?? null, merge: merge ?? 'leave' },
    ...{
      isolation: null,
      task: { ...task, id },
      state: 'ENDED',
      question: null,
      result,
      tokensIn,
      tokensOut,
    },
    ...{ parentExecutionId: null, createdByUserId: null },
    ...{ queuedAt, startedAt: queuedAt, endedAt: new Date().toISOString() },
  };
  printResult(out, result);
  out.result(dispatch);
  return result.status === 'shipped' ? EXIT.done : EXIT.failed;
}

/** Puts a question to whoever is at the terminal; Ctrl-C there cancels the dispatch. */
function asking({ out }: Context, left: AbortController): NonNullable<LocalDispatch['ask']> {
  return async (call, { rule, why }) => {
    const given = JSON.stringify(call.arguments, undefined, 2);
    const question = { id: call.id, toolName: call.name, rule, why, arguments: given, askedAt: '' };
    for (const line of questionLines(question)) out.note(line);
    try {
      return (await askPerson(left.signal)) ?? 'refused';
    } catch (error) {
      left.abort(error);
      return 'refused';
    }
  };
}
