import {
  ApplicationFailure,
  condition,
  defineQuery,
  defineSignal,
  inputKind,
  log,
  matchInput,
  proxyActivities,
  setHandler,
  type EventInput,
  type WorkflowInput,
} from 'pegasus-workflows-sdk/workflow';
import type * as activities from './activities.js';
import { readEvent, type OrderEvent } from './events.js';

/** A later event of the same order. */
export const followUpSignal = defineSignal<[event: EventInput]>('followUp');
/** Where the order stands. */
export const statusQuery = defineQuery<OrderStatus>('status');

export interface OrderStatus {
  phase: 'reserving' | 'awaiting payment' | 'shipped' | 'cancelled' | 'expired';
  /** Events taken in, each once, by their `domainEventId`. */
  events: string[];
}

export interface Outcome {
  orderId: string;
  outcome: 'shipped' | 'cancelled' | 'expired';
}

const WAITS = { untilReminder: '3 days', untilExpiry: '4 days' } as const;
/** A test run is watched: it may not take a week. */
const TEST_WAITS = { untilReminder: '1 second', untilExpiry: '2 seconds' } as const;

// No maximumAttempts: a shop that is down for a day delays an order, it does not lose one.
const shop = proxyActivities<typeof activities>({
  startToCloseTimeout: '10 seconds',
  retry: { initialInterval: '1 second', maximumInterval: '5 minutes' },
});

/**
 * One order, from the event that placed it to its end. Events may come twice and in any order: each is taken in once,
 * by its `domainEventId`, which is also the idempotency key of the step it leads to.
 */
export async function __camelName__Workflow(argument: WorkflowInput): Promise<Outcome> {
  const placed = readOrderPlaced(argument);
  const { orderId, customerId } = placed.payload;
  const waits = inputKind(argument) === 'test' ? TEST_WAITS : WAITS;
  const status: OrderStatus = { phase: 'reserving', events: [placed.domainEventId] };
  const inbox: OrderEvent[] = [];

  // A handler only writes down what came: what is done about it is decided below, in one place.
  setHandler(followUpSignal, (event) => {
    if (status.events.includes(event.domainEventId)) return;
    status.events.push(event.domainEventId);
    const followUp = understood(event);
    if (followUp?.payload.orderId === orderId) inbox.push(followUp);
  });
  setHandler(statusQuery, () => status);

  const reservationId = await shop.reserveGoods({ orderId, idempotencyKey: placed.domainEventId });

  status.phase = 'awaiting payment';
  const arrived = (): boolean => inbox.length > 0;
  if (!(await condition(arrived, waits.untilReminder))) {
    await shop.remindCustomer({ orderId, customerId, idempotencyKey: `${placed.domainEventId}/reminder` });
    await condition(arrived, waits.untilExpiry);
  }

  const decisive = inbox.at(0);
  const idempotencyKey = decisive?.domainEventId ?? `${placed.domainEventId}/expiry`;
  if (decisive?.eventType === 'order.paid') {
    await shop.shipGoods({ orderId, reservationId, idempotencyKey });
    status.phase = 'shipped';
  } else {
    await shop.releaseGoods({ orderId, reservationId, idempotencyKey });
    status.phase = decisive ? 'cancelled' : 'expired';
  }
  return { orderId, outcome: status.phase };
}

/** A signal cannot be refused: what cannot be read, or is of no use here, is logged and left. */
function understood(event: EventInput): OrderEvent | undefined {
  try {
    const known = readEvent(event);
    return known.eventType === 'order.placed' ? undefined : known;
  } catch (error) {
    log.warn('follow-up ignored', { domainEventId: event.domainEventId, error: String(error) });
    return undefined;
  }
}

/** An event starts a run. By hand, the same event is the run's input; a test run is given an order's id. */
function readOrderPlaced(argument: WorkflowInput): Extract<OrderEvent, { eventType: 'order.placed' }> {
  const event = matchInput(argument, {
    event: (given) => given,
    manual: ({ input }) => asEvent(input ?? {}),
    test: (orderId) => sample(orderId),
  });
  const known = readEvent(event);
  if (known.eventType === 'order.placed') return known;
  throw ApplicationFailure.nonRetryable(
    `a run starts with order.placed, not ${known.eventType}`,
    'InvalidEvent',
  );
}

function asEvent(input: Record<string, unknown>): EventInput {
  const { domainEventId, eventType, occurredAt, payload } = input;
  if (
    typeof domainEventId === 'string' &&
    typeof eventType === 'string' &&
    typeof occurredAt === 'string' &&
    typeof payload === 'object' &&
    payload !== null
  )
    return { domainEventId, eventType, occurredAt, payload: { ...payload } };
  throw ApplicationFailure.nonRetryable(
    'the input must be an event: {domainEventId, eventType, occurredAt, payload}',
    'InvalidEvent',
  );
}

function sample(orderId: string): EventInput {
  return {
    domainEventId: `sample-${orderId}`,
    eventType: 'order.placed',
    occurredAt: new Date().toISOString(),
    payload: { orderId, customerId: 'sample-customer' },
  };
}
