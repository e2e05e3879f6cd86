import {
  executionSchema,
  executionStatusSchema,
  mutationSchema,
  timestampSchema,
} from '@pegasus-workflows/contracts';
import { z } from 'zod';

const waiting = z
  .object({
    until: timestampSchema.optional().describe('Of a timer: when it fires.'),
    attempt: z.number().int().optional().describe('Of an activity: the attempt under way or next, from 1.'),
    maximumAttempts: z.number().int().optional().describe('Absent when there is no limit.'),
    nextAttemptAt: timestampSchema.optional().describe('While it waits between two attempts.'),
    lastFailure: z.string().optional(),
    unclaimed: z.boolean().optional().describe('No worker has taken it up yet.'),
  })
  .describe('What an open step waits for.');

export const step = z.object({
  id: z.string(),
  kind: z.enum(['workflow', 'activity', 'timer', 'child', 'signal', 'update', 'other']),
  label: z.string(),
  state: z.enum(['running', 'done', 'failed', 'cancelled', 'noted']),
  startMs: z.number().describe('Since the run began.'),
  durationMs: z.number().optional(),
  attempts: z.number().int().optional(),
  failure: z.string().optional(),
  waiting: waiting.optional(),
});

export const shownExecution = executionSchema.extend({
  timeline: z.array(step),
  stack: z.array(z.string()).optional().describe('With --stack: where in the code an open run waits.'),
});

export const testedRun = z.object({
  workflow: z.string(),
  status: executionStatusSchema,
  result: z.unknown(),
  error: z.string().nullable(),
  durationMs: z.number().int(),
  timeline: z.array(step),
  mutations: z
    .array(mutationSchema)
    .describe('Calls of the platform that changed something, or in a dry run would have.'),
});

export const writtenHistory = z.object({
  file: z.string().describe('Absolute path.'),
  name: z.string(),
  version: z.string(),
  workflowType: z.string(),
  events: z.number().int(),
  sizeBytes: z.number().int(),
});

const commandKind = z.enum([
  'activity',
  'local activity',
  'timer',
  'child workflow',
  'signal to another workflow',
  'cancellation of another workflow',
  'nexus operation',
  'patch',
  'completion',
  'failure',
  'cancelled end',
  'continue as new',
]);

const divergence = z.object({
  expected: z
    .object({
      eventId: z.number().int(),
      eventType: z.string(),
      kind: commandKind.optional(),
      name: z.string().optional(),
      id: z.string().optional(),
    })
    .nullable()
    .describe('What the history has there; null when it has nothing more.'),
  got: z
    .object({
      kind: commandKind,
      name: z.string().optional(),
      id: z.string().optional(),
      at: z.string().optional().describe('`order/workflow.ts:41`'),
    })
    .nullable()
    .describe('What the local code does there; null when it asks for nothing.'),
  reason: z.string().describe("Temporal's own sentence."),
});

export const replayRow = z.object({
  workflow: z.string(),
  source: z.string().describe('Id of the run, or the file.'),
  version: z.string().nullable(),
  status: executionStatusSchema.nullable(),
  verdict: z.enum(['ok', 'diverged', 'failed', 'skipped']),
  divergence: divergence.optional(),
  reason: z.string().optional().describe('Why it failed or was skipped.'),
  at: z.string().optional(),
});

export const replayed = z.object({
  ok: z.boolean().describe('Whether the code fits every history.'),
  replayed: z.number().int(),
  diverged: z.number().int(),
  failed: z.number().int(),
  skipped: z.number().int().describe('Histories that Temporal no longer keeps.'),
  runs: z.array(replayRow),
});
