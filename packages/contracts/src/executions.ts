import { z } from 'zod';
import { LIMITS } from './limits.js';
import { idSchema, timestampSchema } from './names.js';

export const EXECUTION_STATUSES = [
  'QUEUED',
  'RUNNING',
  'COMPLETED',
  'FAILED',
  'TIMED_OUT',
  'CANCELLED',
] as const;
export const executionStatusSchema = z.enum(EXECUTION_STATUSES);
export type ExecutionStatus = z.infer<typeof executionStatusSchema>;

/** Statuses that never change again. */
export const TERMINAL_STATUSES = ['COMPLETED', 'FAILED', 'TIMED_OUT', 'CANCELLED'] as const;
/** Statuses from which `retry` starts a new run. */
export const RETRYABLE_STATUSES = ['FAILED', 'TIMED_OUT', 'CANCELLED'] as const;

export function isTerminal(status: ExecutionStatus): boolean {
  return (TERMINAL_STATUSES as readonly ExecutionStatus[]).includes(status);
}

export const triggerSourceSchema = z.enum(['USER', 'EVENT', 'SCHEDULE']);

export const executionSchema = z.object({
  id: idSchema,
  tenantId: idSchema,
  workflowId: idSchema,
  status: executionStatusSchema,
  /** What the caller gave as `input`; `null` when nothing was given. */
  input: z.record(z.string(), z.unknown()).nullable(),
  result: z.unknown(),
  errorMessage: z.string().nullable(),
  temporalWorkflowId: z.string().nullable(),
  temporalRunId: z.string().nullable(),
  triggeredByUserId: idSchema.nullable(),
  triggerSource: triggerSourceSchema,
  triggeredByTriggerId: idSchema.nullable(),
  dryRun: z.boolean(),
  queuedAt: timestampSchema,
  startedAt: timestampSchema.nullable(),
  finishedAt: timestampSchema.nullable(),
  createdAt: timestampSchema,
  updatedAt: timestampSchema,
});
export type Execution = z.infer<typeof executionSchema>;

export const runRequestSchema = z.strictObject({
  input: z.record(z.string(), z.unknown()).optional(),
  mode: z.enum(['live', 'dry_run']).optional(),
});
export type RunRequest = z.infer<typeof runRequestSchema>;

export const executionsQuerySchema = z.strictObject({
  limit: z.coerce.number().int().min(1).max(LIMITS.executionsPageMax).default(LIMITS.executionsPageDefault),
  before: idSchema.optional(),
});
export type ExecutionsQuery = z.input<typeof executionsQuerySchema>;

/** `GET …/executions/:eid?waitSeconds=30` answers as soon as the status is terminal, at the latest after that many seconds. Ours; clients that do not know it lose nothing. */
export const executionQuerySchema = z.strictObject({
  waitSeconds: z.coerce.number().int().min(0).max(LIMITS.waitSeconds).default(0),
});

export const historyEventSchema = z.object({
  /** Temporal's event id, a decimal string, ascending within one run. */
  id: z.string(),
  /** Temporal's event type in PascalCase without the `EVENT_TYPE_` prefix, such as `ActivityTaskScheduled`. */
  type: z.string(),
  timestamp: timestampSchema,
  activityType: z.string().optional(),
  attempt: z.number().int().optional(),
  failure: z.string().optional(),
});
export type HistoryEvent = z.infer<typeof historyEventSchema>;
export const historySchema = z.object({ events: z.array(historyEventSchema) });
export type History = z.infer<typeof historySchema>;
