import { z } from 'zod';
import {
  EXECUTION_STATUSES,
  executionStatusSchema,
  RETRYABLE_STATUSES,
  type ExecutionStatus,
} from './executions.js';
import { idSchema, timestampSchema, workflowNameSchema } from './names.js';

export const BATCH_OPERATIONS = ['cancel', 'retry', 'terminate'] as const;
export const batchOperationSchema = z.enum(BATCH_OPERATIONS);
export type BatchOperation = z.infer<typeof batchOperationSchema>;

/** The statuses of executions that an operation can be done to. */
export const BATCH_STATUSES: Record<BatchOperation, readonly ExecutionStatus[]> = {
  cancel: ['QUEUED', 'RUNNING'],
  retry: RETRYABLE_STATUSES,
  terminate: ['QUEUED', 'RUNNING'],
};

/** Which executions; a field that is left out does not narrow it, and at least one is given. */
export const batchFilterSchema = z
  .strictObject({
    /** One version of a workflow. */
    workflowId: idSchema.optional(),
    /** All versions of a workflow. */
    workflowName: workflowNameSchema.optional(),
    status: z.array(executionStatusSchema).min(1).max(EXECUTION_STATUSES.length).optional(),
    /** Created at or after this instant. */
    since: timestampSchema.optional(),
    /** Created before this instant. */
    until: timestampSchema.optional(),
  })
  .refine((filter) => Object.values(filter).some((value) => value !== undefined), {
    message: 'give at least one of workflowId, workflowName, status, since and until',
  });
export type BatchFilter = z.infer<typeof batchFilterSchema>;

/** `POST /api/v1/executions/batches/cancel`, `…/retry` and `…/terminate`. */
export const batchRequestSchema = z.strictObject({
  filter: batchFilterSchema,
  /** Of a termination: shown in the runs' histories. */
  reason: z.string().trim().min(1, 'must not be empty').max(500, 'must be at most 500 characters').optional(),
  /** Only count: 200 with the number of executions that fit, and nothing is begun. */
  dryRun: z.boolean().optional(),
});
export type BatchRequest = z.infer<typeof batchRequestSchema>;

/** The answer to a request with `dryRun`. */
export const batchCountSchema = z.object({ total: z.number().int() });
export type BatchCount = z.infer<typeof batchCountSchema>;

/** One operation on many executions: those that fitted when it was begun. */
export const batchSchema = z.object({
  id: idSchema,
  operation: batchOperationSchema,
  filter: z.record(z.string(), z.unknown()),
  reason: z.string().nullable(),
  /** STOPPED: by a person; what was not begun then is left as it is. */
  state: z.enum(['RUNNING', 'DONE', 'STOPPED']),
  total: z.number().int(),
  done: z.number().int(),
  /** Executions that were in no state for it any more when their turn came. */
  skipped: z.number().int(),
  failed: z.number().int(),
  /** The first of those that failed, and why. */
  failures: z.array(z.object({ executionId: idSchema, workflowId: idSchema, error: z.string() })),
  createdByUserId: idSchema.nullable(),
  createdAt: timestampSchema,
  finishedAt: timestampSchema.nullable(),
});
export type Batch = z.infer<typeof batchSchema>;
