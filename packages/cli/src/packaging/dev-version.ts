import { type Workflow } from '@pegasus-workflows/contracts';
import { type Project, type ProjectWorkflow } from '@pegasus-workflows/project/manifest';
import { type PackagedWorkflow } from '@pegasus-workflows/project/package';
import { type PegasusClient } from 'pegasus-workflows-sdk/client';
import { type Context } from '../context.js';
import { buildWorkflow } from './build.js';
import { ownVersions, publishPackage } from './publish.js';

export interface DevPublication {
  workflow: Workflow;
  packaged: PackagedWorkflow;
  /** The newest `-dev.N` on the server has this very content already; nothing was published. */
  unchanged: boolean;
}

/**
 * Publishes a workflow as the next `<version>-dev.N`, N continuing from what the server has, so that runs of earlier
 * ones keep theirs. Content that is already the newest one is not published again.
 */
export async function publishDevVersion(
  context: Context,
  client: PegasusClient,
  project: Project,
  workflow: ProjectWorkflow,
  outDir: string,
  options: { strict?: boolean } = {},
): Promise<DevPublication> {
  const newest = newestDev(await ownVersions(client, workflow.name), workflow.version);
  if (newest) {
    // An artifact holds its version, so only a build under the same version can be compared.
    const same = await buildWorkflow(context, project, workflow, {
      version: newest.workflow.version,
      outDir,
      ...options,
    });
    if (same.sha256 === newest.workflow.artifactSha256)
      return { workflow: newest.workflow, packaged: same, unchanged: true };
  }
  const version = `${workflow.version}-dev.${(newest?.number ?? 0) + 1}`;
  const packaged = await buildWorkflow(context, project, workflow, { version, outDir, ...options });
  return { workflow: await publishPackage(context, client, packaged), packaged, unchanged: false };
}

function newestDev(
  versions: readonly Workflow[],
  base: string,
): { workflow: Workflow; number: number } | undefined {
  const prefix = `${base}-dev.`;
  let newest: { workflow: Workflow; number: number } | undefined;
  for (const workflow of versions) {
    const suffix = workflow.version.startsWith(prefix) ? workflow.version.slice(prefix.length) : '';
    const number = /^\d{1,9}$/.test(suffix) ? Number(suffix) : 0;
    if (number > (newest?.number ?? 0)) newest = { workflow, number };
  }
  return newest;
}
