import { z } from 'zod';
import { executionSchema, historyEventSchema, statusListSchema } from './executions.js';
import { logSchema } from './logs.js';
import { idSchema } from './names.js';

/**
 * Live streams are server-sent events. An event's `id` is where a client that lost its connection goes on, with the
 * header `Last-Event-ID`; its name is one of those below, and its `data` is JSON of the shape beside it. Lines that begin
 * with a colon say only that the stream is alive. A stream that a client has wholly seen answers 204.
 */

/** `GET /api/v1/executions/stream`: executions of the tenant as they change; the filters are over what they change into. */
export const liveExecutionsQuerySchema = z.strictObject({
  workflowId: idSchema.optional(),
  status: statusListSchema.optional(),
});
export type LiveExecutionsQuery = z.input<typeof liveExecutionsQuerySchema>;

/** An execution without what may be large; `GET` it for its input and result. */
export const executionChangeSchema = executionSchema.omit({ input: true, result: true });
export type ExecutionChange = z.infer<typeof executionChangeSchema>;

/** Events of the tenant's stream. A row that changes several times in a short while is told once, as it is last. */
export const liveExecutionsEvents = {
  /** All that was committed before this has been told, and all that is committed from now on will be. */
  ready: z.object({}),
  /** The place to go on from is not of this database: read the list anew. The stream goes on from now. */
  restarted: z.object({}),
  execution: executionChangeSchema,
} as const;

/** `GET …/executions/:eid/stream`: one execution's stream, which ends after the `execution` that has a final status. */
export const liveExecutionEvents = {
  execution: executionSchema,
  /**
   * Events of the timeline in order, each once. An execution that continues as new or is reset has a further run, whose
   * events begin at 1 again.
   */
  history: z.object({ runId: z.string(), events: z.array(historyEventSchema) }),
  /** With `?logs=true`: entries of its log in order, each once. */
  log: z.object({ entries: z.array(logSchema) }),
} as const;

/** `?logs=true`: what its code logs is told too; the stream ends a moment later then, for the last entries to arrive. */
export const liveExecutionQuerySchema = z.strictObject({ logs: z.enum(['true', 'false']).default('false') });
export type LiveLogs = z.infer<typeof liveExecutionEvents.log>;
export type LiveHistory = z.infer<typeof liveExecutionEvents.history>;
