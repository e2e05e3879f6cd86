import { PegasusError } from '@pegasus-workflows/contracts/errors';
import { type Project, type ProjectWorkflow } from '@pegasus-workflows/project/manifest';
import { nearest } from '@pegasus-workflows/contracts/nearest';

/** The workflow of a project that has this name. @throws PegasusError NOT_FOUND with the nearest name */
export function workflowNamed(project: Project, name: string): ProjectWorkflow {
  const found = project.workflows.find((workflow) => workflow.name === name);
  if (found) return found;
  const names = project.workflows.map((workflow) => workflow.name);
  const guess = nearest(name, names);
  throw new PegasusError('NOT_FOUND', `There is no workflow "${name}" in ${project.manifestPath}.`, {
    hint: guess ? `Did you mean ${guess}?` : `It holds: ${names.join(', ')}.`,
  });
}
