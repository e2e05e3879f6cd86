import {
  batchSchema,
  executionSchema,
  pauseAnswerSchema,
  recordedMutationSchema,
  resetAnswerSchema,
  updateAnswerSchema,
} from '@pegasus-workflows/contracts';
import { z } from 'zod';

const matched = batchSchema.describe('With --matching.');

export const CONTROLS: Record<string, z.ZodType> = {
  'executions cancel': z.union([executionSchema, matched]),
  'executions retry': z.union([executionSchema, matched]),
  'executions update': updateAnswerSchema,
  'executions terminate': z.union([executionSchema, matched]),
  'executions pause': pauseAnswerSchema,
  'executions unpause': pauseAnswerSchema,
  'executions reset': resetAnswerSchema,
  'executions mutations': z.array(recordedMutationSchema),
};
