import {
  projectionSegmentSchema,
  storedGroupSchema,
  storedKeySchema,
  workspaceNameSchema,
} from '@pegasus-workflows/contracts';
import { agentRoleSchema, subagentResultSchema } from '@pegasus-workflows/contracts/agents';
import { type ProjectWorkflow } from '@pegasus-workflows/project/manifest';
import { createLocalPlatform, type LocalPlatform } from 'pegasus-workflows-sdk/testing';
import { z } from 'zod';
import { type Context } from '../context.js';
import { readShapedJson } from '../options/shaped-json.js';

const values = z.union(
  [
    z.record(storedKeySchema, z.string()),
    z.array(z.strictObject({ key: storedKeySchema, group: storedGroupSchema.optional(), value: z.string() })),
  ],
  'must be an object of texts by key, or a list of {key, group, value}; keys are letters, digits and "_"',
);

/** The file of `--platform`: what the platform has when the run begins. */
const stateSchema = z.strictObject({
  secrets: values.optional(),
  configs: values.optional(),
  eventTypes: z
    .array(
      z.union([
        z.string(),
        z.strictObject({
          name: z.string(),
          payloadSchema: z.record(z.string(), z.unknown()).optional(),
        }),
      ]),
    )
    .optional(),
  projections: z
    .array(
      z.strictObject({
        integration: projectionSegmentSchema,
        entityType: projectionSegmentSchema,
        key: projectionSegmentSchema,
        state: z.unknown(),
      }),
    )
    .optional(),
  agents: z
    .strictObject({
      workspaces: z.array(workspaceNameSchema).optional(),
      ends: z
        .partialRecord(
          agentRoleSchema,
          subagentResultSchema
            .pick({ status: true, summary: true, filesChanged: true, tokensIn: true, tokensOut: true })
            .partial()
            .strict(),
        )
        .optional(),
    })
    .optional(),
  sms: z.union([z.literal(false), z.strictObject({ optedOut: z.array(z.string()).optional() })]).optional(),
});

export interface LocalPlatformOptions {
  /** A JSON file. */
  platform?: string;
  dryRun?: boolean;
}

/**
 * The platform that activities find while a workflow is tried out here: with what the file says, and for what the
 * manifest declares.
 * @throws PegasusError VALIDATION_ERROR, with each place of the file that is not as agreed
 */
export async function openLocalPlatform(
  context: Context,
  { manifest }: Pick<ProjectWorkflow, 'manifest'>,
  { platform: file, dryRun = false }: LocalPlatformOptions,
): Promise<LocalPlatform> {
  const state =
    file === undefined ? {} : await readShapedJson(context, '--platform', `@${file}`, stateSchema);
  return createLocalPlatform({ ...state, requiredActions: manifest.requiredActions ?? [], dryRun });
}

type Activity = (...args: unknown[]) => unknown;

/** The same activities; `PegasusClient.fromRuntime()` in them finds the platform. */
export function onPlatform(
  platform: LocalPlatform,
  activities: Record<string, Activity>,
): Record<string, Activity> {
  return Object.fromEntries(
    Object.entries(activities).map(([name, activity]) => [
      name,
      (...args: unknown[]) => platform.run(() => activity(...args)),
    ]),
  );
}
