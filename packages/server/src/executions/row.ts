import { type Execution } from '@pegasus-workflows/contracts';
import { type executions } from '../infra/schema.js';

export type ExecutionRow = typeof executions.$inferSelect;

const iso = (date: Date | null): string | null => date?.toISOString() ?? null;

/** A row as the wire shows it. Temporal's ids show once the run was started. */
export function toExecution(row: ExecutionRow): Execution {
  return {
    id: row.id,
    tenantId: row.tenantId,
    workflowId: row.workflowId,
    status: row.status,
    input: row.input,
    result: row.result ?? null,
    errorMessage: row.errorMessage,
    temporalWorkflowId: row.startedAt ? row.temporalWorkflowId : null,
    temporalRunId: row.temporalRunId,
    triggeredByUserId: row.triggeredByUserId,
    triggerSource: row.triggerSource,
    triggeredByTriggerId: row.triggeredByTriggerId,
    dryRun: row.dryRun,
    queuedAt: row.queuedAt.toISOString(),
    startedAt: iso(row.startedAt),
    finishedAt: iso(row.finishedAt),
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
  };
}
