import { ApplicationFailure, matchInput, type WorkflowInput } from 'pegasus-workflows-sdk/workflow';

export interface Task {
  /** A workspace that an agent host offers: `pegasus-workflows agents workspaces`. */
  workspace: string;
  /** What is to be done. */
  prompt: string;
}

/**
 * The task inside the workflow's argument: `{"workspace": "shop", "prompt": "…"}`.
 *
 * @throws ApplicationFailure, not retryable, of type `InvalidTask`
 */
export function readTask(argument: WorkflowInput): Task {
  return matchInput(argument, {
    manual: ({ input }) => taskOf(input?.['workspace'], input?.['prompt']),
    test: (prompt) => taskOf('demo', prompt),
  });
}

function taskOf(workspace: unknown, prompt: unknown): Task {
  return {
    workspace: text(workspace, 'a "workspace": where the agents work'),
    prompt: text(prompt, 'a "prompt": what is to be done'),
  };
}

function text(value: unknown, what: string): string {
  if (typeof value === 'string' && value !== '') return value;
  throw ApplicationFailure.nonRetryable(`the input needs ${what}`, 'InvalidTask');
}
