import { z } from 'zod';
import { cronExpressionSchema } from './cron.js';
import { filterSchema } from './filters.js';
import { idSchema, timestampSchema } from './names.js';

/** Most ticks that one backfill starts. */
export const BACKFILL_TICKS_MAX = 1_000;
/** How many coming times a schedule shows. */
export const NEXT_TIMES = 5;

export const triggerKindSchema = z.enum(['EVENT', 'SCHEDULE']);
export type TriggerKind = z.infer<typeof triggerKindSchema>;

const eventTypeSchema = z.string().min(1).max(128);
const noteSchema = z.string().trim().min(1).max(500);

/** `POST …/triggers`: fields of the other kind are refused. */
export const createTriggerRequestSchema = z
  .strictObject({
    kind: triggerKindSchema,
    /** EVENT: a built-in type or one of the tenant's own. */
    eventType: eventTypeSchema.optional(),
    /** EVENT: which events start a run; every one when absent. */
    filter: filterSchema.nullable().optional(),
    /** SCHEDULE: five fields, UTC. */
    cronExpression: cronExpressionSchema.optional(),
    enabled: z.boolean().default(true),
  })
  .superRefine(({ kind, eventType, filter, cronExpression }, context) => {
    const refuse = (path: string, message: string) =>
      context.addIssue({ code: 'custom', path: [path], message });
    if (kind === 'EVENT') {
      if (eventType === undefined) refuse('eventType', 'is required for kind EVENT');
      if (cronExpression !== undefined) refuse('cronExpression', 'is for kind SCHEDULE; leave it out');
      return;
    }
    if (cronExpression === undefined) refuse('cronExpression', 'is required for kind SCHEDULE');
    if (eventType !== undefined) refuse('eventType', 'is for kind EVENT; leave it out');
    if (filter !== undefined) refuse('filter', 'is for kind EVENT; leave it out');
  });
export type CreateTriggerRequest = z.input<typeof createTriggerRequestSchema>;

/** `PATCH …/triggers/:tid`: what is left out stays; a `filter` of null takes it away. The kind never changes. */
export const updateTriggerRequestSchema = z.strictObject({
  eventType: eventTypeSchema.optional(),
  filter: filterSchema.nullable().optional(),
  cronExpression: cronExpressionSchema.optional(),
  enabled: z.boolean().optional(),
});
export type UpdateTriggerRequest = z.input<typeof updateTriggerRequestSchema>;

/** What became of a tick. */
export const tickOutcomeSchema = z.enum([
  /** A run was asked for. */
  'STARTED',
  /** A prior run of the trigger was still open. */
  'SKIPPED_OPEN_RUN',
  /** No run could begin; an execution that FAILED says why. */
  'REFUSED',
]);
export type TickOutcome = z.infer<typeof tickOutcomeSchema>;

export const tickSchema = z.object({
  scheduledAt: timestampSchema,
  outcome: tickOutcomeSchema,
  /** Of STARTED and REFUSED: the execution. */
  executionId: idSchema.nullable(),
});
export type Tick = z.infer<typeof tickSchema>;

export const triggerSchema = z.object({
  id: idSchema,
  tenantId: idSchema,
  workflowId: idSchema,
  kind: triggerKindSchema,
  eventType: z.string().nullable(),
  /** As it was stored. */
  filter: z.record(z.string(), z.unknown()).nullable(),
  cronExpression: z.string().nullable(),
  enabled: z.boolean(),
  createdByUserId: idSchema.nullable(),
  createdAt: timestampSchema,
  updatedAt: timestampSchema,
  /** The following only of kind SCHEDULE. The coming times; none while it is paused. */
  nextTimes: z.array(timestampSchema).optional(),
  /** The opposite of `enabled`. */
  paused: z.boolean().optional(),
  /** What was said when it was paused or resumed. */
  note: z.string().optional(),
  /** The newest tick that was decided. */
  lastTick: tickSchema.optional(),
});
export type Trigger = z.infer<typeof triggerSchema>;

/** `POST …/triggers/:tid/pause` and `…/resume`. */
export const pauseTriggerRequestSchema = z.strictObject({ note: noteSchema.optional() });
export type PauseTriggerRequest = z.input<typeof pauseTriggerRequestSchema>;

/** `POST …/triggers/:tid/backfill`: the ticks from `from` to `to`, both included. */
export const backfillRequestSchema = z
  .strictObject({ from: timestampSchema, to: timestampSchema })
  .refine(({ from, to }) => Date.parse(from) <= Date.parse(to), {
    path: ['from'],
    message: 'must not be after to; exchange the two',
  });
export type BackfillRequest = z.input<typeof backfillRequestSchema>;

export const backfillSchema = z.object({
  /** Ticks in the time asked for. */
  ticks: z.number().int(),
  /** Executions that wait now, oldest tick first; they run one at a time. A tick that had its run has no second one. */
  executionIds: z.array(idSchema),
});
export type Backfill = z.infer<typeof backfillSchema>;

/** `POST …/triggers/take-over`: from one version of the same name, or from every other one. */
export const takeOverRequestSchema = z.strictObject({ fromWorkflowId: idSchema.optional() });
export type TakeOverRequest = z.input<typeof takeOverRequestSchema>;
