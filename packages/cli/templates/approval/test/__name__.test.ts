import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { createTestHarness, manualInput, testInput, type TestHarness } from 'pegasus-workflows-sdk/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import * as activities from '../__name__/activities.js';
import {
  approveSignal,
  decideUpdate,
  __camelName__Workflow,
  rejectSignal,
  statusQuery,
} from '../__name__/workflow.js';

let harness: TestHarness;
let workflowId: string;
/** What was done, in order: the step's name is the end of its key. */
let steps: string[];

beforeAll(async () => {
  const workflowsPath = fileURLToPath(new URL('../__name__/workflow.ts', import.meta.url));
  harness = await createTestHarness({ workflowsPath, activities, logLevel: 'ERROR' });
  const noted = async ({ idempotencyKey, to }: { idempotencyKey: string; to?: string }): Promise<string> => {
    const step = idempotencyKey.slice(workflowId.length + 1);
    steps.push(to ? `${step} ${to}` : step);
    return `${step}-id`;
  };
  harness.mockActivities(Object.fromEntries(Object.keys(activities).map((name) => [name, noted])));
}, 300_000);
beforeEach(() => {
  steps = [];
  workflowId = `test/${randomUUID()}`;
});
afterAll(() => harness?.close());

const request = manualInput({
  item: 'a kettle',
  amount: 4_900,
  requester: 'ada',
  approver: 'ben',
  manager: 'cyd',
});

describe('a decision', () => {
  it('in favour buys', async () => {
    const outcome = await harness.run(__camelName__Workflow, request, {
      workflowId,
      signals: [{ signal: approveSignal, args: ['ben'], after: '1 hour' }],
    });
    expect(outcome).toEqual({ outcome: 'bought', decidedBy: 'ben', orderNumber: 'order-id' });
    expect(steps).toEqual(['reserve', 'ask ben', 'order']);
  });

  it('against it gives the budget back and tells the requester', async () => {
    const outcome = await harness.run(__camelName__Workflow, request, {
      workflowId,
      signals: [{ signal: rejectSignal, args: ['ben', 'too dear'] }],
    });
    expect(outcome).toEqual({ outcome: 'rejected', decidedBy: 'ben', orderNumber: null });
    expect(steps.filter((step) => !step.startsWith('ask'))).toEqual(['reserve', 'release', 'outcome ada']);
  });

  it('by update is answered; a bad or late one is refused and leaves no trace', async () => {
    const handle = await harness.start(__camelName__Workflow, request, { workflowId });
    await harness.sleep('1 hour');
    const decide = (approved: boolean, by: string) =>
      handle.executeUpdate(decideUpdate, { args: [{ approved, by }] });
    await expect(decide(false, 'ben')).rejects.toMatchObject({
      cause: { message: expect.stringContaining('needs a reason') },
    });
    await expect(decide(true, '')).rejects.toMatchObject({
      cause: { message: expect.stringContaining('Say by whom') },
    });
    expect(await decide(true, 'ben')).toMatchObject({ decision: { approved: true, by: 'ben' } });
    expect(await handle.result()).toMatchObject({ outcome: 'bought', decidedBy: 'ben' });
  });
});

describe('no decision', () => {
  it('reminds, escalates after three days and expires after seven', async () => {
    const outcome = await harness.run(__camelName__Workflow, request, { workflowId });
    expect(outcome).toEqual({ outcome: 'expired', decidedBy: null, orderNumber: null });
    expect(steps).toEqual([
      'reserve',
      'ask ben',
      'remind-1 ben',
      'remind-2 ben',
      'escalate cyd',
      'remind-3 cyd',
      'remind-4 cyd',
      'remind-5 cyd',
      'release',
      'outcome ada',
    ]);
  });

  it('shows at any time who is waited for', async () => {
    const handle = await harness.start(__camelName__Workflow, request, { workflowId });
    await harness.sleep('4 days');
    expect(await handle.query(statusQuery)).toMatchObject({ waitingFor: 'cyd', phase: 'awaiting decision' });
    await handle.signal(approveSignal, 'cyd');
    expect(await handle.result()).toMatchObject({ outcome: 'bought', decidedBy: 'cyd' });
  });
});

it('gives the budget back when the run is cancelled', async () => {
  const handle = await harness.start(__camelName__Workflow, request, { workflowId });
  await harness.sleep('1 hour');
  await handle.cancel();
  await expect(handle.result()).rejects.toMatchObject({ cause: { name: 'CancelledFailure' } });
  expect(steps).toEqual(['reserve', 'ask ben', 'release']);
});

it('takes seconds in a test run', async () => {
  const handle = await harness.start(__camelName__Workflow, testInput('a kettle'), { workflowId });
  expect(await handle.result()).toMatchObject({ outcome: 'expired' });
});

it('refuses a request that is not one', async () => {
  const run = harness.run(__camelName__Workflow, manualInput({ item: 'x', amount: -1 }), { workflowId });
  const message = 'the request is missing or wrong in: amount, requester, approver, manager';
  await expect(run).rejects.toMatchObject({ cause: { message } });
});
