import { loadProject, type Project, type ProjectWorkflow } from '@pegasus-workflows/project/manifest';
import { packageWorkflow, type PackagedWorkflow, type PackageStep } from '@pegasus-workflows/project/package';
import { type Context } from '../context.js';
import { withProgress } from '../output/progress.js';
import { describeError, type ReportedError } from '../output/report-error.js';

const STEPS: Record<PackageStep, string> = {
  check: 'checking',
  bundle: 'bundling',
  zip: 'writing the artifact',
};

/** What became of one workflow of a project. */
export type Outcome<T> =
  | { workflow: ProjectWorkflow; value: T }
  | { workflow: ProjectWorkflow; failure: ReportedError; exitCode: number };

/**
 * Does the same to every workflow of a project; one that fails does not stop the others.
 * @throws ProjectError when the project itself cannot be read
 */
export async function forEachWorkflow<T>(
  root: string,
  work: (project: Project, workflow: ProjectWorkflow) => Promise<T>,
): Promise<Outcome<T>[]> {
  const project = await loadProject(root);
  const outcomes: Outcome<T>[] = [];
  for (const workflow of project.workflows) {
    try {
      outcomes.push({ workflow, value: await work(project, workflow) });
    } catch (error) {
      const { report, exitCode } = describeError(error);
      outcomes.push({ workflow, failure: report, exitCode });
    }
  }
  return outcomes;
}

/** The exit code of a command over several workflows: that of the first which failed. */
export function exitCodeOf(outcomes: readonly Outcome<unknown>[]): number {
  return (
    outcomes.map((outcome) => ('failure' in outcome ? outcome.exitCode : 0)).find((code) => code !== 0) ?? 0
  );
}

/** Packages one workflow and shows that it goes on. */
export function buildWorkflow(
  { out }: Context,
  project: Project,
  workflow: ProjectWorkflow,
  options: { version?: string; outDir?: string; strict?: boolean } = {},
): Promise<PackagedWorkflow> {
  return withProgress(out, `packaging ${workflow.name}`, (update) =>
    packageWorkflow(project, workflow, { ...options, onProgress: (step) => update(STEPS[step]) }),
  );
}
