import { z } from 'zod';

const failureSchema = z.object({
  error: z.string(),
  code: z.string(),
  problems: z.array(z.string()).optional(),
  hint: z.string().optional(),
});
export type PackagingFailure = z.infer<typeof failureSchema>;

/** What the packaging process tells the server, over IPC. */
export const packagingMessageSchema = z.discriminatedUnion('type', [
  /** `done` of `total` steps are behind it. */
  z.object({ type: z.literal('progress'), done: z.number(), total: z.number(), message: z.string() }),
  /** The end: what became of each workflow. The zips are in the staging folder. */
  z.object({
    type: z.literal('outcomes'),
    outcomes: z.array(
      z.object({
        name: z.string(),
        version: z.string(),
        zip: z.object({ file: z.string(), sizeBytes: z.number().int() }).optional(),
        failure: failureSchema.optional(),
        /** How its diagram differs from its code, a line each. */
        differences: z.array(z.string()),
      }),
    ),
  }),
  /** The end: the project itself cannot be packaged. */
  z.object({ type: z.literal('failed'), failure: failureSchema }),
]);
export type PackagingMessage = z.infer<typeof packagingMessageSchema>;
export type PackagingOutcome = Extract<PackagingMessage, { type: 'outcomes' }>['outcomes'][number];
