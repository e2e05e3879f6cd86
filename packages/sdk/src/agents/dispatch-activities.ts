import { createHash } from 'node:crypto';
import { ApplicationFailure } from '@temporalio/common';
import type { Dispatch, DispatchRequest } from '@pegasus-workflows/contracts';
import type { SubagentResult } from '@pegasus-workflows/contracts/agents';
import { isPegasusApiError } from '../client/errors.js';
import { PegasusClient } from '../client/pegasus-client.js';

/**
 * What `dispatchSubagent` of a workflow does outside of it. The activities module of the workflow passes it on:
 * `export * from 'pegasus-workflows-sdk/agents/activities'`.
 */

/** How far a dispatch has come: its result, once it has ended. */
export interface DispatchProgress {
  dispatchId: string;
  /** It has ended. */
  ended: boolean;
  /** Null while it has not ended, or when it ended without one. */
  result: SubagentResult | null;
}

/**
 * Hands a task to an agent. The same key is the same dispatch, however often it is asked for. In a dry run nothing is
 * dispatched, and the result is `cancelled`. Needs `DispatchAgent`.
 *
 * @throws ApplicationFailure, not retryable, whose type is the platform's code, when trying again cannot help
 */
export async function startDispatch(
  request: DispatchRequest,
  idempotencyKey: string,
): Promise<DispatchProgress> {
  const key = headerOf(idempotencyKey);
  return attempt(async (client) => {
    const dispatch = await client.agents.dispatch(request, { idempotencyKey: key });
    // Recorded, and not there to be waited for.
    return client.isDryRun
      ? { dispatchId: dispatch.id, ended: true, result: notDone(dispatch) }
      : progressOf(dispatch);
  });
}

function notDone({ task: { id, role } }: Dispatch): SubagentResult {
  const nothing = { filesChanged: [], toolCallCount: 0, tokensIn: 0, tokensOut: 0, durationMs: 0 };
  const summary = 'A dry run dispatches nothing.';
  return { taskId: id, role, personaSlug: role, status: 'cancelled', summary, ...nothing };
}

/** How far a dispatch has come. Needs `ReadAgentDispatch`. @throws ApplicationFailure as {@link startDispatch} */
export async function readDispatch(dispatchId: string): Promise<DispatchProgress> {
  return attempt(async (client) => progressOf(await client.agents.get(dispatchId)));
}

/**
 * Asks a dispatch to stop; one that has ended, or is not there any more, stays as it is. Needs `DispatchAgent`.
 *
 * @throws ApplicationFailure as {@link startDispatch}
 */
export async function cancelDispatch(dispatchId: string): Promise<void> {
  await attempt(async (client) => {
    try {
      await client.agents.cancel(dispatchId);
    } catch (error) {
      if (!isPegasusApiError(error) || (error.status !== 404 && error.status !== 409)) throw error;
    }
  });
}

function progressOf({ id, state, result }: Dispatch): DispatchProgress {
  return { dispatchId: id, ended: state === 'ENDED', result };
}

/** A workflow's id may be of any letters and length; a header's value may not. */
function headerOf(key: string): string {
  return /^[\x21-\x7e]{1,255}$/.test(key) ? key : createHash('sha256').update(key).digest('hex');
}

/** Answers that stay the same while nothing else is changed. A token that has run out is renewed for the next attempt. */
const FINAL_STATUSES = new Set([400, 403, 404, 409, 413, 422]);

async function attempt<T>(work: (client: PegasusClient) => Promise<T>): Promise<T> {
  try {
    return await work(PegasusClient.fromRuntime());
  } catch (error) {
    if (!isPegasusApiError(error) || !FINAL_STATUSES.has(error.status)) throw error;
    throw ApplicationFailure.create({
      message: error.message,
      type: error.code,
      nonRetryable: true,
      cause: error,
    });
  }
}
