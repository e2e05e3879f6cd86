import {
  executionSchema,
  pauseAnswerSchema,
  recordedMutationSchema,
  resetAnswerSchema,
  updateAnswerSchema,
} from '@pegasus-workflows/contracts';
import { z } from 'zod';

export const CONTROLS: Record<string, z.ZodType> = {
  'executions update': updateAnswerSchema,
  'executions terminate': executionSchema,
  'executions pause': pauseAnswerSchema,
  'executions unpause': pauseAnswerSchema,
  'executions reset': resetAnswerSchema,
  'executions mutations': z.array(recordedMutationSchema),
};
