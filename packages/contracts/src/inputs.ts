import { z } from 'zod';
import { idSchema, timestampSchema } from './names.js';

/** The four shapes that a workflow's single argument takes; a test run's is a bare string. */
export const manualInputSchema = z.object({
  executionId: idSchema,
  input: z.record(z.string(), z.unknown()).nullable(),
});
export type ManualInput = z.infer<typeof manualInputSchema>;

export const eventInputSchema = z.object({
  domainEventId: z.string(),
  eventType: z.string(),
  occurredAt: timestampSchema,
  payload: z.record(z.string(), z.unknown()),
});
export type EventInput = z.infer<typeof eventInputSchema>;

export const scheduleInputSchema = z.object({
  executionId: idSchema,
  input: z.object({ scheduledAt: timestampSchema, schedule: z.string(), triggerId: idSchema }),
});
export type ScheduleInput = z.infer<typeof scheduleInputSchema>;

export type WorkflowInput = ManualInput | EventInput | ScheduleInput | string;
