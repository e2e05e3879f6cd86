import { fileURLToPath } from 'node:url';
import { createTestHarness, eventInput, manualInput, type TestHarness } from 'pegasus-workflows-sdk/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import * as activities from '../__name__/activities.js';
import { __camelName__Workflow, followUpSignal, statusQuery } from '../__name__/workflow.js';

let harness: TestHarness;
/** What the shop was told, in order: each step with its idempotency key. */
let steps: string[];

beforeAll(async () => {
  const workflowsPath = fileURLToPath(new URL('../__name__/workflow.ts', import.meta.url));
  harness = await createTestHarness({ workflowsPath, activities, logLevel: 'ERROR' });
  const noted =
    (name: string) =>
    async ({ idempotencyKey }: activities.Step): Promise<string> => {
      steps.push(`${name} ${idempotencyKey}`);
      return `${name}-id`;
    };
  harness.mockActivities(Object.fromEntries(Object.keys(activities).map((name) => [name, noted(name)])));
}, 300_000);
beforeEach(() => {
  steps = [];
});
afterAll(() => harness?.close());

const placed = eventInput('order.placed', { orderId: 'A-1', customerId: 'c-1' }, { domainEventId: 'e1' });
const paid = eventInput('order.paid', { orderId: 'A-1', paymentId: 'p-1' }, { domainEventId: 'e2' });
const cancelled = eventInput(
  'order.cancelled',
  { orderId: 'A-1', reason: 'too late' },
  { domainEventId: 'e3' },
);
const followUp = (event: typeof paid, after?: string) => ({
  signal: followUpSignal,
  args: [event],
  ...(after && { after: after as '1 day' }),
});

describe('__name__', () => {
  it('ships an order that is paid; the events are the keys', async () => {
    const result = await harness.run(__camelName__Workflow, placed, { signals: [followUp(paid, '1 day')] });
    expect(result).toEqual({ orderId: 'A-1', outcome: 'shipped' });
    expect(steps).toEqual(['reserveGoods e1', 'shipGoods e2']);
  });

  it('puts the goods back when the order is cancelled', async () => {
    const result = await harness.run(__camelName__Workflow, placed, { signals: [followUp(cancelled)] });
    expect(result.outcome).toBe('cancelled');
    expect(steps).toEqual(['reserveGoods e1', 'releaseGoods e3']);
  });

  it('reminds after three days and gives up after seven', async () => {
    expect(await harness.run(__camelName__Workflow, placed)).toEqual({ orderId: 'A-1', outcome: 'expired' });
    expect(steps).toEqual(['reserveGoods e1', 'remindCustomer e1/reminder', 'releaseGoods e1/expiry']);
  });

  it('takes each event in once, and leaves what it cannot use', async () => {
    const handle = await harness.start(__camelName__Workflow, placed);
    const stranger = eventInput('order.paid', { orderId: 'B-2', paymentId: 'p-2' }, { domainEventId: 'e4' });
    const broken = eventInput('order.paid', {}, { domainEventId: 'e5' });
    for (const event of [placed, stranger, stranger, broken]) await handle.signal(followUpSignal, event);
    await harness.sleep('1 day');
    expect(await handle.query(statusQuery)).toEqual({
      phase: 'awaiting payment',
      events: ['e1', 'e4', 'e5'],
    });
    await handle.signal(followUpSignal, paid);
    expect(await handle.result()).toMatchObject({ outcome: 'shipped' });
  });

  it('is run by hand with the same event as its input', async () => {
    const result = await harness.run(__camelName__Workflow, manualInput({ ...placed }), {
      signals: [followUp(paid)],
    });
    expect(result.outcome).toBe('shipped');
  });

  it.each([
    [eventInput('order.lost', {}), 'there is no event "order.lost" here'],
    [eventInput('order.placed', { orderId: 'A-1' }), 'the payload of order.placed lacks: customerId'],
    [paid, 'a run starts with order.placed, not order.paid'],
    [
      manualInput({ orderId: 'A-1' }),
      'the input must be an event: {domainEventId, eventType, occurredAt, payload}',
    ],
  ])('refuses at once what is no such event: %#', async (input, message) => {
    await expect(harness.run(__camelName__Workflow, input)).rejects.toMatchObject({ cause: { message } });
    expect(steps).toEqual([]);
  });
});
