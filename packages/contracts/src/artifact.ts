import { z } from 'zod';
import { versionSchema, workflowNameSchema } from './names.js';

/** Paths inside an artifact zip. */
export const ARTIFACT_PATHS = {
  manifest: 'pegasus-workflows.toml',
  descriptor: '.pegasus/artifact.json',
  workflowBundle: '.pegasus/workflows.js',
  activityBundle: '.pegasus/activities.cjs',
} as const;

/**
 * `.pegasus/artifact.json`: what the builder put beside the sources. Its absence means that the artifact is of a
 * runtime the runner does not have: stored and downloadable, `executable: false`.
 */
export const artifactDescriptorSchema = z.strictObject({
  format: z.literal(1),
  runtime: z.literal('typescript'),
  name: workflowNameSchema,
  version: versionSchema,
  /** The workflow type that `run` starts: the first entry point's export. */
  workflowType: z.string().min(1),
  /** Whether `.pegasus/activities.cjs` is there. */
  hasActivities: z.boolean(),
  /** Version of `@temporalio/worker` whose bundler made the workflow bundle. */
  temporalSdkVersion: z.string().min(1),
});
export type ArtifactDescriptor = z.infer<typeof artifactDescriptorSchema>;
