import { z } from 'zod';
import { LIMITS } from './limits.js';
import { manifestSchema } from './manifest.js';
import { idSchema, timestampSchema, versionSchema, workflowNameSchema } from './names.js';
import { quarantineSchema } from './quarantine.js';

export const visibilitySchema = z.enum(['GLOBAL', 'TENANT']);
export type Visibility = z.infer<typeof visibilitySchema>;

export const workflowSchema = z.object({
  id: idSchema,
  tenantId: idSchema,
  name: z.string(),
  version: z.string(),
  /** Derived from the tenant: the platform tenant's workflows are GLOBAL. No client sets it. */
  visibility: visibilitySchema,
  manifest: manifestSchema,
  createdByUserId: idSchema.nullable(),
  forkedFromWorkflowId: idSchema.nullable(),
  forkedFromVersion: z.string().nullable(),
  artifactSha256: z.string(),
  artifactSizeBytes: z.number().int(),
  executable: z.boolean(),
  /** Why it starts nothing for now: its worker crashed again and again. Null when it runs; absent from older servers. */
  quarantine: quarantineSchema.nullable().default(null),
  createdAt: timestampSchema,
  updatedAt: timestampSchema,
});
export type Workflow = z.infer<typeof workflowSchema>;

export const uploadUrlRequestSchema = z.strictObject({
  name: workflowNameSchema,
  version: versionSchema,
  sizeBytes: z
    .number()
    .int()
    .min(1)
    .max(LIMITS.artifactBytes, `must be at most ${LIMITS.artifactBytes} (25 MiB)`),
});
export type UploadUrlRequest = z.infer<typeof uploadUrlRequestSchema>;

export const uploadUrlSchema = z.object({
  workflowId: idSchema,
  uploadUrl: z.url(),
  expiresInSeconds: z.literal(LIMITS.uploadUrlSeconds),
});
export type UploadUrl = z.infer<typeof uploadUrlSchema>;

export const finalizeRequestSchema = z.strictObject({ workflowId: idSchema, manifest: manifestSchema });
export type FinalizeRequest = z.infer<typeof finalizeRequestSchema>;

export const downloadUrlSchema = z.object({
  downloadUrl: z.url(),
  expiresInSeconds: z.literal(LIMITS.downloadUrlSeconds),
});
export type DownloadUrl = z.infer<typeof downloadUrlSchema>;

export const requirementsSummarySchema = z.object({
  workflows: z.array(
    z.object({
      workflowId: idSchema,
      name: z.string(),
      version: z.string(),
      visibility: visibilitySchema,
      requirements: z.array(
        z.object({
          kind: z.enum(['SECRET', 'CONFIG']),
          key: z.string(),
          group: z.string(),
          description: z.string().nullable(),
          present: z.boolean(),
        }),
      ),
      missingCount: z.number().int(),
    }),
  ),
  totalMissing: z.number().int(),
});
export type RequirementsSummary = z.infer<typeof requirementsSummarySchema>;
