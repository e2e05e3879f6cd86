import { z } from 'zod';
import { actionSchema } from './actions.js';
import { LIMITS } from './limits.js';
import { versionSchema, workflowNameSchema } from './names.js';

const REQUIREMENT_KEY_PATTERN = /^[a-zA-Z_][a-zA-Z0-9_]{0,127}$/;

/** A secret or configuration value that a workflow cannot run without. */
export const requirementSchema = z.strictObject({
  key: z
    .string()
    .regex(REQUIREMENT_KEY_PATTERN, 'must start with a letter or "_" and hold only letters, digits and "_"'),
  group: z.string().min(1).max(128).optional(),
  description: z.string().max(500).optional(),
});
export type Requirement = z.infer<typeof requirementSchema>;

/** `demo/workflow:helloWorkflow` (TypeScript) or `demo.workflow:HelloWorkflow` (Python). */
export const entryPointSchema = z.string().min(1, 'must be a non-empty string');

/** What a version declares about itself: pinned at publish, shown beside every run. camelCase on the wire. */
export const manifestSchema = z.strictObject({
  name: workflowNameSchema,
  version: versionSchema,
  entryPoints: z.array(entryPointSchema).min(1, 'must name at least one entry point'),
  description: z.string().max(2_000).optional(),
  diagram: z
    .string()
    .min(1, 'must not be empty: write the Mermaid diagram of the workflow')
    .max(LIMITS.diagramCharacters, `must be at most ${LIMITS.diagramCharacters} characters`),
  requiredActions: z.array(actionSchema).optional(),
  timeoutSeconds: z.number().int().min(1).max(LIMITS.workflowTimeoutSeconds).optional(),
  requiredSecrets: z.array(requirementSchema).optional(),
  requiredConfigs: z.array(requirementSchema).optional(),
});
export type Manifest = z.infer<typeof manifestSchema>;
