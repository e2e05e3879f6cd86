import { type Dispatch, type DispatchQuestion } from '@pegasus-workflows/contracts';
import { PegasusError } from '@pegasus-workflows/contracts/errors';
import { type PegasusClient } from 'pegasus-workflows-sdk/client';
import { connect } from '../../api.js';
import { type Context } from '../../context.js';
import { printableWords } from '../../output/printable.js';
import { withProgress } from '../../output/progress.js';
import { confirm } from '../../setup/confirm.js';
import { printDispatch, questionLines } from './print.js';

export interface AnswerOptions {
  /** Which question: answers nothing else. */
  question?: string;
  yes?: boolean;
}

/**
 * `agents approve`: lets the one call be made that is asked for, which is shown first.
 * @throws PegasusError CONFLICT when nothing is asked, or something else
 */
export async function approve(context: Context, dispatchId: string, options: AnswerOptions): Promise<void> {
  const { client } = await connect(context);
  const { out } = context;
  const question = await questionOf(context, client, dispatchId, options);
  for (const line of questionLines(question)) out.line(line);
  await confirm(context, `Let it use ${printableWords(question.toolName)} this once?`, options.yes);
  const answer = { questionId: question.id, answer: 'approved' } as const;
  told(context, await client.agents.answer(dispatchId, answer), 'approved; it goes on.');
}

/** `agents refuse`: denies the call that is asked for. @throws PegasusError CONFLICT as {@link approve} */
export async function refuse(context: Context, dispatchId: string, options: AnswerOptions): Promise<void> {
  const { client } = await connect(context);
  const question = await questionOf(context, client, dispatchId, options);
  for (const line of questionLines(question)) context.out.line(line);
  const answer = { questionId: question.id, answer: 'refused' } as const;
  told(context, await client.agents.answer(dispatchId, answer), 'refused.');
}

async function questionOf(
  { out }: Context,
  client: PegasusClient,
  dispatchId: string,
  { question: wanted }: AnswerOptions,
): Promise<DispatchQuestion> {
  const { question } = await withProgress(out, 'reading the dispatch', () => client.agents.get(dispatchId));
  if (question && (wanted === undefined || wanted === question.id)) return question;
  throw new PegasusError('CONFLICT', question ? 'It asks something else now.' : 'It asks nothing now.', {
    hint: `See what it does: pegasus-workflows agents show ${dispatchId}`,
  });
}

/** `agents cancel`. */
export async function cancel(context: Context, dispatchId: string): Promise<void> {
  const { client } = await connect(context);
  const dispatch = await client.agents.cancel(dispatchId);
  printDispatch(context.out, dispatch);
  if (dispatch.state !== 'ENDED') context.out.note('Cancellation was requested; it ends in a moment.');
  context.out.result(dispatch);
}

/** `agents pause`. */
export async function pause(context: Context, dispatchId: string): Promise<void> {
  const { client } = await connect(context);
  told(context, await client.agents.pause(dispatchId), 'it makes no further step until it is resumed.');
}

/** `agents resume`. */
export async function resume(context: Context, dispatchId: string): Promise<void> {
  const { client } = await connect(context);
  told(context, await client.agents.resume(dispatchId), 'it goes on.');
}

function told({ out }: Context, dispatch: Dispatch, sentence: string): void {
  out.line(`${out.colors.good('✓')} ${dispatch.task.role} ${dispatch.id}: ${sentence}`);
  out.result(dispatch);
}
