import { projectionSchema, projectionsPageSchema } from '@pegasus-workflows/contracts';
import { z } from 'zod';

/** What `projections …` print with `--json`. */
export const PROJECTION_OUTPUTS: Record<string, z.ZodType> = {
  'projections list': projectionsPageSchema,
  'projections get': projectionSchema,
  'projections put': projectionSchema,
  'projections delete': z.object({
    integrationId: z.string(),
    entityType: z.string(),
    entityKey: z.string(),
    deleted: z.literal(true),
  }),
};
