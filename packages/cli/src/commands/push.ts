import { type Workflow } from '@pegasus-workflows/contracts';
import { type PackagedWorkflow } from '@pegasus-workflows/project/package';
import { connect } from '../api.js';
import { type Context } from '../context.js';
import { buildWorkflow, exitCodeOf, forEachWorkflow } from '../packaging/build.js';
import { publishPackage } from '../packaging/publish.js';
import { packagedLine, printFailure } from '../packaging/report.js';
import { recordDeployment } from '../project/ledger.js';
import { locateProject } from '../project/locate.js';

export interface PushOptions {
  dir?: string;
  env?: string;
}

interface Pushed {
  workflow: Workflow;
  packaged: PackagedWorkflow;
}

/**
 * Packages, publishes and records every workflow of the project. A ledger that cannot be written is a warning: what
 * was published is published.
 *
 * @returns 0 when all were published, else the exit code of the first failure
 */
export async function push(context: Context, options: PushOptions): Promise<number> {
  const { out } = context;
  const root = await locateProject(context, options);
  const { client } = await connect(context);
  const outcomes = await forEachWorkflow<Pushed>(root, async (project, declared) => {
    const packaged = await buildWorkflow(context, project, declared);
    const workflow = await publishPackage(context, client, packaged);
    await recordDeployment(context, root, {
      env: options.env,
      baseUrl: client.baseUrl,
      workflow,
      ofSeveral: project.workflows.length > 1,
    });
    out.line(`${packagedLine(context, packaged)}`);
    out.line(`  published as ${workflow.visibility} ${workflow.id}`);
    return { workflow, packaged };
  });
  for (const outcome of outcomes)
    if ('failure' in outcome) printFailure(context, outcome.workflow, outcome.failure);
  const [first] = outcomes;
  if (first && 'value' in first && outcomes.length === 1)
    out.note(out.noteColors.quiet(`run it: pegasus-workflows run ${first.workflow.name} --follow`));
  out.result(
    outcomes.map(({ workflow: { name, version }, ...outcome }) => {
      if ('failure' in outcome) return { name, version, ...outcome.failure };
      const { workflow, packaged } = outcome.value;
      const { sizeBytes, sha256, durationMs } = packaged;
      return {
        name,
        version,
        workflowId: workflow.id,
        visibility: workflow.visibility,
        sizeBytes,
        sha256,
        durationMs,
      };
    }),
  );
  return exitCodeOf(outcomes);
}
