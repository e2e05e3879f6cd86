import { fileURLToPath } from 'node:url';
import { createTestHarness, eventInput, manualInput, type TestHarness } from 'pegasus-workflows-sdk/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import * as activities from '../forward/activities.js';
import { forward } from '../forward/workflow.js';

let harness: TestHarness;

beforeAll(async () => {
  const workflowsPath = fileURLToPath(new URL('../forward/workflow.ts', import.meta.url));
  harness = await createTestHarness({ workflowsPath, activities, logLevel: 'ERROR' });
}, 300_000);

afterAll(() => harness?.close());

it('delivers the record of a canonical event, under the id of the partner’s own event', async () => {
  const calls: unknown[][] = [];
  const restore = harness.mockActivities({
    deliver: async (...call: Parameters<typeof activities.deliver>) => {
      calls.push(call);
      if (calls.length === 1) throw new Error('the platform is away');
      return { alreadyDelivered: false, status: 200 };
    },
  });
  const payload = {
    integrationId: 'edi-orders',
    sourceEventId: 'e-1',
    canonical: { number: 'PO-1' },
    valid: true,
  };
  const result = await harness.run(forward, eventInput('partner.order', payload));
  restore();
  expect(result).toEqual({ alreadyDelivered: false, status: 200 });
  expect(calls).toEqual([
    ['edi-orders', { number: 'PO-1' }, 'e-1'],
    ['edi-orders', { number: 'PO-1' }, 'e-1'],
  ]);
});

it('does not begin with what is no record', async () => {
  await expect(harness.run(forward, manualInput({ integrationId: 'edi-orders' }))).rejects.toThrow();
});
