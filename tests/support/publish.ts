import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Workflow } from '@pegasus-workflows/contracts';
import { loadProject, packageWorkflow } from '@pegasus-workflows/project';
import { type PegasusClient } from 'pegasus-workflows-sdk/client';

export interface PublishOptions {
  /** Which workflow of the project; default its first. */
  workflow?: string;
  /** Published under this version instead of the manifest's. */
  version?: string;
}

/** Packages a workflow of the project in a folder and publishes it. */
export async function publishProject(
  client: PegasusClient,
  dir: string,
  { workflow: wanted, version }: PublishOptions = {},
): Promise<Workflow> {
  const outDir = await mkdtemp(join(tmpdir(), 'pegasus-publish-'));
  try {
    const project = await loadProject(dir);
    const workflow = project.workflows.find((one) => one.name === (wanted ?? project.workflows[0]?.name))!;
    const packaged = await packageWorkflow(project, workflow, { outDir, ...(version ? { version } : {}) });
    const artifact = new Uint8Array(await readFile(packaged.zipPath));
    return await client.workflows.publish({ manifest: packaged.manifest, artifact });
  } finally {
    await rm(outDir, { recursive: true, force: true });
  }
}
