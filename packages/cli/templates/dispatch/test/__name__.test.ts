import { fileURLToPath } from 'node:url';
import type { DispatchProgress } from 'pegasus-workflows-sdk/agents/activities';
import type { DispatchRequest } from 'pegasus-workflows-sdk/client';
import { createTestHarness, manualInput, type TestHarness } from 'pegasus-workflows-sdk/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { __camelName__Workflow } from '../__name__/workflow.js';

type Status = NonNullable<DispatchProgress['result']>['status'];

/** Agents that answer at once with what the test says. */
const asked: DispatchRequest[] = [];
let ends: Record<string, Status> = {};
const cancelled: string[] = [];
const agents = {
  async startDispatch(request: DispatchRequest): Promise<DispatchProgress> {
    asked.push(request);
    return { dispatchId: request.task.role, ended: false, result: null };
  },
  async readDispatch(dispatchId: string): Promise<DispatchProgress> {
    const status = ends[dispatchId];
    if (!status) return { dispatchId, ended: false, result: null };
    const role = dispatchId as 'architect' | 'coder';
    const counts = { toolCallCount: 1, tokensIn: 10, tokensOut: 2, durationMs: 30 };
    const said = { status, summary: `the ${role}'s words`, filesChanged: [] };
    return {
      dispatchId,
      ended: true,
      result: { taskId: dispatchId, role, personaSlug: role, ...said, ...counts },
    };
  },
  async cancelDispatch(dispatchId: string): Promise<void> {
    cancelled.push(dispatchId);
  },
};

let harness: TestHarness;
beforeAll(async () => {
  const workflowsPath = fileURLToPath(new URL('../__name__/workflow.ts', import.meta.url));
  harness = await createTestHarness({ workflowsPath, activities: agents, logLevel: 'ERROR' });
}, 300_000);
afterAll(() => harness?.close());
beforeEach(() => {
  asked.length = 0;
});

const task = manualInput({ workspace: 'shop', prompt: 'Mend the flaky test.' });

describe('__name__', () => {
  it("has the architect's plan carried out by a coder", async () => {
    ends = { architect: 'shipped', coder: 'shipped' };
    const { status, plan, code } = await harness.run(__camelName__Workflow, task);
    expect([status, plan.summary, code?.summary]).toEqual([
      'shipped',
      "the architect's words",
      "the coder's words",
    ]);
    expect(asked.map(({ task: { role, permissionMode } }) => [role, permissionMode])).toEqual([
      ['architect', 'plan'],
      ['coder', 'acceptEdits'],
    ]);
    expect(asked[1]?.task.prompt).toContain("the architect's words");
    expect(asked.every(({ workspace }) => workspace === 'shop')).toBe(true);
  });

  it('asks no coder where there is no plan', async () => {
    ends = { architect: 'blocked' };
    const outcome = await harness.run(__camelName__Workflow, task);
    expect(outcome).toMatchObject({ status: 'blocked', code: null });
    expect(asked).toHaveLength(1);
  });

  it('cancels the agent at work when it is cancelled', async () => {
    ends = { architect: 'shipped' };
    const handle = await harness.start(__camelName__Workflow, task);
    await harness.sleep('1 hour');
    await handle.cancel();
    await expect(handle.result()).rejects.toThrow('Workflow execution cancelled');
    expect(cancelled).toEqual(['coder']);
  });

  it('refuses an input without a prompt', async () => {
    const wrong = manualInput({ workspace: 'shop' });
    await expect(harness.run(__camelName__Workflow, wrong)).rejects.toMatchObject({
      cause: { type: 'InvalidTask' },
    });
  });
});
