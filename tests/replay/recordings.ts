import { expect } from 'vitest';
import { eventInput, manualInput, scheduleInput } from 'pegasus-workflows-sdk/testing';
import { eventually } from '../support/wait.js';
import { type Activities, type Steps } from './support.js';

/** One history that is kept of each release: of which project, and how the run is brought to its state. */
export interface Recording {
  /** `examples/<name>` or `templates/<name>`. */
  project: string;
  /** What the run is in the midst of, or how it ended; the name of its file. */
  state: string;
  argument: unknown;
  activities: Activities;
  steps: Steps;
}

const ID = '11111111-1111-4111-8111-111111111111';
const manual = (input: Record<string, unknown>): unknown => manualInput(input, ID);

/** The run has ended. */
const toItsEnd: Steps = async (handle) => void (await handle.result());

/** The run waits: its newest events are a timer that runs, and nothing of its own code is under way. */
const untilItWaits: Steps = async (handle) => {
  await eventually(async () => {
    const { events = [] } = await handle.fetchHistory();
    expect(events?.at(-1)?.timerStartedEventAttributes).toBeTruthy();
  });
};

/** Sends signals to a waiting run, then goes on. */
const after =
  (signals: [name: string, ...args: unknown[]][], then: Steps): Steps =>
  async (handle) => {
    await untilItWaits(handle);
    for (const [name, ...args] of signals) await handle.signal(name, ...args);
    await then(handle);
  };

const greeting: Activities = { composeGreeting: (name: string) => ({ greeting: `Hello, ${name}!` }) };
const done = (name: string) => [name, (): string => name] as const;
const shop: Activities = Object.fromEntries(
  [
    'reserveStock',
    'releaseStock',
    'chargeCustomer',
    'refundCustomer',
    'shipOrder',
    'sendMessage',
    'keepProgress',
    'textCustomer',
  ].map(done),
);
const WHOLE_ORDER = {
  orderId: 'A-1',
  sku: 'kettle',
  quantity: 1,
  amount: 4_900,
  customer: 'customer@example.com',
  reviewer: 'reviewer@example.com',
  manager: 'manager@example.com',
  shopUrl: 'http://shop.example',
};
const ORDER = manual(WHOLE_ORDER);
const PLACED_AT_THE_SHOP = eventInput('order.placed', { orderId: 'A-1' }, { domainEventId: 'e1' });
const loadOrder = () => ({ ...WHOLE_ORDER, phone: '+491701234567' });
const goods: Activities = Object.fromEntries(
  ['reserveGoods', 'shipGoods', 'releaseGoods', 'remindCustomer'].map(done),
);
const PLACED = eventInput('order.placed', { orderId: 'A-1', customerId: 'c-1' }, { domainEventId: 'e1' });
const PAID = eventInput('order.paid', { orderId: 'A-1', paymentId: 'p-1' }, { domainEventId: 'e2' });
const office: Activities = Object.fromEntries(
  ['reserveBudget', 'releaseBudget', 'placeOrder', 'sendMessage'].map(done),
);
const REQUEST = manual({
  item: 'kettle',
  amount: 4_900,
  requester: 'requester@example.com',
  approver: 'approver@example.com',
  manager: 'manager@example.com',
});
const agent: Activities = {
  askModel: (messages: unknown[]) => ({
    tokens: 10,
    message:
      messages.length < 4
        ? {
            role: 'assistant',
            content: null,
            tool_calls: [call('c1', 'listFiles', { path: '.' }), call('c2', 'runCommand', { command: 'ls' })],
          }
        : { role: 'assistant', content: 'done' },
  }),
  ...Object.fromEntries(['listFiles', 'readTextFile', 'writeTextFile', 'runCommand'].map(done)),
};

/** @param ended whether a dispatch has ended as soon as it has begun */
function dispatches(ended: boolean): Activities {
  const result = {
    taskId: 't',
    role: 'architect',
    personaSlug: 'marcus',
    status: 'shipped',
    summary: 'First the basket.',
    filesChanged: [],
    toolCallCount: 0,
    tokensIn: 1,
    tokensOut: 1,
    durationMs: 1,
  };
  const answer = { dispatchId: '5f0c1e6e-0d0c-4b60-8d7a-7b5f6d1f2a01', ended, result: ended ? result : null };
  return { startDispatch: () => answer, readDispatch: () => answer, cancelDispatch: () => undefined };
}

function call(id: string, name: string, args: object): object {
  return { id, type: 'function', function: { name, arguments: JSON.stringify(args) } };
}

const of = (project: string, activities: Activities, argument: unknown) => (state: string, steps: Steps) => ({
  project,
  state,
  argument,
  activities,
  steps,
});
const hello = of('examples/hello', greeting, manual({ name: 'Ada', waitSeconds: 1 }));
const patient = of('examples/hello', greeting, manual({ name: 'Ada', waitSeconds: 3600 }));
const order = of('examples/order-followup', shop, ORDER);
const fromEvent = of('examples/order-followup', { ...shop, loadOrder }, PLACED_AT_THE_SHOP);
const forward = of(
  'examples/partner-orders',
  { deliver: () => ({ alreadyDelivered: false, status: 200 }) },
  eventInput('partner.order', {
    integrationId: 'edi-orders',
    sourceEventId: 'e1',
    canonical: { number: 'PO-1', change: 100 },
    valid: true,
  }),
);
const event = of('templates/event', goods, PLACED);
const approval = of('templates/approval', office, REQUEST);
const task = of('templates/agent', agent, manual({ prompt: 'look around' }));

const toDispatch = manual({ workspace: 'shop', prompt: 'Mend the basket.' });
const ends = of('templates/dispatch', dispatches(true), toDispatch);
const goesOn = of('templates/dispatch', dispatches(false), toDispatch);

export const RECORDINGS: Recording[] = [
  hello('completed', toItsEnd),
  patient('waiting', untilItWaits),
  patient('hurried', after([['hurry']], toItsEnd)),
  order('awaiting-approval', untilItWaits),
  order('following-up', after([['approve', 'manager']], untilItWaits)),
  order('refused', after([['reject', 'manager', 'too much']], toItsEnd)),
  fromEvent('shipped-from-event', after([['approve', 'manager']], untilItWaits)),
  forward('completed', toItsEnd),
  of('templates/hello', greeting, manual({ name: 'Ada' }))('completed', toItsEnd),
  event('awaiting-payment', untilItWaits),
  event('shipped', after([['followUp', PAID]], toItsEnd)),
  of('templates/schedule', { processPage: () => ({ processed: 2, next: null }) }, scheduleInput('0 3 * * *', { executionId: ID }))(
    'completed',
    toItsEnd,
  ),
  approval('awaiting-decision', untilItWaits),
  approval('bought', after([['approve', 'approver']], toItsEnd)),
  approval('rejected', after([['reject', 'approver', 'too much']], toItsEnd)),
  task('awaiting-approval', untilItWaits),
  task('answered', after([['approve', 'c2', 'operator']], toItsEnd)),
  ends('completed', toItsEnd),
  goesOn('planning', untilItWaits),
]; // prettier-ignore
