import {
  isTerminal,
  RESET_POINTS,
  RESET_REAPPLY,
  type PauseAnswer,
  type ResetRequest,
} from '@pegasus-workflows/contracts';
import { PegasusError } from '@pegasus-workflows/contracts/errors';
import { isPegasusApiError } from 'pegasus-workflows-sdk/client';
import { connect } from '../api.js';
import { type Context } from '../context.js';
import { printExecution } from '../output/describe.js';
import { withProgress } from '../output/progress.js';
import { type FoundExecution } from '../runs/find.js';
import { checkHandler } from '../runs/handlers.js';
import { readArgs } from '../runs/input.js';
import { confirm } from '../setup/confirm.js';
import { type Where } from '../workflows/resolve.js';
import { find } from './executions.js';

export interface UpdateOptions extends Where {
  input?: string;
  arg?: string[];
  /** The update's id. */
  id?: string;
  /** `false`: do not wait for the result. */
  wait?: boolean;
}

/** Between two looks at an update that takes long: the longest that a call waits, in seconds. */
const HOLD_SECONDS = 25;

/** `executions update`: calls a handler that may refuse, and prints what it returns. */
export async function update(
  context: Context,
  reference: string,
  executionId: string,
  name: string,
  options: UpdateOptions,
): Promise<void> {
  const args = await readArgs(context, options);
  const { client } = await connect(context);
  const { out } = context;
  const answer = await withProgress(out, `updating ${name}`, async () => {
    const found = await find(context, client, reference, executionId, options);
    const { workflow, execution } = found;
    try {
      let answer = await client.executions.update(workflow.id, execution.id, name, args, {
        ...(options.id === undefined ? {} : { idempotencyKey: options.id }),
        ...(options.wait === false ? { waitSeconds: 0 } : { waitSeconds: HOLD_SECONDS }),
      });
      const wait = { waitSeconds: HOLD_SECONDS };
      while (!answer.completed && options.wait !== false)
        answer = await client.executions.updateOutcome(workflow.id, execution.id, answer.updateId, wait);
      return answer;
    } catch (error) {
      if (isPegasusApiError(error) && error.code === 'UPDATE_REJECTED')
        await checkHandler(context, client, found, 'update', name);
      throw explainControl(error, found);
    }
  });
  if (answer.completed)
    out.line(
      typeof answer.result === 'string' ? answer.result : JSON.stringify(answer.result ?? null, null, 2),
    );
  else {
    out.line(`${out.colors.good('✓')} ${name} was accepted; the run works on it.`);
    const again = `pegasus-workflows executions update ${reference} ${executionId} ${name} --id ${answer.updateId}`;
    out.note(out.noteColors.quiet(`its result: ${again}`));
  }
  out.result(answer);
}

export interface ControlOptions extends Where {
  reason?: string;
  yes?: boolean;
}

/** `executions terminate`: the end at once, after a question where somebody can answer it. */
export async function terminate(
  context: Context,
  reference: string,
  executionId: string,
  options: ControlOptions,
): Promise<void> {
  const { client } = await connect(context);
  const found = await find(context, client, reference, executionId, options);
  const { workflow, execution } = found;
  const question = `End run ${execution.id} of ${workflow.name} at once? Its code is not asked and cleans nothing up.`;
  if (!isTerminal(execution.status)) await confirm(context, question, options.yes);
  const { reason } = options;
  const ended = await client.executions
    .terminate(workflow.id, execution.id, { reason })
    .catch((error: unknown) => {
      throw explainControl(error, found);
    });
  printExecution(context.out, workflow, ended);
  context.out.result(ended);
}

/** `executions pause`, `executions unpause`. */
export async function changePause(
  context: Context,
  change: 'pause' | 'unpause',
  reference: string,
  executionId: string,
  options: ControlOptions,
): Promise<void> {
  const { client } = await connect(context);
  const found = await find(context, client, reference, executionId, options);
  const { workflow, execution } = found;
  const { reason } = options;
  const answer = await client.executions[change](workflow.id, execution.id, { reason }).catch(
    (error: unknown) => {
      throw explainControl(error, found);
    },
  );
  const { out } = context;
  out.line(`${out.colors.good('✓')} ${saidOf(change, answer)}`);
  if (change === 'pause' && answer.scope === 'activities')
    out.note('Its own code goes on, and an attempt that is under way is not interrupted.');
  out.result(answer);
}

function saidOf(change: 'pause' | 'unpause', { scope, activities }: PauseAnswer): string {
  const done = change === 'pause' ? 'paused' : 'let go on';
  if (scope === 'workflow') return `the run is ${done}`;
  if (activities.length === 0) return 'nothing was paused';
  const names = activities.map(({ activityType }) => activityType).join(', ');
  return `${done}: ${names}`;
}

export interface ResetOptions extends ControlOptions {
  to?: string;
  reapply?: string;
}

/** `executions reset`: a run goes on from an earlier point. */
export async function reset(
  context: Context,
  reference: string,
  executionId: string,
  options: ResetOptions,
): Promise<void> {
  const request = readReset(options);
  const { client } = await connect(context);
  const found = await find(context, client, reference, executionId, options);
  const { workflow, execution } = found;
  const question = `Reset run ${execution.id} of ${workflow.name}? What happened after that point is forgotten.`;
  if (!isTerminal(execution.status)) await confirm(context, question, options.yes);
  const answer = await client.executions.reset(workflow.id, execution.id, request).catch((error: unknown) => {
    throw explainControl(error, found);
  });
  const { out } = context;
  out.line(
    `${out.colors.good('✓')} ${workflow.name}@${workflow.version} run ${execution.id} goes on from event ${answer.eventId}`,
  );
  out.note(
    out.noteColors.quiet(`watch it: pegasus-workflows executions watch ${workflow.name} ${execution.id}`),
  );
  out.result(answer);
}

/** @throws PegasusError VALIDATION_ERROR */
function readReset({ to = 'last-workflow-task', reapply, reason }: ResetOptions): ResetRequest {
  const point = RESET_POINTS.find((one) => one === to);
  if (point === undefined && !/^[1-9]\d{0,8}$/.test(to))
    throw new PegasusError('VALIDATION_ERROR', `--to: "${to}" is neither the id of an event nor a point.`, {
      hint: `Give the number of an event of its history, or ${RESET_POINTS.join(', ')}.`,
    });
  const again = RESET_REAPPLY.find((one) => one === reapply);
  if (reapply !== undefined && again === undefined)
    throw new PegasusError('VALIDATION_ERROR', `--reapply must be ${RESET_REAPPLY.join(', ')}.`, {
      hint: 'It says which signals and updates that came after that point are delivered again.',
    });
  return {
    ...(point === undefined ? { toEventId: Number(to) } : { to: point }),
    ...(again === undefined ? {} : { reapply: again }),
    ...(reason === undefined ? {} : { reason }),
  };
}

/** A conflict says what can be done with a run in the state that it is in. */
function explainControl(error: unknown, { workflow, execution }: FoundExecution): unknown {
  if (!isPegasusApiError(error)) return error;
  const code = CONFLICTS.find((one) => one === error.code);
  if (code === undefined) return error;
  const run = `${workflow.name} ${execution.id}`;
  return new PegasusError(code, error.message, {
    cause: error,
    hint: isTerminal(execution.status)
      ? `It has ended: pegasus-workflows executions show ${run}`
      : `See where it is: pegasus-workflows executions show ${run}`,
  });
}

const CONFLICTS = ['EXECUTION_NOT_OPEN', 'EXECUTION_NOT_PAUSABLE', 'EXECUTION_NOT_RESETTABLE'] as const;
