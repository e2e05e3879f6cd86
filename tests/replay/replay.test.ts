import { replayHistories, type RecordedHistory, type ReplayVerdict } from '@pegasus-workflows/project/replay';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/wait.js';
import * as orderActivities from './fixtures/orders/orders/activities.js';
import * as waitActivities from './fixtures/waits/waits/activities.js';
import { ProjectCopy, record, recordChain } from './support.js';

/** Histories that version 1 of a workflow made on a real Temporal, replayed against changed code. */
const MINUTES = 60_000;
const copies: ProjectCopy[] = [];
const histories = {
  ended: [] as RecordedHistory[],
  open: [] as RecordedHistory[],
  waits: [] as RecordedHistory[],
};

async function copyOf(...given: Parameters<typeof ProjectCopy.of>): Promise<ProjectCopy> {
  const copy = await ProjectCopy.of(...given);
  copies.push(copy);
  return copy;
}

beforeAll(async () => {
  const orders = await copyOf('orders');
  histories.ended.push(
    await record(orders, orderActivities, [`order-${Date.now()}`], async (handle) => {
      await handle.signal('approve');
      await handle.result();
    }),
  );
  const second = await copyOf('orders');
  histories.open.push(
    await record(second, orderActivities, [`open-${Date.now()}`], async (handle) => {
      await eventually(async () => {
        const { events } = await handle.fetchHistory();
        expect(events?.some((event) => event.childWorkflowExecutionCompletedEventAttributes)).toBe(true);
        expect(events?.at(-1)?.workflowTaskCompletedEventAttributes).toBeTruthy();
      });
    }),
  );
  const waits = await copyOf('waits');
  histories.waits = await recordChain(waits, waitActivities, [0], async (handle) => {
    const first = (await handle.describe()).runId;
    await handle.executeUpdate('say', { args: ['one'] });
    await handle.signal('go', 'first');
    await eventually(async () => expect((await handle.describe()).runId).not.toBe(first));
    await handle.signal('go', 'second');
    await handle.result();
  });
}, 5 * MINUTES);

afterAll(async () => {
  for (const copy of copies) await copy[Symbol.asyncDispose]();
});

async function verdictOf(
  history: RecordedHistory,
  ...copy: Parameters<typeof ProjectCopy.of>
): Promise<ReplayVerdict> {
  const project = await copyOf(...copy);
  const [verdict] = await replayHistories({ code: project.code(), histories: [history] });
  return verdict!;
}

const RESERVE = '  await reserve(order);\n';
const CHARGE = '  await charge(order);\n';
const SHIP = '  await ship(order);\n';

describe('a change that breaks runs is found, with both sides', () => {
  it.each<[string, [string, string][], object, object | null]>([
    [
      'a reordered activity',
      [[RESERVE + CHARGE, CHARGE + RESERVE]],
      { eventType: 'ActivityTaskScheduled', kind: 'activity', name: 'reserve' },
      { kind: 'activity', name: 'charge', at: 'orders/workflow.ts:20' },
    ],
    [
      'an added timer',
      [[CHARGE, `  await sleep('1 minute');\n${CHARGE}`]],
      { eventType: 'ActivityTaskScheduled', kind: 'activity', name: 'charge' },
      { kind: 'timer', id: '1', at: 'orders/workflow.ts:21' },
    ],
    [
      'a changed activity type',
      [[CHARGE, '  await refund(order);\n']],
      { kind: 'activity', name: 'charge' },
      { kind: 'activity', name: 'refund' },
    ],
    [
      'a removed step',
      [[CHARGE, '']],
      { kind: 'activity', name: 'charge' },
      { kind: 'child workflow', name: 'receipt' },
    ],
    [
      'a changed child',
      [['executeChild(receipt', 'executeChild(invoice']],
      { eventType: 'StartChildWorkflowExecutionInitiated', kind: 'child workflow', name: 'receipt' },
      { kind: 'child workflow', name: 'invoice' },
    ],
    [
      'a removed last step',
      [[SHIP, '']],
      { kind: 'activity', name: 'ship' },
      { kind: 'completion' },
    ],
    [
      'an added last step',
      [[SHIP, `${SHIP}  await refund(order);\n`]],
      { eventType: 'WorkflowExecutionCompleted', kind: 'completion' },
      { kind: 'activity', name: 'refund' },
    ],
    [
      'a wait where there was a step',
      [[SHIP, '  await condition(() => false);\n']],
      { kind: 'activity', name: 'ship' },
      null,
    ],
  ])('%s', async (_name, edits, expected, got) => {
    const verdict = await verdictOf(histories.ended[0]!, 'orders', ...edits);
    expect(verdict).toMatchObject({ verdict: 'diverged', divergence: { expected, got } });
  }); // prettier-ignore

  it('by the number of the event it stands at', async () => {
    const recorded = histories.ended[0]!;
    // Its number depends on when the signal came: before the first task was taken, or after.
    const reserved = recorded.history.events!.find((event) => event.activityTaskScheduledEventAttributes)!;
    const verdict = await verdictOf(recorded, 'orders', [RESERVE + CHARGE, CHARGE + RESERVE]);
    expect(verdict).toMatchObject({ divergence: { expected: { eventId: Number(reserved.eventId) } } });
  });

  it('in an open run, where it hurts', async () => {
    expect(histories.open[0]!.open).toBe(true);
    const verdict = await verdictOf(histories.open[0]!, 'orders', [
      RESERVE,
      `${RESERVE}  await refund(order);\n`,
    ]);
    expect(verdict).toMatchObject({
      verdict: 'diverged',
      divergence: { expected: { name: 'charge' }, got: { name: 'refund' } },
    });
  });
});

describe('a change that breaks none passes', () => {
  it.each<[string, [string, string][]]>([
    ['the same code', []],
    ['a guarded step', [[CHARGE, `  if (patched('refund-first')) await refund(order);\n${CHARGE}`]]],
    ['another text', [['`receipt of ${order}`', '`paper of ${order}`']]],
  ])('%s', async (_name, edits) => {
    expect(await verdictOf(histories.ended[0]!, 'orders', ...edits)).toEqual({ verdict: 'ok' });
    expect(await verdictOf(histories.open[0]!, 'orders', ...edits)).toEqual({ verdict: 'ok' });
  });

  it('a step after the place where every open run waits', async () => {
    const edit: [string, string] = [SHIP, `${SHIP}  await refund(order);\n`];
    expect(await verdictOf(histories.open[0]!, 'orders', edit)).toEqual({ verdict: 'ok' });
  });

  it('signals, updates, timers, local activities, a patch and continue-as-new', async () => {
    const [first, last] = histories.waits;
    expect(first!.history.events!.at(-1)!.workflowExecutionContinuedAsNewEventAttributes).toBeTruthy();
    for (const history of [first!, last!])
      expect(await verdictOf(history, 'waits')).toEqual({ verdict: 'ok' });
  });
});

describe('code that cannot be replayed', () => {
  it('has no such workflow type', async () => {
    const verdict = await verdictOf(histories.waits[0]!, 'orders');
    expect(verdict).toEqual({
      verdict: 'failed',
      reason: 'The history is of workflow type "waits", which this code does not export.',
    });
  });

  it('throws', async () => {
    const verdict = await verdictOf(histories.ended[0]!, 'orders', [
      CHARGE,
      '  throw new TypeError("broken");\n',
    ]);
    expect(verdict).toMatchObject({ verdict: 'failed', reason: expect.stringContaining('broken') });
  });
});
