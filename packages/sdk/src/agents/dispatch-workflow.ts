import {
  ApplicationFailure,
  CancellationScope,
  CancelledFailure,
  condition,
  defineSignal,
  isCancellation,
  proxyActivities,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
// Types alone: the schemas behind them would make every workflow's bundle heavy.
import type { DISPATCH_ENDED_SIGNAL, DispatchRequest } from '@pegasus-workflows/contracts';
import type { SubagentResult } from '@pegasus-workflows/contracts/agents';
import type * as activities from './dispatch-activities.js';

/**
 * Job: a dispatch as one step of a workflow: started once, awaited however long it takes, stopped with the workflow.
 *
 * Boundary: workflow code, deterministic; what reaches the platform is in `dispatch-activities.ts`, which the workflow's
 * own activities module passes on.
 *
 * Invariants
 * 1. A step of a run dispatches once: its key is the same in every attempt of the activity, after every restart of the
 *    worker, and in every retry of the run.
 * 2. Several dispatches of one run may be open at once. One signal handler notes which have ended; a signal that comes
 *    before anybody waits is not lost.
 * 3. A signal that never comes costs time and nothing else: the dispatch is read now and then.
 * 4. When the scope is cancelled, no dispatch of it goes on: one that was being started is started and cancelled.
 */

/** What is to be done; its id is the dispatch's unless it is given. */
export type WorkflowTask = DispatchRequest['task'];

export interface DispatchSubagentOptions {
  /** Name of a workspace that an agent host offers. */
  workspace: string;
  /** A model that the host has; default: the host's first. */
  model?: string | undefined;
  /** What becomes of the branch of one that has shipped; default: the platform's. */
  merge?: DispatchRequest['merge'] | undefined;
  /** `remote_vm`: on another host, with a copy of the workspace; default: in the workspace, as the role says. */
  isolation?: DispatchRequest['isolation'] | undefined;
  /**
   * What this step is called, unique in the workflow: it dispatches once over all runs of the workflow, continued and
   * retried ones. Default: the steps of each run are counted.
   */
  key?: string | undefined;
}

const ENDED: typeof DISPATCH_ENDED_SIGNAL = 'pegasus.dispatchEnded';
const endedSignal = defineSignal<[{ dispatchId: string }]>(ENDED);

/** How long a signal is waited for before the dispatch is read without one; doubles each time. Milliseconds. */
const FIRST_LOOK_MS = 5 * 60_000;
const LAST_LOOK_MS = 60 * 60_000;

// A platform that is down for a day delays a dispatch, it does not lose one: attempts are not limited.
const { startDispatch, readDispatch, cancelDispatch } = proxyActivities<typeof activities>({
  startToCloseTimeout: '2 minutes',
  retry: { initialInterval: '1 second', maximumInterval: '1 minute' },
});

/** Of the run: Temporal gives each one modules of its own. */
let ended: Set<string> | undefined;
let counted = 0;

/**
 * Hands a task to a coding agent and resolves with its result, however it ended: `status` says that. May take days, and
 * survives every restart. A cancellation of the scope cancels the dispatch.
 *
 * The activities module must have `export * from 'pegasus-workflows-sdk/agents/activities'`, and `required_actions` of
 * the manifest `DispatchAgent` and `ReadAgentDispatch`.
 *
 * ```ts
 * const { status, summary } = await dispatchSubagent(
 *   { role: 'coder', permissionMode: 'acceptEdits', prompt: 'Mend the flaky test.', budget: { dollars: 2 } },
 *   { workspace: 'shop' },
 * );
 * ```
 *
 * @throws ActivityFailure when the platform refuses it; its cause's `type` is the platform's code
 * @throws CancelledFailure when the scope is cancelled
 */
export async function dispatchSubagent(
  task: WorkflowTask,
  options: DispatchSubagentOptions,
): Promise<SubagentResult> {
  const { key, ...place } = options;
  const heard = hearEnds();
  const idempotencyKey = keyOf(key);
  if (CancellationScope.current().consideredCancelled) throw new CancelledFailure('Dispatch cancelled');
  // Begun, it is there to be cancelled (invariant 4).
  const { dispatchId, ...begun } = await CancellationScope.nonCancellable(() =>
    startDispatch({ ...place, task }, idempotencyKey),
  );
  try {
    return begun.ended ? resultOf(dispatchId, begun.result) : await awaitEnd(dispatchId, heard);
  } catch (error) {
    if (isCancellation(error)) await CancellationScope.nonCancellable(() => cancelDispatch(dispatchId));
    throw error;
  } finally {
    heard.delete(dispatchId);
  }
}

async function awaitEnd(dispatchId: string, heard: Set<string>): Promise<SubagentResult> {
  for (let lookMs = FIRST_LOOK_MS; ; lookMs = Math.min(lookMs * 2, LAST_LOOK_MS)) {
    await condition(() => heard.has(dispatchId), lookMs);
    const { ended: isOver, result } = await readDispatch(dispatchId);
    if (isOver) return resultOf(dispatchId, result);
    // It was announced too early, or by somebody else: wait on, and do not read it again at once.
    heard.delete(dispatchId);
  }
}

function resultOf(dispatchId: string, result: SubagentResult | null): SubagentResult {
  if (result) return result;
  throw ApplicationFailure.nonRetryable(
    `Dispatch ${dispatchId} ended without a result.`,
    'DispatchWithoutResult',
  );
}

/** One handler for all dispatches of the run (invariant 2). */
function hearEnds(): Set<string> {
  if (ended) return ended;
  const heard = (ended = new Set<string>());
  // Whoever may signal the run may send anything: what is not an id is not looked at.
  setHandler(endedSignal, (signal) => {
    const dispatchId: unknown = signal?.dispatchId;
    if (typeof dispatchId === 'string') heard.add(dispatchId);
  });
  return heard;
}

/**
 * The first attempt of a run goes by its own id, so that a continued or reset run begins anew; a retried one by the first
 * run's, so that it finds what was dispatched (invariant 1).
 */
function keyOf(given: string | undefined): string {
  const { workflowId, runId, firstExecutionRunId, attempt } = workflowInfo();
  if (given !== undefined) return `${workflowId}/${firstExecutionRunId}/${given}`;
  counted += 1;
  return `${workflowId}/${attempt === 1 ? runId : firstExecutionRunId}/${counted}`;
}
