import { fileURLToPath } from 'node:url';
import { createTestHarness, manualInput, testInput, type TestHarness } from 'pegasus-workflows-sdk/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as activities from '../__name__/activities.js';
import { __camelName__Workflow, hurrySignal } from '../__name__/workflow.js';

let harness: TestHarness;

beforeAll(async () => {
  const workflowsPath = fileURLToPath(new URL('../__name__/workflow.ts', import.meta.url));
  harness = await createTestHarness({ workflowsPath, activities, logLevel: 'ERROR' });
}, 300_000);

afterAll(() => harness?.close());

describe('__name__', () => {
  it('greets after its wait, which takes no time here', async () => {
    const month = manualInput({ name: 'Ada', waitSeconds: 30 * 24 * 3600 });
    expect(await harness.run(__camelName__Workflow, month)).toEqual({
      greeting: 'Hello, Ada!',
      hurried: false,
    });
  });

  it('greets at once when it is told to hurry', async () => {
    const result = await harness.run(__camelName__Workflow, testInput('Grace'), {
      signals: [{ signal: hurrySignal }],
    });
    expect(result).toEqual({ greeting: 'Hello, Grace!', hurried: true });
  });

  it('greets in spite of an activity that fails twice', async () => {
    let attempts = 0;
    const restore = harness.mockActivities({
      composeGreeting: async (name: string) => {
        attempts += 1;
        if (attempts < 3) throw new Error('the greeting service is away');
        return `Hello at last, ${name}!`;
      },
    });
    const result = await harness.run(__camelName__Workflow, testInput('Alan'));
    restore();
    expect(result.greeting).toBe('Hello at last, Alan!');
    expect(attempts).toBe(3);
  });
});
