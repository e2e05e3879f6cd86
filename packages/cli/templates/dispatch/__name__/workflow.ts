import { dispatchSubagent, type SubagentResult } from 'pegasus-workflows-sdk/agents/workflow';
import { defineQuery, setHandler, type WorkflowInput } from 'pegasus-workflows-sdk/workflow';
import { readTask } from './task.js';

export type Phase = 'planning' | 'coding' | 'done';
export const phaseQuery = defineQuery<Phase>('phase');

export interface Outcome {
  /** How the last agent ended that was asked. */
  status: SubagentResult['status'];
  plan: SubagentResult;
  /** Null when there was no plan to carry out. */
  code: SubagentResult | null;
}

/**
 * An architect plans, reading alone; then a coder carries the plan out, on a branch that is left for review. Each may
 * take hours: the run waits without cost, survives every restart, and cancels its agent when it is cancelled.
 */
export async function __camelName__Workflow(argument: WorkflowInput): Promise<Outcome> {
  const { workspace, prompt } = readTask(argument);
  let phase: Phase = 'planning';
  setHandler(phaseQuery, () => phase);

  const plan = await dispatchSubagent(
    {
      role: 'architect',
      permissionMode: 'plan',
      prompt: `Make a plan for this task, step by step, with the files to change:\n\n${prompt}`,
      budget: { dollars: 1 },
    },
    { workspace },
  );
  if (plan.status !== 'shipped') return { status: plan.status, plan, code: null };

  phase = 'coding';
  const code = await dispatchSubagent(
    {
      role: 'coder',
      permissionMode: 'acceptEdits',
      prompt: `${prompt}\n\nThis is the plan:\n\n${plan.summary}`,
      budget: { dollars: 2 },
      deniedPaths: ['.env*'],
    },
    { workspace, merge: 'leave' },
  );
  phase = 'done';
  return { status: code.status, plan, code };
}
