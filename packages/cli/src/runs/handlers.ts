import { type Handlers } from '@pegasus-workflows/contracts';
import { PegasusError } from '@pegasus-workflows/contracts/errors';
import {
  isPegasusApiError,
  isPegasusConnectionError,
  type PegasusClient,
} from 'pegasus-workflows-sdk/client';
import { type Context } from '../context.js';
import { nearest } from '@pegasus-workflows/contracts/nearest';
import { type FoundExecution } from './find.js';

const KINDS = {
  signal: { of: 'signals', code: 'NOT_FOUND' },
  query: { of: 'queries', code: 'QUERY_REJECTED' },
  update: { of: 'updates', code: 'UPDATE_REJECTED' },
} as const;
/** Every run answers to these; they are Temporal's own. */
const BUILT_IN = /^__/;

/**
 * Makes sure that a run has a handler of this name now. A signal cannot be taken back and a run keeps one that it does
 * not know, so a misspelt one is refused. A run that cannot be asked is no reason to refuse: a note says so.
 *
 * @throws PegasusError NOT_FOUND (signal), QUERY_REJECTED or UPDATE_REJECTED, with the nearest handler
 */
export async function checkHandler(
  context: Context,
  client: PegasusClient,
  { workflow, execution }: FoundExecution,
  kind: keyof typeof KINDS,
  name: string,
): Promise<void> {
  if (BUILT_IN.test(name)) return;
  const handlers = await handlersOf(context, client, workflow.id, execution.id);
  if (!handlers) return;
  const names = handlers[KINDS[kind].of].map((handler) => handler.name).filter((one) => !BUILT_IN.test(one));
  // A handler without a name takes whatever comes.
  if (names.includes(name) || names.includes('')) return;
  const guess = nearest(name, names);
  const said = guess
    ? `Did you mean ${guess}?`
    : names.length > 0
      ? `It has: ${names.join(', ')}.`
      : `It has none${kind === 'signal' ? ' at present' : ''}.`;
  throw new PegasusError(KINDS[kind].code, `${workflow.name} run ${execution.id} has no ${kind} "${name}".`, {
    hint: kind === 'signal' ? `${said} To send it all the same: --force` : said,
  });
}

async function handlersOf(
  { out }: Context,
  client: PegasusClient,
  workflowId: string,
  executionId: string,
): Promise<Handlers | undefined> {
  try {
    return await client.executions.handlers(workflowId, executionId);
  } catch (error) {
    const unknown =
      isPegasusConnectionError(error) ||
      (isPegasusApiError(error) && [404, 409, 422, 502, 503].includes(error.status));
    if (!unknown) throw error;
    out.note(out.noteColors.quiet('Whether the run has such a handler could not be asked.'));
    return undefined;
  }
}
