import { type Context } from '../context.js';
import { buildWorkflow, exitCodeOf, forEachWorkflow } from '../packaging/build.js';
import { packagedLine, printFailure } from '../packaging/report.js';
import { locateProject } from '../project/locate.js';

/** Builds every workflow of the project. @returns 0 when all were built, else the exit code of the first failure */
export async function packageProject(context: Context, options: { dir?: string }): Promise<number> {
  const { out } = context;
  const root = await locateProject(context, options);
  const outcomes = await forEachWorkflow(root, async (project, workflow) => {
    const packaged = await buildWorkflow(context, project, workflow);
    out.line(packagedLine(context, packaged));
    return packaged;
  });
  for (const outcome of outcomes)
    if ('failure' in outcome) printFailure(context, outcome.workflow, outcome.failure);
  out.result(
    outcomes.map(({ workflow: { name, version }, ...outcome }) => {
      if ('failure' in outcome) return { name, version, ...outcome.failure };
      const { zipPath, sizeBytes, sha256, durationMs } = outcome.value;
      return { name, version, zipPath, sizeBytes, sha256, durationMs };
    }),
  );
  return exitCodeOf(outcomes);
}
