import { type Context } from '../context.js';
import { buildWorkflow, exitCodeOf, forEachWorkflow } from '../packaging/build.js';
import { packagedLine, printFailure, warnOfDiagram } from '../packaging/report.js';
import { locateProject } from '../project/locate.js';

export interface PackageOptions {
  dir?: string;
  /** Refuse a diagram that differs from the code. */
  strict?: boolean;
}

/** Builds every workflow of the project. @returns 0 when all were built, else the exit code of the first failure */
export async function packageProject(context: Context, options: PackageOptions): Promise<number> {
  const { out } = context;
  const root = await locateProject(context, options);
  const outcomes = await forEachWorkflow(root, async (project, workflow) => {
    const packaged = await buildWorkflow(context, project, workflow, options.strict ? { strict: true } : {});
    out.line(packagedLine(context, packaged));
    await warnOfDiagram(context, workflow, packaged.diagramCheck);
    return packaged;
  });
  for (const outcome of outcomes)
    if ('failure' in outcome) printFailure(context, outcome.workflow, outcome.failure);
  out.result(
    outcomes.map(({ workflow: { name, version }, ...outcome }) => {
      if ('failure' in outcome) return { name, version, ...outcome.failure };
      const { zipPath, sizeBytes, sha256, durationMs, diagramCheck } = outcome.value;
      return { name, version, zipPath, sizeBytes, sha256, durationMs, diagramCheck };
    }),
  );
  return exitCodeOf(outcomes);
}
