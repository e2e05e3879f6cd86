import { fileURLToPath } from 'node:url';
import { WorkflowFailedError, WorkflowUpdateFailedError } from '@temporalio/client';
import {
  createTestHarness,
  eventInput,
  manualInput,
  scheduleInput,
  type TestHarness,
} from 'pegasus-workflows-sdk/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  approval,
  approve,
  cancellable,
  countdown,
  greeting,
  monthLong,
  parent,
  payOnce,
  phase,
  rename,
} from './workflows/index.js';

const DAY = 24 * 3600 * 1000;
const workflowsPath = fileURLToPath(new URL('./workflows/index.ts', import.meta.url));

describe('the time-skipping harness', () => {
  let harness: TestHarness;
  const released: string[] = [];
  beforeAll(async () => {
    harness = await createTestHarness({
      workflowsPath,
      activities: {
        charge: async (order: string) => `receipt of ${order}`,
        release: async (order: string) => void released.push(order),
      },
    });
  });
  afterAll(() => harness.close());

  it('lets a test query, update and signal while time stands still, then skips', async () => {
    const handle = await harness.start(approval);
    expect(await handle.query(phase)).toBe('waiting');
    expect(await handle.executeUpdate(rename, { args: ['order 7'] })).toBe('nameless');
    await expect(handle.executeUpdate(rename, { args: [''] })).rejects.toBeInstanceOf(
      WorkflowUpdateFailedError,
    );
    await harness.sleep('6 days');
    expect(await handle.query(phase)).toBe('waiting');
    await handle.signal(approve, 'Ada');
    expect(await handle.result()).toBe('order 7: approved by Ada');
  });

  it('sends signals at their virtual times', async () => {
    const signals = [{ signal: approve, args: ['Grace'], after: '3 days' as const }];
    expect(await harness.run(approval, undefined, { signals })).toBe('nameless: approved by Grace');
    expect(await harness.run(approval)).toBe('nameless: expired');
  });

  it('calls onStart before time moves', async () => {
    const result = await harness.run(approval, undefined, {
      onStart: async (handle) => {
        await handle.executeUpdate(rename, { args: ['early'] });
      },
    });
    expect(result).toBe('early: expired');
  });

  it('runs children, each with its own timers', async () => {
    expect(await harness.run(parent, ['a', 'b'])).toEqual(['receipt of a', 'receipt of b']);
  });

  it('skips the waiting between attempts of an activity', async () => {
    let attempts = 0;
    using _mock = harness.mockActivities({
      charge: async () => {
        if (++attempts < 4) throw new Error('the bank is closed');
        return 'paid at last';
      },
    });
    const { receipt, waitedMs } = await harness.run(payOnce, 'order 9');
    expect(receipt).toBe('paid at last');
    expect(attempts).toBe(4);
    expect(waitedMs).toBeGreaterThanOrEqual(7 * 3600 * 1000);
  });

  it('sleeps thirty days in under two seconds', async () => {
    const wall = performance.now();
    const { began, ended } = await harness.run(monthLong);
    expect(performance.now() - wall).toBeLessThan(2_000);
    expect(ended - began).toBeGreaterThanOrEqual(30 * DAY);
    expect(ended - began).toBeLessThan(30 * DAY + 60_000);
    expect((await harness.now()).getTime()).toBeGreaterThanOrEqual(ended - 1_000);
  });

  it('follows continue-as-new to the last run', async () => {
    expect(await harness.run(countdown, 5)).toBe('lift-off');
  });

  it('cancels, and the workflow cleans up', async () => {
    const handle = await harness.start(cancellable, 'order 3');
    await harness.sleep('10 days');
    await handle.cancel();
    await expect(handle.result()).rejects.toBeInstanceOf(WorkflowFailedError);
    expect(released).toContain('order 3');
  });

  it('tells the four inputs apart inside the sandbox; the workflow type is the export', async () => {
    expect(await harness.run(greeting, manualInput({ a: 1 }))).toBe('manual {"a":1}');
    expect(await harness.run('greeting', eventInput('quote.accepted'))).toBe('event quote.accepted');
    expect(await harness.run(greeting, scheduleInput('0 9 * * 1'))).toBe('schedule 0 9 * * 1');
    expect(await harness.run(greeting, 'hi')).toBe('test hi');
    const failure = await harness.run('greeting', { who: 'a secret name' }).catch((error: unknown) => error);
    const cause = failure instanceof WorkflowFailedError ? failure.cause : undefined;
    expect(cause).toMatchObject({ type: 'UnknownInputShape', nonRetryable: true });
    expect(cause?.message).toContain('the keys who;');
    expect(cause?.message).not.toContain('a secret name');
  });

  it('fails at once, naming it, on an activity that nobody defined', async () => {
    await using bare = await createTestHarness({
      workflowsPath,
      activities: { release: async () => undefined },
    });
    const failure = await bare.run(payOnce, 'order 1').catch((error: unknown) => error);
    const activityFailure = failure instanceof WorkflowFailedError ? failure.cause : undefined;
    const cause = activityFailure?.cause instanceof Error ? activityFailure.cause : undefined;
    expect(cause?.message).toContain('No activity charge in this test; there is: release.');
  });

  describe('mocks', () => {
    const undo: (() => void)[] = [];
    afterEach(() => undo.splice(0).forEach((restore) => restore()));

    it('win by being last, and are undone in any order', async () => {
      const first = harness.mockActivities({ charge: async () => 'first' });
      undo.push(first, harness.mockActivities({ charge: async () => 'second' }));
      expect((await harness.run(payOnce, 'x')).receipt).toBe('second');
      first();
      expect((await harness.run(payOnce, 'x')).receipt).toBe('second');
    });

    it('are gone afterwards', async () => {
      expect((await harness.run(payOnce, 'x')).receipt).toBe('receipt of x');
    });
  });
});
