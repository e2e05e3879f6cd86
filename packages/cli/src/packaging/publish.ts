import { readFile } from 'node:fs/promises';
import { PegasusError, type Workflow } from '@pegasus-workflows/contracts';
import { type PackagedWorkflow } from '@pegasus-workflows/project/package';
import { isPegasusApiError, type PegasusClient, type PublishStage } from 'pegasus-workflows-sdk/client';
import { type Context } from '../context.js';
import { withProgress } from '../output/progress.js';
import { compareVersions } from '../workflows/versions.js';

const STAGES: Record<PublishStage, string> = {
  'upload-url': 'asking for an upload',
  upload: 'uploading',
  finalize: 'verifying',
  published: 'published',
};

/**
 * Uploads and finalizes a package.
 * @throws PegasusError CONFLICT saying what is published under that version and what to do; its `data` is
 *   `{workflowId, identical}` when the caller may see it
 */
export async function publishPackage(
  { out }: Context,
  client: PegasusClient,
  packaged: PackagedWorkflow,
): Promise<Workflow> {
  const { manifest, zipPath } = packaged;
  const artifact = new Uint8Array(await readFile(zipPath));
  try {
    return await withProgress(out, `publishing ${packaged.name}`, (update) =>
      client.workflows.publish({ manifest, artifact, onProgress: ({ stage }) => update(STAGES[stage]) }),
    );
  } catch (error) {
    if (isPegasusApiError(error) && error.code === 'CONFLICT')
      throw await explainConflict(client, packaged, error);
    throw error;
  }
}

async function explainConflict(
  client: PegasusClient,
  { name, version, sha256 }: PackagedWorkflow,
  cause: unknown,
): Promise<PegasusError> {
  const own = await ownVersions(client, name);
  const there = own.find((workflow) => workflow.version === version);
  const newest = own[0]?.version ?? version;
  if (there?.artifactSha256 === sha256)
    return new PegasusError(
      'CONFLICT',
      `${name}@${version} is published already, with exactly this content.`,
      {
        cause,
        data: { workflowId: there.id, identical: true },
        hint: `There is nothing to push; run it: pegasus-workflows run ${name}@${version}`,
      },
    );
  return new PegasusError('CONFLICT', `${name}@${version} is published already, with other content.`, {
    cause,
    ...(there ? { data: { workflowId: there.id, identical: false } } : {}),
    hint: `A published version never changes. Raise version in pegasus-workflows.toml, to ${nextPatch(newest)} for one (newest published: ${newest}), and push again.`,
  });
}

/** The tenant's own versions of a workflow, newest first. */
export async function ownVersions(client: PegasusClient, name: string): Promise<Workflow[]> {
  const all = await client.workflows.list();
  return all
    .filter((workflow) => workflow.name === name && workflow.visibility === 'TENANT')
    .sort((a, b) => compareVersions(b.version, a.version));
}

/** The release after a version: `1.4.0` → `1.4.1`, `1.5.0-dev.3` → `1.5.0`. */
export function nextPatch(version: string): string {
  const [core = version, pre] = version.split(/-(.*)/s);
  if (pre !== undefined) return core;
  const [major, minor, patch] = core.split('.');
  return `${major}.${minor}.${Number(patch) + 1}`;
}
