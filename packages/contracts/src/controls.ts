import { z } from 'zod';
import { executionSchema } from './executions.js';
import { LIMITS } from './limits.js';

/** Why somebody did it; it is shown in the run's history. */
const reasonSchema = z.string().trim().min(1, 'must not be empty').max(500, 'must be at most 500 characters');

/**
 * `POST …/executions/:eid/update`: calls an update handler of an open run and waits for what it returns, at the latest
 * `waitSeconds` after the run has accepted it (25 unless said). The `Idempotency-Key` is the update's id: a repeat is
 * the same update.
 */
export const updateRequestSchema = z.strictObject({
  name: z
    .string()
    .min(1, 'must be the name of a handler of the workflow')
    .max(200, 'must be at most 200 characters'),
  args: z.array(z.unknown()).max(20, 'must be at most 20 values').optional(),
  waitSeconds: z.int().min(0).max(LIMITS.waitSeconds).optional(),
});
export type UpdateRequest = z.infer<typeof updateRequestSchema>;

/** 200 when it has completed; 202 when the run has accepted it and works on it. */
export const updateAnswerSchema = z.discriminatedUnion('completed', [
  z.object({ updateId: z.string(), completed: z.literal(true), result: z.unknown() }),
  z.object({ updateId: z.string(), completed: z.literal(false) }),
]);
export type UpdateAnswer = z.infer<typeof updateAnswerSchema>;

/** What an `Idempotency-Key` can be. */
export const updateIdSchema = z.string().regex(/^[\x20-\x7e]{1,255}$/, 'must be the id of an update');

/** `GET …/executions/:eid/updates/:updateId`: 200 completed, 202 not yet, at the latest after `waitSeconds`. */
export const updateQuerySchema = z.strictObject({
  waitSeconds: z.coerce.number().int().min(0).max(LIMITS.waitSeconds).default(0),
});

/** `POST …/terminate`, `…/pause` and `…/unpause`. */
export const controlRequestSchema = z.strictObject({ reason: reasonSchema.optional() });
export type ControlRequest = z.infer<typeof controlRequestSchema>;

/**
 * What was paused, or let go on. `workflow`: the run as a whole, where the cluster can do that. `activities`: those
 * pending at that moment; an attempt under way is not interrupted, and the workflow's own code goes on.
 */
export const pauseAnswerSchema = z.object({
  scope: z.enum(['workflow', 'activities']),
  activities: z.array(z.object({ activityId: z.string(), activityType: z.string() })),
});
export type PauseAnswer = z.infer<typeof pauseAnswerSchema>;

export const RESET_POINTS = ['first-workflow-task', 'last-workflow-task', 'last-continued-as-new'] as const;
export type ResetPoint = (typeof RESET_POINTS)[number];
export const RESET_REAPPLY = ['all', 'signals', 'none'] as const;
export type ResetReapply = (typeof RESET_REAPPLY)[number];

/**
 * `POST …/reset`: the run goes on from an earlier point, and what came after that point is forgotten. Either
 * `toEventId`, which is lowered to the nearest workflow task that had ended, or `to`. `reapply` says which of the
 * signals and updates that came after that point are delivered again: `all` (unless said), only `signals`, or `none`.
 */
export const resetRequestSchema = z
  .strictObject({
    toEventId: z.int().min(1).optional(),
    to: z.enum(RESET_POINTS).optional(),
    reason: reasonSchema.optional(),
    reapply: z.enum(RESET_REAPPLY).optional(),
  })
  .refine(({ toEventId, to }) => (toEventId === undefined) !== (to === undefined), {
    path: ['to'],
    message: `give either toEventId or to (${RESET_POINTS.join(', ')})`,
  });
export type ResetRequest = z.infer<typeof resetRequestSchema>;

export const resetAnswerSchema = z.object({
  execution: executionSchema,
  /** The run that goes on. */
  temporalRunId: z.string(),
  /** The event of the earlier run that was gone back to. */
  eventId: z.string(),
});
export type ResetAnswer = z.infer<typeof resetAnswerSchema>;
