import { ApplicationFailure, matchInput, type WorkflowInput } from 'pegasus-workflows-sdk/workflow';

export interface Task {
  prompt: string;
  budget: Budget;
}

/** The most that a task may use. Checked before each turn, so that the last one may go over it in tokens. */
export interface Budget {
  turns: number;
  tokens: number;
}

const BUDGET: Budget = { turns: 30, tokens: 200_000 };

/**
 * The task inside the workflow's argument: `{"prompt": "…", "budget"?: {"turns"?: 30, "tokens"?: 200000}}`.
 *
 * @throws ApplicationFailure, not retryable, of type `InvalidTask`
 */
export function readTask(argument: WorkflowInput): Task {
  return matchInput(argument, {
    manual: ({ input }) => ({ prompt: text(input?.['prompt']), budget: budgetOf(input?.['budget']) }),
    test: (prompt) => ({ prompt: text(prompt), budget: BUDGET }),
  });
}

function text(prompt: unknown): string {
  if (typeof prompt === 'string' && prompt !== '') return prompt;
  throw ApplicationFailure.nonRetryable('the input needs a "prompt": what the agent is to do', 'InvalidTask');
}

function budgetOf(given: unknown): Budget {
  const limits = new Map(Object.entries(given ?? {}));
  const limit = (name: keyof Budget): number => {
    const value: unknown = limits.get(name) ?? BUDGET[name];
    if (Number.isInteger(value) && Number(value) > 0) return Number(value);
    throw ApplicationFailure.nonRetryable(`budget.${name} must be a whole number above 0`, 'InvalidTask');
  };
  return { turns: limit('turns'), tokens: limit('tokens') };
}
