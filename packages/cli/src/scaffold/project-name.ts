import { PegasusError } from '@pegasus-workflows/contracts';
import { nameProblem } from '../names.js';

/**
 * Refuses a name that no new project can have.
 *
 * @throws PegasusError VALIDATION_ERROR, with a name that will do
 */
export function checkProjectName(name: string): void {
  const problem = nameProblem(name);
  if (problem)
    throw new PegasusError('VALIDATION_ERROR', `Workflow name "${name}" ${problem}.`, {
      hint: `Try: pegasus-workflows init ${suggestion(name)}`,
    });
}

function suggestion(name: string): string {
  const usable = name
    .toLowerCase()
    .replace(/[^a-z0-9_-]+/g, '-')
    .replace(/^[-_]+|[-_]+$/g, '')
    .slice(0, 64);
  return usable && !nameProblem(usable) ? usable : 'my-workflow';
}
