import { packageWorkflow, type PackageStep } from '@pegasus-workflows/project/package';
import { diagramProblems } from '@pegasus-workflows/project/diagram';
import { formatProblem, type ProjectWorkflow } from '@pegasus-workflows/project';
import type { DiagramCheck } from '@pegasus-workflows/contracts';
import { describeError } from '../../output/report-error.js';
import { forEachWorkflow } from '../../packaging/build.js';
import { confineImports } from './imports.js';
import type { PackagingMessage, PackagingOutcome } from './messages.js';

const STEPS: Record<PackageStep, [position: number, said: string]> = {
  check: [0, 'checking'],
  bundle: [1, 'bundling'],
  zip: [2, 'writing the artifact'],
};
const STEPS_EACH = 3;

/**
 * Packages every workflow of the project into the staging folder. Never throws.
 *
 * @param tell is given the progress
 * @returns the last message: what became of each workflow, or why none could be looked at
 */
export async function packageAll(
  project: string,
  staging: string,
  tell: (progress: PackagingMessage) => void,
): Promise<PackagingMessage> {
  try {
    return { type: 'outcomes', outcomes: await eachWorkflow(project, staging, tell) };
  } catch (error) {
    return { type: 'failed', failure: describeError(error).report };
  }
}

async function eachWorkflow(
  project: string,
  staging: string,
  tell: (progress: PackagingMessage) => void,
): Promise<PackagingOutcome[]> {
  let before = 0;
  const outcomes = await forEachWorkflow(project, async (loaded, workflow) => {
    const first = before;
    before += STEPS_EACH;
    const total = loaded.workflows.length * STEPS_EACH;
    await confineImports(project, workflow);
    return packageWorkflow(loaded, workflow, {
      outDir: staging,
      onProgress: (step) => {
        const [position, said] = STEPS[step];
        tell({ type: 'progress', done: first + position, total, message: `${said} ${workflow.name}` });
      },
    });
  });
  return outcomes.map(({ workflow, ...outcome }) => {
    const { name, version } = workflow;
    if ('failure' in outcome) return { name, version, failure: outcome.failure, differences: [] };
    const { zipPath, sizeBytes, diagramCheck } = outcome.value;
    const differences = differencesOf(workflow, diagramCheck);
    return { name, version, zip: { file: zipPath, sizeBytes }, differences };
  });
}

function differencesOf({ sourceDir }: ProjectWorkflow, check: DiagramCheck): string[] {
  if (check.verdict !== 'DIFFERS') return [];
  return diagramProblems(check, `${sourceDir}/workflow.mmd`).map(formatProblem);
}
