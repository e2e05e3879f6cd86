import { z } from 'zod';
import { idSchema, timestampSchema } from './names.js';

/** How the worker of a version failed the last time before it was quarantined. */
export const crashCauseSchema = z.enum([
  /** Its process ended: an error that nobody caught, an exit, a signal. */
  'CRASHED',
  /** The kernel or the JavaScript engine ended its process for the memory that it took. */
  'OUT_OF_MEMORY',
  /** Its process answered nothing for too long, such as in an endless loop, and was ended. */
  'UNRESPONSIVE',
  /** Its process asked more of Temporal than it may, in spite of being refused, and was ended. */
  'FLOODED',
  /** It could not be loaded: its modules throw, or are no code. */
  'NOT_LOADABLE',
]);
export type CrashCause = z.infer<typeof crashCauseSchema>;

/** Why a version runs nothing for now, as its author sees it. */
export const quarantineSchema = z.object({
  code: crashCauseSchema,
  /** One sentence. */
  reason: z.string(),
  /** How often its worker failed within the window. */
  crashes: z.number().int(),
  windowSeconds: z.number().int(),
  /** Of the last failure; null where its process did not end, or ended by the other. */
  exitCode: z.number().int().nullable(),
  signal: z.string().nullable(),
  /** Since when. */
  at: timestampSchema,
});
export type Quarantine = z.infer<typeof quarantineSchema>;

/**
 * `POST /internal/v1/quarantines`: the worker of an artifact crashes again and again. A report that is sent again changes
 * nothing, whatever has become of the artifact meanwhile.
 */
export const quarantineReportSchema = z.strictObject({
  reportId: idSchema,
  tenantId: idSchema,
  artifactSha256: z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 lower-case hex digits'),
  cause: crashCauseSchema,
  crashes: z.number().int().min(1).max(1_000_000),
  windowSeconds: z.number().int().min(1).max(1_000_000),
  exitCode: z.number().int().nullable(),
  signal: z
    .string()
    .regex(/^SIG[A-Z0-9]{1,12}$/)
    .nullable(),
});
export type QuarantineReport = z.infer<typeof quarantineReportSchema>;
