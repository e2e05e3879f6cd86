import { z } from 'zod';
import { LIMITS } from './limits.js';
import { idSchema, timestampSchema } from './names.js';

/**
 * One part of what names a projection. "." and ".." are refused because no URL can carry them as a segment: every
 * client resolves them away, percent-encoded or not, and the call would be about something else.
 */
export const projectionSegmentSchema = z
  .string()
  .regex(/^[A-Za-z0-9._:-]{1,256}$/, 'must be 1 to 256 letters, digits, ".", "_", ":" and "-"')
  .regex(/[^.]|^\.{3,}$/, 'must not be "." or ".."');

/** What a workflow remembers of an outside system's record. */
export const projectionSchema = z.object({
  id: idSchema,
  integrationId: z.string(),
  entityType: z.string(),
  entityKey: z.string(),
  /** Any JSON value. */
  state: z.unknown(),
  /** From 1, one more at every replacement. In quotes it is the `ETag`. A projection made anew begins at 1 again. */
  version: z.number().int().positive(),
  updatedByUserId: idSchema.nullable(),
  createdAt: timestampSchema,
  updatedAt: timestampSchema,
});
export type Projection = z.infer<typeof projectionSchema>;

/** `PUT …/:key` → 201 when it is new, 200 when it replaces a state. */
export const putProjectionSchema = z.strictObject({
  state: z.unknown().refine((state) => state !== undefined, 'is required'),
});
export type PutProjection = z.infer<typeof putProjectionSchema>;

/** A page, in the order of the keys. */
export const projectionsQuerySchema = z.strictObject({
  limit: z.coerce.number().int().min(1).max(LIMITS.projectionsPageMax).default(LIMITS.projectionsPageDefault),
  /** The `meta.next` of the page before: only keys after it. */
  after: projectionSegmentSchema.optional(),
});
export type ProjectionsQuery = z.infer<typeof projectionsQuerySchema>;

export const projectionsPageSchema = z.object({
  data: z.array(projectionSchema),
  meta: z.object({
    count: z.number().int().nonnegative(),
    /** What to send as `after` for the next page; null on the last. */
    next: z.string().nullable(),
  }),
});
export type ProjectionsPage = z.infer<typeof projectionsPageSchema>;
