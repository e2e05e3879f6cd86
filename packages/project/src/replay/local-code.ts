import { realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { PegasusError } from '@pegasus-workflows/contracts/errors';
import type { Project, ProjectWorkflow } from '../manifest/index.js';
import { sourceReader } from '../code/source-reader.js';
import { ProjectError } from '../problems/index.js';

/** The code that histories are replayed against. */
export interface ReplayedCode {
  /** The workflow bundle, as it is or would be in the artifact. */
  bundle(): Promise<string>;
  /** The same code with the recorder beside it; only asked for when a divergence is to be explained. */
  recordingBundle(): Promise<string>;
}

const RECORDER = fileURLToPath(new URL('./recorder.js', import.meta.url));

/**
 * The local code of a workflow, bundled exactly as `packageWorkflow` does it. Nothing is built before it is asked for.
 * @throws PegasusError WORKFLOW_NOT_EXECUTABLE for a runtime that cannot be replayed here
 */
export function localCode(project: Project, workflow: ProjectWorkflow): ReplayedCode {
  if (workflow.runtime !== 'typescript')
    throw new PegasusError('WORKFLOW_NOT_EXECUTABLE', 'Only TypeScript workflows can be replayed here.', {
      hint: 'Replay a workflow of another runtime with its own SDK.',
    });
  const build = async (interceptors: readonly string[]): Promise<string> => {
    // Compilers, only loaded when something is built.
    const { checkCode } = await import('../package/package-workflow.js');
    const root = realpathSync(project.dir);
    const code = await checkCode(workflow, sourceReader(root));
    if (code.problems.length > 0) throw new ProjectError(code.problems);
    const { bundleWorkflows } = await import('../package/workflow-bundle.js');
    return bundleWorkflows(root, workflow, code, interceptors);
  };
  let bundle: Promise<string> | undefined;
  let recording: Promise<string> | undefined;
  return {
    bundle: () => (bundle ??= build([])),
    recordingBundle: () => (recording ??= build([RECORDER])),
  };
}
