import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import {
  createLocalPlatform,
  createTestHarness,
  eventInput,
  manualInput,
  runActivity,
  type LocalPlatform,
  type LocalPlatformOptions,
  type TestHarness,
} from 'pegasus-workflows-sdk/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import * as activities from '../order-followup/activities.js';
import type { Order, OrderOutcome } from '../order-followup/types.js';
import { approveSignal, orderFollowup, rejectSignal, statusQuery } from '../order-followup/workflow.js';
import { startPaymentService } from '../third-party/payment-service.mjs';

let harness: TestHarness;
beforeAll(async () => {
  const workflowsPath = fileURLToPath(new URL('../order-followup/workflow.ts', import.meta.url));
  // Failing attempts are what is being tested here; the worker need not warn of each.
  harness = await createTestHarness({ workflowsPath, activities, logLevel: 'ERROR' });
});
afterAll(() => harness?.close());

type Service = Awaited<ReturnType<typeof startPaymentService>>;
let shop: Service;
let platform: LocalPlatform;
let workflowId: string;
beforeEach(async () => {
  // Reliable unless a test says otherwise.
  shop = await startPaymentService({ failureRate: 0 });
  platform = platformWith();
  workflowId = `test/${randomUUID()}`;
});
afterEach(() => shop.close());

/** From now on activities find this platform: with what the manifest declares, and nothing else. */
function platformWith(options: LocalPlatformOptions = {}): LocalPlatform {
  harness.platform = createLocalPlatform({
    requiredActions: ['ReadWorkflowSecret', 'ReadWorkflowConfig', 'WriteIntegrationProjection', 'SendSms'],
    secrets: { SHOP_API_KEY: 'demo-key' },
    configs: {
      SHOP_URL: shop.url,
      ORDER_REVIEWER: 'ben@example.com',
      ORDER_MANAGER: 'cyd@example.com',
      FOLLOW_UP_DAYS: '5',
    },
    ...options,
  });
  return harness.platform;
}

function order(changes: Partial<Order> = {}) {
  return manualInput({
    orderId: 'A-1',
    sku: 'kettle',
    quantity: 2,
    amount: 9_800,
    customer: 'ada@example.com',
    reviewer: 'ben@example.com',
    manager: 'cyd@example.com',
    shopUrl: shop.url,
    ...changes,
  });
}

/** What the third party did for this run, in order: the step's name is the end of its key. */
function steps(): string[] {
  return shop.effects.map(({ idempotencyKey }) => idempotencyKey.slice(workflowId.length + 1));
}

function messages(): [to: unknown, text: unknown][] {
  return shop.effects
    .filter(({ path }) => path === '/messages')
    .map(({ body }) => [body['to'], body['text']]);
}

const APPROVED = ['reserve-stock', 'charge-customer', 'ask-approval', 'ship-order', 'follow-up'];
const UNDONE = ['refund-customer', 'release-stock'];

const placed = (orderId = 'A-1') => eventInput('order.placed', { orderId });
/** The shop's order `A-1` is approved an hour after it was placed. */
const approvedSoon = () => ({
  workflowId,
  signals: [{ signal: approveSignal, args: ['ben@example.com'], after: '1 hour' }],
});

describe('an event', () => {
  it('starts it: the order is read at the shop, and the configuration says the rest', async () => {
    const outcome = await harness.run(orderFollowup, placed(), approvedSoon());
    expect(outcome).toMatchObject({ orderId: 'A-1', outcome: 'approved' });
    expect(steps()).toEqual(APPROVED);
    expect(messages()).toEqual([
      ['ben@example.com', 'Order A-1 needs your approval.'],
      ['ada@example.com', 'How did you like order A-1?'],
    ]);
  });

  it('without an order is refused', async () => {
    const failed = harness.run(orderFollowup, eventInput('order.placed', { orderId: '../A' }), {
      workflowId,
    });
    await expect(failed).rejects.toMatchObject({ cause: { type: 'InvalidOrder' } });
  });
});

describe('on the platform', () => {
  it('keeps a projection of where the order is', async () => {
    const handle = await harness.start(orderFollowup, placed(), { workflowId });
    await harness.sleep('1 hour');
    const named = { integrationId: 'order-followup', entityType: 'order', entityKey: 'A-1' };
    const waiting = { phase: 'awaiting approval', reminders: 0, decision: null, outcome: null };
    expect(platform.projections).toMatchObject([{ ...named, state: waiting }]);
    await handle.signal(approveSignal, 'ben@example.com');
    await handle.result();
    const decision = { approved: true, by: 'ben@example.com' };
    const closed = { phase: 'closed', reminders: 0, decision, outcome: 'approved' };
    expect(platform.projections).toMatchObject([{ ...named, state: closed, version: 3 }]);
  });

  it('tells the customer once by SMS that the goods are on their way', async () => {
    await harness.run(orderFollowup, placed(), approvedSoon());
    expect(platform.sms).toMatchObject([
      { to: '+491701234567', body: 'Your order A-1 is on its way.', dedupKey: `${workflowId}/tell-shipped` },
    ]);
  });

  it('ships all the same when the customer wants no SMS', async () => {
    platform = platformWith({ sms: { optedOut: ['+491701234567'] } });
    expect(await harness.run(orderFollowup, placed(), approvedSoon())).toMatchObject({ outcome: 'approved' });
    expect(platform.sms).toEqual([]);
  });

  it('in a dry run takes the same steps and has no effect', async () => {
    platform = platformWith({ dryRun: true });
    const outcome = await harness.run(orderFollowup, placed(), approvedSoon());
    expect(outcome).toMatchObject({ outcome: 'approved', undone: [] });
    expect([shop.effects, platform.projections, platform.sms]).toEqual([[], [], []]);
    expect(platform.mutations.map(({ method, args }) => [method, args['to'] ?? args['key']])).toEqual([
      ['projections.put', 'A-1'],
      ['projections.put', 'A-1'],
      ['sms.send', '+491701234567'],
      ['projections.put', 'A-1'],
    ]);
  });

  it('undone when cancelled, says so in the projection', async () => {
    const handle = await harness.start(orderFollowup, placed(), { workflowId });
    await harness.sleep('1 day');
    await handle.cancel();
    await expect(handle.result()).rejects.toThrow('cancelled');
    expect(platform.projections).toMatchObject([{ state: { phase: 'closed', outcome: null } }]);
  });
});

describe('approval', () => {
  it('ships, and asks the customer a week later', async () => {
    const outcome = await harness.run(orderFollowup, order(), {
      workflowId,
      signals: [{ signal: approveSignal, args: ['ben@example.com'], after: '1 hour' }],
    });
    expect(outcome).toEqual<OrderOutcome>({
      orderId: 'A-1',
      outcome: 'approved',
      decidedBy: 'ben@example.com',
      reminders: 0,
      undone: [],
    });
    expect(steps()).toEqual(APPROVED);
    expect(messages().at(-1)).toEqual(['ada@example.com', 'How did you like order A-1?']);
  });

  it('says at any time where the order is', async () => {
    const handle = await harness.start(orderFollowup, order(), { workflowId });
    await harness.sleep('4 days');
    expect(await handle.query(statusQuery)).toEqual({
      phase: 'awaiting approval',
      reminders: 1,
      decision: null,
    });
    await handle.signal(approveSignal, 'ben@example.com');
    await harness.sleep('1 day');
    const decision = { approved: true, by: 'ben@example.com' };
    expect(await handle.query(statusQuery)).toEqual({ phase: 'shipped', reminders: 1, decision });
    await handle.result();
    expect(await handle.query(statusQuery)).toMatchObject({ phase: 'closed' });
  });

  it('counts the first answer, whatever is said later', async () => {
    const outcome = await harness.run(orderFollowup, order(), {
      workflowId,
      signals: [
        { signal: approveSignal, args: ['ben@example.com'], after: '1 hour' },
        { signal: rejectSignal, args: ['cyd@example.com', 'changed my mind'], after: '2 hours' },
      ],
    });
    expect(outcome).toMatchObject({ outcome: 'approved', decidedBy: 'ben@example.com' });
  });
});

describe('nobody answers', () => {
  it('reminds the reviewer after 3 days and escalates to the manager after 3 more', async () => {
    const outcome = await harness.run(orderFollowup, order(), {
      workflowId,
      signals: [{ signal: approveSignal, args: ['cyd@example.com'], after: '8 days' }],
    });
    expect(outcome).toMatchObject({ outcome: 'approved', decidedBy: 'cyd@example.com', reminders: 2 });
    expect(messages().slice(0, 3)).toEqual([
      ['ben@example.com', 'Order A-1 needs your approval.'],
      ['ben@example.com', 'Order A-1 needs your approval.'],
      ['cyd@example.com', 'Order A-1 needs your approval.'],
    ]);
  });

  it('expires after ten days and undoes everything', async () => {
    const outcome = await harness.run(orderFollowup, order(), { workflowId });
    expect(outcome).toMatchObject({ outcome: 'expired', decidedBy: null, reminders: 2, undone: UNDONE });
  });

  it('waits as long as the order says', async () => {
    const began = await harness.now();
    const waits = { untilReminder: 1, untilEscalation: 1, untilExpiry: 28 };
    let expired: Date | undefined;
    const restore = harness.mockActivities({
      refundCustomer: async (call: Parameters<typeof activities.refundCustomer>[0]) => {
        expired = await harness.now();
        return activities.refundCustomer(call);
      },
    });
    const outcome = await harness.run(orderFollowup, order({ waits }), { workflowId });
    restore();
    expect(outcome.outcome).toBe('expired');
    const days = (expired!.getTime() - began.getTime()) / 86_400_000;
    expect(days).toBeGreaterThanOrEqual(30);
    expect(days).toBeLessThan(30.1);
  });
});

describe('undoing', () => {
  it('refunds, then puts the goods back, then tells the customer, when refused', async () => {
    const outcome = await harness.run(orderFollowup, order(), {
      workflowId,
      signals: [{ signal: rejectSignal, args: ['ben@example.com', 'fraud'], after: '1 day' }],
    });
    expect(outcome).toMatchObject({ outcome: 'refused', decidedBy: 'ben@example.com', undone: UNDONE });
    expect(steps()).toEqual(['reserve-stock', 'charge-customer', 'ask-approval', ...UNDONE, 'tell-customer']);
    const [reservation, charge] = shop.effects;
    expect(shop.effects.find(({ path }) => path === '/refunds')?.body).toEqual({ chargeId: charge?.id });
    expect(shop.effects.find(({ path }) => path === '/releases')?.body).toEqual({
      reservationId: reservation?.id,
    });
  });

  it('puts the goods back when the payment is declined; there is nothing to refund', async () => {
    const outcome = await harness.run(orderFollowup, order({ customer: 'broke@example.com' }), {
      workflowId,
    });
    expect(outcome).toMatchObject({ outcome: 'payment declined', undone: ['release-stock'] });
    expect(steps()).toEqual(['reserve-stock', 'release-stock', 'tell-customer']);
  });

  it('undoes everything when the run is cancelled', async () => {
    const handle = await harness.start(orderFollowup, order(), { workflowId });
    await harness.sleep('1 day');
    await handle.cancel();
    await expect(handle.result()).rejects.toThrow('cancelled');
    expect(steps()).toEqual(['reserve-stock', 'charge-customer', 'ask-approval', ...UNDONE]);
  });

  it('fails, having done nothing, when there are not enough goods', async () => {
    const failed = harness.run(orderFollowup, order({ quantity: 1_001 }), { workflowId });
    await expect(failed).rejects.toMatchObject({ cause: { cause: { type: 'OutOfStock' } } });
    expect(shop.effects).toEqual([]);
  });
});

describe('a third party that is not reliable', () => {
  it.each([1, 2, 3])('has each effect once, however often it fails (seed %i)', async (seed) => {
    await shop.close();
    shop = await startPaymentService({ failureRate: 0.5, seed });
    const outcome = await harness.run(orderFollowup, order(), {
      workflowId,
      signals: [{ signal: approveSignal, args: ['ben@example.com'], after: '2 days' }],
    });
    expect(outcome).toMatchObject({ outcome: 'approved' });
    expect(steps()).toEqual(APPROVED);
    expect(shop.counts.failures).toBeGreaterThan(0);
    expect(shop.counts.requests).toBe(APPROVED.length + shop.counts.failures);
  });

  it('answers a repeated key with the first answer', async () => {
    const call = { shopUrl: shop.url, idempotencyKey: 'run/reserve-stock', sku: 'kettle', quantity: 1 };
    const first = await runActivity(activities.reserveStock, [call], { platform });
    const second = await runActivity(activities.reserveStock, [call], { platform });
    expect(second.result).toBe(first.result);
    expect(shop.effects).toHaveLength(1);
  });
});

describe('input', () => {
  it('is refused by name when something is missing', async () => {
    const failed = harness.run(orderFollowup, order({ shopUrl: 'shop', quantity: 0 }), { workflowId });
    await expect(failed).rejects.toMatchObject({
      cause: { type: 'InvalidOrder', message: "the order's input is missing or wrong in: quantity, shopUrl" },
    });
  });
});
