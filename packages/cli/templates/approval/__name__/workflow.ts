import {
  ApplicationFailure,
  CancellationScope,
  condition,
  defineQuery,
  defineSignal,
  defineUpdate,
  proxyActivities,
  setHandler,
  workflowInfo,
  type WorkflowInput,
} from 'pegasus-workflows-sdk/workflow';
import type * as activities from './activities.js';
import { readRequest, type Request } from './request.js';

/** Decides, and nothing is said back: for a link in a mail. */
export const approveSignal = defineSignal<[by: string]>('approve');
export const rejectSignal = defineSignal<[by: string, reason: string]>('reject');
/** Decides, and answers with the status; refused when it is too late, or made out badly. */
export const decideUpdate = defineUpdate<Status, [decision: Decision]>('decide');
export const statusQuery = defineQuery<Status>('status');

export interface Decision {
  approved: boolean;
  by: string;
  reason?: string;
}

export interface Status {
  phase: 'reserving' | 'awaiting decision' | 'buying' | 'compensating' | 'closed';
  /** Who is being waited for. */
  waitingFor: string | null;
  reminders: number;
  decision: Decision | null;
}

export interface Outcome {
  outcome: 'bought' | 'rejected' | 'expired';
  decidedBy: string | null;
  orderNumber: string | null;
}

// No maximumAttempts: a service that is down for a day delays an approval, it does not lose one.
const office = proxyActivities<typeof activities>({
  startToCloseTimeout: '10 seconds',
  retry: { initialInterval: '1 second', maximumInterval: '5 minutes' },
});

/** Sets the budget aside, gets a person's decision, and buys; or gives the budget back. */
export async function __camelName__Workflow(argument: WorkflowInput): Promise<Outcome> {
  const request = readRequest(argument);
  const status: Status = { phase: 'reserving', waitingFor: null, reminders: 0, decision: null };

  const decide = (decision: Decision): void => {
    // The first answer counts: the order may be placed already when a second one comes.
    status.decision ??= decision;
  };
  setHandler(statusQuery, () => status);
  setHandler(approveSignal, (by) => decide({ approved: true, by }));
  setHandler(rejectSignal, (by, reason) => decide({ approved: false, by, reason }));
  setHandler(
    decideUpdate,
    (decision) => {
      decide(decision);
      return status;
    },
    { validator: (decision) => checkDecision(decision, status) },
  );

  const reservationId = await wholly(() =>
    office.reserveBudget({ idempotencyKey: key('reserve'), amount: request.amount }),
  );
  try {
    await awaitDecision(request, status);
    const { decision } = status;
    if (decision?.approved) {
      status.phase = 'buying';
      const { item } = request;
      const orderNumber = await wholly(() =>
        office.placeOrder({ idempotencyKey: key('order'), reservationId, item }),
      );
      status.phase = 'closed';
      return { outcome: 'bought', decidedBy: decision.by, orderNumber };
    }
    await giveBack(reservationId, status);
    const why = decision
      ? `rejected by ${decision.by}: ${decision.reason}`
      : 'expired: nobody decided in time';
    await tell('outcome', request.requester, `${request.item} was ${why}.`);
    return { outcome: decision ? 'rejected' : 'expired', decidedBy: decision?.by ?? null, orderNumber: null };
  } catch (error) {
    // Cancelled from outside, or failed for good: the budget goes back all the same, then the run ends as it must.
    if (status.phase !== 'closed')
      await CancellationScope.nonCancellable(() => giveBack(reservationId, status));
    throw error;
  }
}

/** Asks the approver, reminds, escalates to the manager; returns at the decision or the deadline. */
async function awaitDecision(request: Request, status: Status): Promise<void> {
  const { item, approver, manager, waits } = request;
  const started = Date.now();
  const secondsGone = (): number => Math.round((Date.now() - started) / 1000);
  const decided = (): boolean => status.decision !== null;

  status.phase = 'awaiting decision';
  status.waitingFor = approver;
  await tell('ask', approver, `Please decide about: ${item}`);
  while (!decided()) {
    const escalated = status.waitingFor === manager;
    const next = Math.min(
      secondsGone() + waits.betweenReminders,
      waits.untilDeadline,
      escalated ? Infinity : waits.untilEscalation,
    );
    if (await condition(decided, `${Math.max(1, next - secondsGone())} seconds`)) break;
    if (secondsGone() >= waits.untilDeadline) break;
    if (!escalated && secondsGone() >= waits.untilEscalation) {
      status.waitingFor = manager;
      await tell('escalate', manager, `${approver} has not decided about: ${item}`);
    } else {
      status.reminders += 1;
      await tell(`remind-${status.reminders}`, status.waitingFor, `Still to be decided: ${item}`);
    }
  }
  status.waitingFor = null;
}

/** An update that is refused leaves no trace in the run, unlike a signal. */
function checkDecision({ approved, by, reason }: Decision, { phase, decision }: Status): void {
  const refuse = (sentence: string): never => {
    throw ApplicationFailure.nonRetryable(sentence, 'DecisionRefused');
  };
  if (phase !== 'awaiting decision') refuse(`It is ${phase}; nothing can be decided.`);
  if (decision) refuse(`${decision.by} has decided already.`);
  if (!by) refuse('Say by whom: {"approved": true, "by": "ada@example.com"}.');
  if (!approved && !reason) refuse('Say why: a rejection needs a reason.');
}

async function giveBack(reservationId: string, status: Status): Promise<void> {
  status.phase = 'compensating';
  await office.releaseBudget({ idempotencyKey: key('release'), reservationId });
  status.phase = 'closed';
}

function tell(step: string, to: string, text: string): Promise<void> {
  return office.sendMessage({ idempotencyKey: key(step), to, text });
}

/** A step that may have had its effect must not be left half known: a cancellation waits until it has ended. */
function wholly<T>(step: () => Promise<T>): Promise<T> {
  return CancellationScope.nonCancellable(step);
}

/** Stable over retries, restarts and replays: the same step of the same run always has the same key. */
function key(step: string): string {
  return `${workflowInfo().workflowId}/${step}`;
}
