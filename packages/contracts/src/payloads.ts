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

/** Largest body of `POST /codec/decode` and `/codec/encode`: what Temporal shows of a run at once, in base64. */
export const CODEC_BODY_BYTES = 8 * 1024 * 1024;

/** `POST /codec/decode` and `/codec/encode`, Temporal's own remote codec protocol: the same shape both ways. */
export const codecPayloadsSchema = z.strictObject({
  payloads: z
    .array(
      z.strictObject({
        metadata: z.record(z.string(), z.base64()).default({}),
        data: z.base64().default(''),
      }),
    )
    .max(10_000),
});
export type CodecPayloads = z.infer<typeof codecPayloadsSchema>;
