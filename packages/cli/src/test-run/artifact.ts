import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { ARTIFACT_PATHS, artifactDescriptorSchema, PegasusError } from '@pegasus-workflows/contracts';
import { strFromU8, unzipSync } from 'fflate';

type Activity = (...args: unknown[]) => unknown;

/** What a worker needs of an artifact. */
export interface RunnableArtifact {
  workflowType: string;
  workflowBundle: string;
  activities: Record<string, Activity>;
  /** Turns paths of the unpacked bundle in a stack trace back into the author's own. */
  toAuthorPaths(text: string): string;
}

/**
 * Loads what `package` made, so that a test runs the very bytes that `push` would publish.
 * @param folder an empty one, that outlives the run
 * @throws PegasusError WORKFLOW_NOT_EXECUTABLE for an artifact without built bundles, such as a Python one
 */
export async function loadArtifact(zipPath: string, folder: string): Promise<RunnableArtifact> {
  const wanted = new Set<string>(Object.values(ARTIFACT_PATHS));
  const entries = unzipSync(new Uint8Array(await readFile(zipPath)), {
    filter: ({ name }) => wanted.has(name),
  });
  const descriptorBytes = entries[ARTIFACT_PATHS.descriptor];
  const workflows = entries[ARTIFACT_PATHS.workflowBundle];
  if (!descriptorBytes || !workflows)
    throw new PegasusError('WORKFLOW_NOT_EXECUTABLE', 'Only TypeScript workflows can be run here.', {
      hint: 'Name an entry point such as "demo/workflow:demoWorkflow"; other runtimes are stored, not run.',
    });
  const { workflowType } = artifactDescriptorSchema.parse(JSON.parse(strFromU8(descriptorBytes)));
  const activities = entries[ARTIFACT_PATHS.activityBundle];
  return {
    workflowType,
    workflowBundle: strFromU8(workflows),
    activities: activities ? await loadActivities(activities, folder) : {},
    toAuthorPaths: (text) =>
      text.replaceAll(`${pathToFileURL(folder).href}/`, '').replaceAll(folder + path.sep, ''),
  };
}

/** Loads the bundle as a Node module of its own; what it leaves out is found in our own packages. */
async function loadActivities(bundle: Uint8Array, folder: string): Promise<Record<string, Activity>> {
  const require = createRequire(import.meta.url);
  const own = path.dirname(path.dirname(require.resolve('@temporalio/activity/package.json')));
  await mkdir(path.join(folder, 'node_modules'));
  await symlink(own, path.join(folder, 'node_modules', path.basename(own)), 'junction');
  const file = path.join(folder, 'activities.cjs');
  await writeFile(file, bundle);
  process.setSourceMapsEnabled(true);
  const exported = require(file) as Record<string, unknown>;
  const functions = Object.entries(exported).filter(
    (entry): entry is [string, Activity] => typeof entry[1] === 'function',
  );
  return Object.fromEntries(functions);
}
