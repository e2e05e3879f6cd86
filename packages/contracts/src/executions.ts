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
  /** Ours, while it is QUEUED for its time: when it starts. */
  startAfter: timestampSchema.optional(),
  /** Ours, when the request named it. */
  priority: z.number().int().optional(),
  /** Ours, when the request named it. */
  concurrencyKey: z.string().optional(),
  queuedAt: timestampSchema,
  startedAt: timestampSchema.nullable(),
  finishedAt: timestampSchema.nullable(),
  createdAt: timestampSchema,
  updatedAt: timestampSchema,
});
export type Execution = z.infer<typeof executionSchema>;

const keySchema = (most: number) =>
  z
    .string()
    .regex(new RegExp(`^[\\x20-\\x7e]{1,${most}}$`), `must be 1 to ${most} printable ASCII characters`);

/** Everything but `input` and `mode` is ours; a client that sends none of it starts a run at once. */
export const runRequestSchema = z
  .strictObject({
    input: z.record(z.string(), z.unknown()).optional(),
    mode: z.enum(['live', 'dry_run']).optional(),
    /** The same as the header `Idempotency-Key`: one key is one execution of the tenant. */
    idempotencyKey: keySchema(255).optional(),
    /** When to start: a number of seconds from now, or an instant. Until then the execution is QUEUED. */
    delay: z.union([z.number().int().min(1).max(LIMITS.runDelaySeconds), timestampSchema]).optional(),
    /** Temporal's: 1 is the most urgent, 5 the least, 3 what is not said. */
    priority: z.number().int().min(1).max(5).optional(),
    /** Of the tenant's open executions with one key, at most `concurrencyLimit` run; the others are QUEUED. */
    concurrencyKey: keySchema(200).optional(),
    /** 1 unless said. */
    concurrencyLimit: z.number().int().min(1).max(LIMITS.concurrencyLimit).optional(),
    /**
     * Starts once, `seconds` after the last of the requests with this key: each replaces the input of the one before
     * and answers with the same execution. A request that comes after the start begins anew.
     */
    debounce: z
      .strictObject({ key: keySchema(200), seconds: z.number().int().min(1).max(LIMITS.debounceSeconds) })
      .optional(),
  })
  .superRefine((request, context) => {
    const refuse = (path: string, message: string) =>
      context.addIssue({ code: 'custom', path: [path], message });
    if (request.debounce && request.delay !== undefined)
      refuse('delay', 'cannot be combined with debounce, which is a delay itself');
    if (request.debounce && request.idempotencyKey !== undefined)
      refuse('idempotencyKey', 'cannot be combined with debounce, whose key says which requests are one');
    if (request.concurrencyLimit !== undefined && request.concurrencyKey === undefined)
      refuse('concurrencyLimit', 'needs a concurrencyKey');
    if (
      typeof request.delay === 'string' &&
      Date.parse(request.delay) > Date.now() + LIMITS.runDelaySeconds * 1000
    )
      refuse('delay', `must be at most ${LIMITS.runDelaySeconds / 86_400} days ahead`);
  });
export type RunRequest = z.infer<typeof runRequestSchema>;

/** `FAILED,TIMED_OUT`: a comma-separated list of statuses, each once. */
export const statusListSchema = z
  .string()
  .transform((text) => [...new Set(text.split(',').map((part) => part.trim()))])
  .pipe(z.array(executionStatusSchema).min(1));

/** `status`, `since` and `until` are ours; a client that sends none of them gets every execution. */
export const executionsQuerySchema = z.strictObject({
  limit: z.coerce.number().int().min(1).max(LIMITS.executionsPageMax).default(LIMITS.executionsPageDefault),
  before: idSchema.optional(),
  status: statusListSchema.optional(),
  /** Created at or after this instant. */
  since: timestampSchema.optional(),
  /** Created before this instant. */
  until: timestampSchema.optional(),
});
export type ExecutionsQuery = z.input<typeof executionsQuerySchema>;

/** `GET …/executions/:eid?waitSeconds=30` answers as soon as the status is terminal, at the latest after that many seconds. Ours; clients that do not know it lose nothing. */
export const executionQuerySchema = z.strictObject({
  waitSeconds: z.coerce.number().int().min(0).max(LIMITS.waitSeconds).default(0),
});

export const historyEventSchema = z.object({
  /**
   * Temporal's event id, a decimal string, ascending within one run. What the platform itself has to tell has an id
   * that begins with `note-` and a type that begins with `Pegasus`, such as `PegasusCallRefused`.
   */
  id: z.string(),
  /** Temporal's event type in PascalCase without the `EVENT_TYPE_` prefix, such as `ActivityTaskScheduled`. */
  type: z.string(),
  timestamp: timestampSchema,
  activityType: z.string().optional(),
  attempt: z.number().int().optional(),
  failure: z.string().optional(),
  // The fields from here on are ours.
  /** Of an event that answers another: the id of the event that scheduled or started what it tells about. */
  scheduledEventId: z.string().optional(),
  /** What the event is about: a signal's, update's or child workflow type's name, a timer's id. */
  name: z.string().optional(),
  /** Of `TimerStarted`: when it fires. */
  firesAt: timestampSchema.optional(),
});
export type HistoryEvent = z.infer<typeof historyEventSchema>;

/** An activity that is scheduled or under way: Temporal writes its attempts into the history only when it has ended. */
export const pendingActivitySchema = z.object({
  /** The id of its `ActivityTaskScheduled` event. */
  scheduledEventId: z.string(),
  activityType: z.string(),
  state: z.enum(['SCHEDULED', 'STARTED', 'CANCEL_REQUESTED', 'PAUSED']),
  /** The attempt that is under way or comes next, from 1. */
  attempt: z.number().int(),
  /** Absent when the number of attempts has no limit. */
  maximumAttempts: z.number().int().optional(),
  lastFailure: z.string().optional(),
  /** When the next attempt begins, while it waits between two. */
  nextAttemptAt: timestampSchema.optional(),
});
export type PendingActivity = z.infer<typeof pendingActivitySchema>;

export const historySchema = z.object({
  events: z.array(historyEventSchema),
  /** Ours; absent when there is none. */
  pendingActivities: z.array(pendingActivitySchema).optional(),
});
export type History = z.infer<typeof historySchema>;

/**
 * `GET …/executions/:eid/history/export`: the whole history of the newest run as Temporal's own JSON, with its payloads
 * readable. It is what `pegasus-workflows replay` and Temporal's `Worker.runReplayHistory` take.
 */
export const historyExportSchema = z.object({
  workflowType: z.string(),
  temporalWorkflowId: z.string(),
  temporalRunId: z.string(),
  /** Name and version of the workflow that the run is pinned to. */
  name: z.string(),
  version: z.string(),
  history: z.object({ events: z.array(z.record(z.string(), z.unknown())) }),
});
export type HistoryExport = z.infer<typeof historyExportSchema>;

const handlerNameSchema = z
  .string()
  .min(1, 'must be the name of a handler of the workflow')
  .max(200, 'must be at most 200 characters');
const argsSchema = z.array(z.unknown()).max(20, 'must be at most 20 values');

/** `POST …/executions/:eid/signal` → 202 Execution. A repeated `Idempotency-Key` counts once. */
export const signalRequestSchema = z.strictObject({ name: handlerNameSchema, args: argsSchema.optional() });
export type SignalRequest = z.infer<typeof signalRequestSchema>;

/** `POST …/executions/:eid/query` → 200; changes nothing. `__stack_trace` tells where the run waits. */
export const queryRequestSchema = z.strictObject({ name: handlerNameSchema, args: argsSchema.optional() });
export type QueryRequest = z.infer<typeof queryRequestSchema>;
export const queryAnswerSchema = z.object({ result: z.unknown() });
export type QueryAnswer = z.infer<typeof queryAnswerSchema>;

const handlerSchema = z.object({ name: z.string(), description: z.string().optional() });

/** `GET …/executions/:eid/handlers`: what this run answers to at present. */
export const handlersSchema = z.object({
  signals: z.array(handlerSchema),
  queries: z.array(handlerSchema),
  updates: z.array(handlerSchema),
});
export type Handlers = z.infer<typeof handlersSchema>;
