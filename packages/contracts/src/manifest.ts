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

export const DIAGRAM_STEP_KINDS = ['activity', 'signal', 'child'] as const;

/** What comparing a version's diagram with its code found. */
export const diagramCheckSchema = z.strictObject({
  /**
   * MATCHES: the diagram shows every activity, signal and child workflow of the code, and no other. DIFFERS: see
   * `missing` and `unknown`. UNCHECKED: there was nothing to compare, such as a runtime whose code is not read.
   */
  verdict: z.enum(['MATCHES', 'DIFFERS', 'UNCHECKED']),
  /** Steps of the code that the diagram leaves out. `line` counts from 1. */
  missing: z
    .array(
      z.strictObject({
        kind: z.enum(DIAGRAM_STEP_KINDS),
        name: z.string(),
        file: z.string(),
        line: z.number().int(),
      }),
    )
    .max(200),
  /** Nodes of the diagram that name a step which the code does not have. */
  unknown: z
    .array(z.strictObject({ node: z.string(), name: z.string(), line: z.number().int().optional() }))
    .max(200),
  /** One sentence: why it was not checked, for one. */
  note: z.string().max(500).optional(),
});
export type DiagramCheck = z.infer<typeof diagramCheckSchema>;

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
  /** Ours. The server works it out from the artifact when a version is published; what a client sends here is not kept. */
  diagramCheck: diagramCheckSchema.optional(),
  requiredActions: z.array(actionSchema).optional(),
  timeoutSeconds: z.number().int().min(1).max(LIMITS.workflowTimeoutSeconds).optional(),
  requiredSecrets: z.array(requirementSchema).optional(),
  requiredConfigs: z.array(requirementSchema).optional(),
});
export type Manifest = z.infer<typeof manifestSchema>;
