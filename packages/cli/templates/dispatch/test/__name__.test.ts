import { fileURLToPath } from 'node:url';
import {
  createLocalPlatform,
  createTestHarness,
  manualInput,
  type LocalDispatchEnd,
  type TestHarness,
} from 'pegasus-workflows-sdk/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import * as activities from '../__name__/activities.js';
import { __camelName__Workflow } from '../__name__/workflow.js';

/** How an agent of a role ends; one that is not named goes on. */
let ends: Record<string, LocalDispatchEnd> = {};
const newPlatform = () => createLocalPlatform({ agents: { ends: ({ task }) => ends[task.role] } });

let harness: TestHarness;
let platform = newPlatform();
beforeAll(async () => {
  const workflowsPath = fileURLToPath(new URL('../__name__/workflow.ts', import.meta.url));
  harness = await createTestHarness({ workflowsPath, activities, logLevel: 'ERROR' });
}, 300_000);
afterAll(() => harness?.close());
beforeEach(() => {
  platform = harness.platform = newPlatform();
});

const task = manualInput({ workspace: 'shop', prompt: 'Mend the flaky test.' });
const plan = { summary: 'First the basket.' };

describe('__name__', () => {
  it("has the architect's plan carried out by a coder", async () => {
    ends = { architect: plan, coder: { summary: 'It was the clock.' } };
    const outcome = await harness.run(__camelName__Workflow, task);
    expect(outcome).toMatchObject({ status: 'shipped', plan, code: { summary: 'It was the clock.' } });
    const [architect, coder] = platform.dispatches;
    expect(architect?.task).toMatchObject({ role: 'architect', permissionMode: 'plan' });
    expect(coder?.task).toMatchObject({ role: 'coder', permissionMode: 'acceptEdits' });
    expect(coder?.task.prompt).toContain(plan.summary);
  });

  it('asks no coder where there is no plan', async () => {
    ends = { architect: { status: 'blocked' } };
    const outcome = await harness.run(__camelName__Workflow, task);
    expect(outcome).toMatchObject({ status: 'blocked', code: null });
    expect(platform.dispatches).toHaveLength(1);
  });

  it('cancels the agent at work when it is cancelled', async () => {
    ends = { architect: plan };
    const handle = await harness.start(__camelName__Workflow, task);
    await harness.sleep('1 hour');
    await handle.cancel();
    await expect(handle.result()).rejects.toThrow('Workflow execution cancelled');
    expect(platform.dispatches.map(({ result }) => result?.status)).toEqual(['shipped', 'cancelled']);
  });

  it('refuses an input without a prompt', async () => {
    const wrong = manualInput({ workspace: 'shop' });
    await expect(harness.run(__camelName__Workflow, wrong)).rejects.toMatchObject({
      cause: { type: 'InvalidTask' },
    });
  });
});
