import {
  backfillSchema,
  executionSchema,
  idSchema,
  timestampSchema,
  triggerSchema,
} from '@pegasus-workflows/contracts';
import { z } from 'zod';

export const TRIGGER_OUTPUTS: Record<string, z.ZodType> = {
  'triggers list': z.array(triggerSchema),
  'triggers create': triggerSchema,
  'triggers update': triggerSchema,
  'triggers delete': z.object({ deleted: idSchema }),
  'triggers pause': triggerSchema,
  'triggers resume': triggerSchema,
  'triggers run': executionSchema,
  'triggers backfill': backfillSchema,
  'triggers next': z.array(z.object({ at: timestampSchema, triggerId: idSchema })),
  'triggers take-over': z.array(triggerSchema).describe('Those that were moved.'),
  'workflows retire': z.object({ retired: idSchema }),
};
