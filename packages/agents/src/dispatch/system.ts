import { type SubagentTask } from '@pegasus-workflows/contracts/agents';

/** What a role is told before its task. */
export function systemOf({ role }: SubagentTask): string {
  return [
    `You are a coding agent in the role of a ${role.replace('_', ' ')}.`,
    'Work in the workspace with the tools that you have. Read a file before you change it.',
    'When you are done, answer with a short summary of what you did and what you found, and call no tool.',
  ].join(' ');
}
