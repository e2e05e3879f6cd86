import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ARTIFACT_PATHS } from '@pegasus-workflows/contracts';
import { type LoadMessage } from '../protocol.js';
import { PlatformFault } from './fault.js';

/** Read before tenant code can change it. */
const HOME = process.cwd();

/**
 * Fetches an artifact's files from the supervisor into a folder of this worker's home, for as long as `use` runs:
 * once loaded, an artifact is in memory.
 */
export async function withArtifactFiles<T>(
  supervisorUrl: string,
  { sha256, hasActivities }: Pick<LoadMessage, 'sha256' | 'hasActivities'>,
  use: (artifactDir: string) => Promise<T>,
): Promise<T> {
  const dir = await mkdtemp(join(HOME, 'artifact-'));
  try {
    const names = hasActivities ? ['workflows.js', 'activities.cjs'] : ['workflows.js'];
    await Promise.all(
      names.map(async (name) => {
        const response = await fetch(`${supervisorUrl}/artifacts/${sha256}/${name}`).catch(
          (cause: unknown) => {
            throw new PlatformFault('the supervisor cannot be reached', { cause });
          },
        );
        if (!response.ok)
          throw new PlatformFault(`the supervisor has no ${name} of this artifact (${response.status})`);
        const file = join(
          dir,
          name === 'workflows.js' ? ARTIFACT_PATHS.workflowBundle : ARTIFACT_PATHS.activityBundle,
        );
        await mkdir(dirname(file), { recursive: true });
        await writeFile(file, Buffer.from(await response.arrayBuffer()));
      }),
    );
    return await use(dir);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
