import { readFile, stat } from 'node:fs/promises';
import { PegasusError } from '@pegasus-workflows/contracts';
import { below } from './confine.js';

export const MANIFEST = 'pegasus-workflows.toml';

/** A manifest larger than this is not one that a person wrote; `loadProject` says so, and is left to. */
const READABLE_BYTES = 1024 * 1024;

/**
 * Checks that what a project's manifest names lies in the project, links resolved: the manifest, and of every workflow
 * the source folder and the diagram. Sources and imports are for packaging to check, which reads them.
 *
 * @param folder of the project, as `Confinement.folder` returned it
 * @throws PegasusError NOT_FOUND without a manifest, FORBIDDEN when something leads out of the folder
 */
export async function confineProject(folder: string): Promise<void> {
  const manifest = await below(folder, MANIFEST);
  if (manifest === undefined)
    throw new PegasusError('NOT_FOUND', `There is no ${MANIFEST} in ${folder}.`, {
      hint: 'Name the folder that holds it, or make a project with scaffold_workflow.',
    });
  const stats = await stat(manifest);
  if (!stats.isFile() || stats.size > READABLE_BYTES) return;
  const { readManifest } = await import('@pegasus-workflows/project/manifest');
  const { specs } = readManifest(await readFile(manifest, 'utf8'), MANIFEST);
  for (const { sourceDir } of specs) {
    await below(folder, sourceDir);
    await below(folder, `${sourceDir}/workflow.mmd`);
  }
}
