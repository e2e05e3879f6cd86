import { z } from 'zod';
import { idSchema, timestampSchema } from './names.js';

/** A tenant's payload key, as it is told of: never the key itself. */
export const payloadKeySchema = z.object({
  /** Stands in the clear beside every payload that is encrypted with it. */
  id: idSchema,
  /** New payloads are encrypted with it; the others only read. */
  current: z.boolean(),
  /** Null when the tenant's first need made it. */
  createdByUserId: idSchema.nullable(),
  createdAt: timestampSchema,
  retiredAt: timestampSchema.nullable(),
});
export type PayloadKeyInfo = z.infer<typeof payloadKeySchema>;
