/**
 * What a worker process writes on standard error for each log entry: one line of JSON. The supervisor believes nothing of
 * it beyond its shape; a line that is none of these is output like any other.
 */
import { LIMITS, logLevelSchema } from '@pegasus-workflows/contracts';
import { z } from 'zod';

/** What an entry belongs to, as the worker says. */
export const originSchema = z.object({
  source: z.enum(['workflow', 'activity', 'process']),
  /** Of the artifact whose code it is. */
  taskQueue: z.string().max(300).optional(),
  workflowId: z.string().max(1_000).optional(),
  runId: z.string().max(100).optional(),
  activityType: z.string().max(1_000).optional(),
  activityId: z.string().max(1_000).optional(),
  attempt: z.number().int().min(0).max(2_147_483_647).optional(),
});
export type LogOrigin = z.infer<typeof originSchema>;

export const logLineSchema = z.object({
  pegasusLog: originSchema,
  /** Milliseconds since 1970. */
  at: z.number().int().min(0).max(8.64e15),
  level: logLevelSchema,
  message: z.string().max(LIMITS.logMessageCharacters),
  attributes: z.record(z.string(), z.unknown()).optional(),
  truncated: z.literal(true).optional(),
});
export type LogLine = z.infer<typeof logLineSchema>;

/** A line is longer than its parts: every character may be written as `\uXXXX`. Bytes. */
export const LINE_BYTES = 6 * (LIMITS.logMessageCharacters + LIMITS.logAttributesCharacters) + 16 * 1024;

/** What entries are counted by: one run, or one artifact outside of its runs. */
export function originKey({ workflowId, taskQueue }: LogOrigin): string {
  return workflowId ?? taskQueue ?? '';
}

/** The sentence that stands for entries that were dropped because too much was said at once. */
export function droppedSentence(count: number): string {
  return `${count} log entries were dropped here: more was logged at once than is taken in.`;
}
