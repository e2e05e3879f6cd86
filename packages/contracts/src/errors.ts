import { z } from 'zod';
import { ERROR_TABLE, type ErrorCode } from './error-table.js';

export * from './error-table.js';

export const ERROR_CODES = Object.keys(ERROR_TABLE) as [ErrorCode, ...ErrorCode[]];
export const errorCodeSchema = z.enum(ERROR_CODES);

/** The body of every failure. `problems` comes with ARTIFACT_INVALID, `data` with TEMPORAL_START_FAILED, `report` with GATE_FAILED, `correlationId` with every 5xx. */
export const errorBodySchema = z.object({
  error: z.string(),
  code: z.string(),
  correlationId: z.string().optional(),
  problems: z.array(z.string()).optional(),
  data: z.unknown().optional(),
  report: z.unknown().optional(),
});
export type ErrorBody = z.infer<typeof errorBodySchema>;
