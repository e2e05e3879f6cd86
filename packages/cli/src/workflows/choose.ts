import { PegasusError, type Workflow } from '@pegasus-workflows/contracts';
import { nearest } from '@pegasus-workflows/contracts/nearest';
import { compareVersions } from './versions.js';

/** What a person names a workflow by. */
export type WorkflowReference = { id: string } | { name: string; version?: string };

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Reads `name`, `name@version` or an id. @throws PegasusError VALIDATION_ERROR for a version that is left out after `@` */
export function parseReference(text: string): WorkflowReference {
  if (UUID.test(text)) return { id: text.toLowerCase() };
  const at = text.indexOf('@');
  if (at < 0) return { name: text };
  const [name, version] = [text.slice(0, at), text.slice(at + 1)];
  if (!name || !version)
    throw new PegasusError('VALIDATION_ERROR', `"${text}" is not a workflow reference.`, {
      hint: 'Write a name, name@version (such as hello@1.0.0), or an id.',
    });
  return { name, version };
}

/**
 * The workflow that a name means: the tenant's own before a GLOBAL one, and of those the newest version unless one is
 * named.
 *
 * @param workflows what the API lists: own and GLOBAL
 * @throws PegasusError NOT_FOUND, with the nearest name or the versions there are
 */
export function chooseWorkflow(
  workflows: readonly Workflow[],
  reference: { name: string; version?: string },
): Workflow {
  const { name, version } = reference;
  const named = workflows.filter((workflow) => workflow.name === name);
  const matching = version === undefined ? named : named.filter((workflow) => workflow.version === version);
  const own = matching.filter((workflow) => workflow.visibility === 'TENANT');
  const [newest] = (own.length > 0 ? own : matching).sort((a, b) => compareVersions(b.version, a.version));
  if (newest) return newest;
  if (named.length > 0) {
    const versions = named.map((workflow) => workflow.version).sort((a, b) => compareVersions(b, a));
    throw new PegasusError('NOT_FOUND', `There is no version ${version} of workflow "${name}".`, {
      hint: `Published: ${[...new Set(versions)].slice(0, 10).join(', ')}.`,
    });
  }
  const guess = nearest(name, new Set(workflows.map((workflow) => workflow.name)));
  throw new PegasusError('NOT_FOUND', `There is no workflow "${name}".`, {
    hint: guess
      ? `Did you mean ${guess}?`
      : 'List what is published: `pegasus-workflows workflows list`; publish a project: `pegasus-workflows push`.',
  });
}
