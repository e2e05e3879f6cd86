import {
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  condition,
  defineQuery,
  defineSignal,
  log,
  patched,
  proxyActivities,
  setHandler,
  sleep,
  workflowInfo,
} from 'pegasus-workflows-sdk/workflow';
import type * as activities from './activities.js';
import { readOrder } from './read-order.js';
import type { Decision, Order, OrderOutcome, OrderStatus, Phase, ShopCall, Waits } from './types.js';

export const approveSignal = defineSignal<[by: string]>('approve');
export const rejectSignal = defineSignal<[by: string, reason: string]>('reject');
export const statusQuery = defineQuery<OrderStatus>('status');

const WAITS: Waits = { untilReminder: 3, untilEscalation: 3, untilExpiry: 4, untilFollowUp: 7 };

// No maximumAttempts: a third party that is down for a day delays an order, it does not lose one.
const shop = proxyActivities<typeof activities>({
  startToCloseTimeout: '10 seconds',
  retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '1 minute' },
});

/** Reserve, charge, get a person's approval, ship and follow up; undo all of it when the answer is no, or none. */
export async function orderFollowup(argument: unknown): Promise<OrderOutcome> {
  const source = readOrder(argument);
  const status: OrderStatus = { phase: 'placed', reminders: 0, decision: null };
  setHandler(statusQuery, () => status);
  setHandler(approveSignal, (by) => decide({ approved: true, by }));
  setHandler(rejectSignal, (by, reason) => decide({ approved: false, by, reason }));
  // Runs that began before 1.1.0 have no such steps in their histories.
  const tells = patched('projection-and-sms');
  const order = 'order' in source ? source.order : await shop.loadOrder(source.orderId);
  const waits = { ...WAITS, ...order.waits };
  const undo: Undo[] = [];

  async function enter(phase: Phase, outcome: OrderOutcome['outcome'] | null = null): Promise<void> {
    status.phase = phase;
    if (tells) await shop.keepProgress(order.orderId, { ...status, outcome });
  }

  function decide(decision: Decision): void {
    // The first answer counts: the goods may be on their way when a second one comes.
    status.decision ??= decision;
  }

  async function close(outcome: OrderOutcome['outcome'], undone: string[] = []): Promise<OrderOutcome> {
    await enter('closed', outcome);
    const { decision, reminders } = status;
    return { orderId: order.orderId, outcome, decidedBy: decision?.by ?? null, reminders, undone };
  }

  async function undoEverything(): Promise<string[]> {
    status.phase = 'compensating';
    const undone: string[] = [];
    // Last done, first undone; taken off the list only once it is undone.
    for (let last = undo.at(-1); last; last = undo.at(-1)) {
      await last.run(last.step);
      undone.push(last.step);
      undo.pop();
    }
    return undone;
  }

  async function decline(outcome: OrderOutcome['outcome'], text: string): Promise<OrderOutcome> {
    const undone = await undoEverything();
    await shop.sendMessage({ ...callFor(order, 'tell-customer'), to: order.customer, text });
    return close(outcome, undone);
  }

  try {
    status.phase = 'reserving';
    const { sku, quantity } = order;
    const reservationId = await wholly(() =>
      shop.reserveStock({ ...callFor(order, 'reserve-stock'), sku, quantity }),
    );
    undo.push({
      step: 'release-stock',
      run: (step) => shop.releaseStock({ ...callFor(order, step), reservationId }),
    });

    status.phase = 'charging';
    const chargeId = await wholly(() => charge(order));
    if (chargeId === undefined) return await decline('payment declined', 'Your payment was declined.');
    undo.push({
      step: 'refund-customer',
      run: (step) => shop.refundCustomer({ ...callFor(order, step), chargeId }),
    });

    await enter('awaiting approval');
    await awaitDecision(order, waits, status);
    if (!status.decision) return await decline('expired', 'Nobody could approve your order in time.');
    if (!status.decision.approved) return await decline('refused', 'Your order was refused.');

    await wholly(() => shop.shipOrder({ ...callFor(order, 'ship-order'), reservationId }));
    // The goods have left: from here on there is nothing that could be undone.
    undo.length = 0;
    await enter('shipped');
    if (tells && order.phone !== undefined) {
      const body = `Your order ${order.orderId} is on its way.`;
      await shop.textCustomer({
        to: order.phone,
        body,
        dedupKey: callFor(order, 'tell-shipped').idempotencyKey,
      });
    }
    await sleep(`${waits.untilFollowUp} days`);
    status.phase = 'following up';
    await shop.sendMessage({
      ...callFor(order, 'follow-up'),
      to: order.customer,
      text: `How did you like order ${order.orderId}?`,
    });
    return await close('approved');
  } catch (error) {
    // Cancelled from outside, or failed for good: what was done is undone all the same, then the run ends as it must.
    await CancellationScope.nonCancellable(async () => {
      await undoEverything();
      await enter('closed');
    });
    throw error;
  }
}

interface Undo {
  step: string;
  run: (step: string) => Promise<unknown>;
}

/** A step that may have had its effect must not be left half known: a cancellation waits until it has ended. */
function wholly<T>(step: () => Promise<T>): Promise<T> {
  return CancellationScope.nonCancellable(step);
}

/** Charges the customer; `undefined` when the bank declined. */
async function charge(order: Order): Promise<string | undefined> {
  const { orderId, customer, amount } = order;
  try {
    return await shop.chargeCustomer({ ...callFor(order, 'charge-customer'), orderId, customer, amount });
  } catch (error) {
    const cause = error instanceof ActivityFailure ? error.cause : undefined;
    if (cause instanceof ApplicationFailure && cause.type === 'PaymentDeclined') return undefined;
    throw error;
  }
}

/** Asks the reviewer, reminds, escalates; returns once `status.decision` is there or every wait has passed. */
async function awaitDecision(order: Order, waits: Waits, status: OrderStatus): Promise<void> {
  const decided = (): boolean => status.decision !== null;
  const ask = (step: string, to: string): Promise<string> =>
    shop.sendMessage({ ...callFor(order, step), to, text: `Order ${order.orderId} needs your approval.` });

  await ask('ask-approval', order.reviewer);
  if (await condition(decided, `${waits.untilReminder} days`)) return;
  await ask('remind-reviewer', order.reviewer);
  status.reminders += 1;
  if (await condition(decided, `${waits.untilEscalation} days`)) return;
  await ask('escalate-to-manager', order.manager);
  status.reminders += 1;
  log.info('approval escalated', { orderId: order.orderId, manager: order.manager });
  await condition(decided, `${waits.untilExpiry} days`);
}

/** Stable over retries, restarts and replays: the same step of the same run always carries the same key. */
function callFor(order: Order, step: string): ShopCall {
  return { shopUrl: order.shopUrl, idempotencyKey: `${workflowInfo().workflowId}/${step}` };
}
