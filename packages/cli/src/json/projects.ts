import { diagramCheckSchema, visibilitySchema } from '@pegasus-workflows/contracts';
import { z } from 'zod';
import { failureFields } from './error.js';

/** One workflow of a project that a command could not do its work on: the fields of a failure, beside which one it is. */
export const failedWorkflow = z
  .object({ name: z.string(), version: z.string(), ...failureFields })
  .describe('A workflow that failed; the others were done all the same.');

export const packaged = z.object({
  name: z.string(),
  version: z.string(),
  zipPath: z.string().describe('Absolute path.'),
  sizeBytes: z.number().int(),
  sha256: z.string().describe('Hex digest of the zip.'),
  durationMs: z.number().int(),
  diagramCheck: diagramCheckSchema.optional(),
});

export const pushed = z.object({
  name: z.string(),
  version: z.string(),
  workflowId: z.string(),
  visibility: visibilitySchema,
  sizeBytes: z.number().int(),
  sha256: z.string(),
  durationMs: z.number().int(),
  diagramCheck: diagramCheckSchema.optional(),
  triggers: z.number().int().optional().describe('With --take-over-triggers: how many were moved.'),
});

export const initialized = z.object({
  name: z.string(),
  template: z.string(),
  directory: z.string().describe('Absolute path.'),
  files: z.array(z.string()).describe('Paths below the directory.'),
  installed: z.boolean(),
});

const named = { name: z.string(), version: z.string() };

/** What `diagram` prints, by its flags. */
export const diagrams = z.union([
  z
    .array(
      z.object({
        ...named,
        diagram: z.string().describe('Path of the file, below the project.'),
        ...diagramCheckSchema.shape,
        problems: z
          .array(z.string())
          .optional()
          .describe('Why it is none, where it is missing or does not parse.'),
      }),
    )
    .describe('With --check.'),
  z
    .array(
      z.object({ ...named, diagram: z.string().describe('Mermaid text.'), writtenTo: z.string().optional() }),
    )
    .describe('With --draw.'),
  z
    .array(z.object({ ...named, output: z.string(), prompt: z.string() }))
    .describe('Without a flag: the prompt for a coding agent.'),
]);
