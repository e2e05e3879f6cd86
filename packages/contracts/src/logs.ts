import { z } from 'zod';
import { LIMITS } from './limits.js';
import { idSchema, timestampSchema } from './names.js';

/** What code says while it runs: `log` of the SDK, `console`, and what its process prints. */

/** From the least to the most urgent. */
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export const logLevelSchema = z.enum(LOG_LEVELS);
export type LogLevel = z.infer<typeof logLevelSchema>;

/** Whose words they are: of workflow code, of an activity, of the process around them, or the platform's own. */
export const LOG_SOURCES = ['workflow', 'activity', 'process', 'platform'] as const;
export const logSourceSchema = z.enum(LOG_SOURCES);
export type LogSource = z.infer<typeof logSourceSchema>;

const logEntry = {
  level: logLevelSchema,
  /** One entry may have several lines. */
  message: z.string(),
  source: logSourceSchema,
  /** What was given beside the message. */
  attributes: z.record(z.string(), z.unknown()).optional(),
  /** The step that said it: its activity type, its id within the run, and which attempt it was, from 1. */
  activityType: z.string().optional(),
  activityId: z.string().optional(),
  attempt: z.number().int().optional(),
  /** Temporal's run id. */
  runId: z.string().optional(),
  /** Temporal's workflow id of the child run that said it; absent when the execution itself did. */
  childWorkflowId: z.string().optional(),
  /** Present when the message or its attributes were longer than is kept. */
  truncated: z.literal(true).optional(),
};

/** One entry of `GET …/executions/:eid/logs` and `GET /workflows/:id/logs`, oldest first. */
export const logSchema = z.object({
  /** A decimal number that ascends within one execution; `after` takes it. Numbers that are not there were left out. */
  id: z.string(),
  at: timestampSchema,
  ...logEntry,
});
export type Log = z.infer<typeof logSchema>;

/** A whole number as `id` of {@link logSchema} has it. */
export const logIdSchema = z.string().regex(/^\d{1,15}$/, 'must be the id of a log entry');

const filters = {
  limit: z.coerce.number().int().min(1).max(LIMITS.logsPageMax).default(LIMITS.logsPageDefault),
  /** Only entries after this one: the id of the last one of the page before. */
  after: logIdSchema.optional(),
  /** This level and those above it. */
  level: logLevelSchema.optional(),
  /** Said at or after this instant. */
  since: timestampSchema.optional(),
};

export const workflowLogsQuerySchema = z.strictObject(filters);
export type WorkflowLogsQuery = z.input<typeof workflowLogsQuerySchema>;

export const executionLogsQuerySchema = z.strictObject({
  ...filters,
  /** Only of this step: an activity type, or an activity id. */
  step: z.string().min(1).max(200).optional(),
});
export type ExecutionLogsQuery = z.input<typeof executionLogsQuerySchema>;

/** What the supervisor hands over: an entry, and what it belongs to. */
export const runnerLogEntrySchema = z.strictObject({
  /** The execution at the root of the run's tree; absent when no run said it. */
  executionId: idSchema.optional(),
  /** Where there is no execution: the workflow version in whose worker it was said. */
  workflowId: idSchema.optional(),
  /** Milliseconds since 1970. */
  at: z.number().int().min(0).max(8.64e15),
  ...logEntry,
  message: z.string().max(LIMITS.logMessageCharacters),
  activityType: z.string().max(1_000).optional(),
  activityId: z.string().max(1_000).optional(),
  attempt: z.number().int().min(0).max(2_147_483_647).optional(),
  runId: z.string().max(100).optional(),
  childWorkflowId: z.string().max(1_000).optional(),
});
export type RunnerLogEntry = z.infer<typeof runnerLogEntrySchema>;

/**
 * `POST /internal/v1/execution-logs`. A producer numbers its batches of one tenant from 1 and sends the next one when the
 * last one was answered; a batch that is sent again is answered and stores nothing.
 */
export const runnerLogBatchSchema = z.strictObject({
  producer: idSchema,
  sequence: z.number().int().min(1).max(Number.MAX_SAFE_INTEGER),
  tenantId: idSchema,
  entries: z.array(runnerLogEntrySchema).min(1).max(LIMITS.logBatchEntries),
});
export type RunnerLogBatch = z.infer<typeof runnerLogBatchSchema>;

/** `stored`: how many entries were taken in now; those of executions that are not the tenant's are not. */
export const runnerLogAnswerSchema = z.object({ stored: z.number().int().nonnegative() });
