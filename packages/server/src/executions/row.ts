import { type Execution } from '@pegasus-workflows/contracts';
import { getTableColumns } from 'drizzle-orm';
import { executions } from '../infra/schema.js';

export type ExecutionRow = typeof executions.$inferSelect;

const iso = (date: Date | null): string | null => date?.toISOString() ?? null;

/** A row as a statement in plain SQL returns it, by the names of its columns. */
export function executionRowOf(raw: Record<string, unknown>): ExecutionRow {
  const values = Object.entries(getTableColumns(executions)).map(([key, column]) => {
    const value = raw[column.name] ?? null;
    return [key, value === null ? null : column.mapFromDriverValue(value)];
  });
  return Object.fromEntries(values) as ExecutionRow;
}

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
    ...(row.held && row.startAfter ? { startAfter: row.startAfter.toISOString() } : {}),
    ...(row.priority === null ? {} : { priority: row.priority }),
    ...(row.concurrencyKey === null ? {} : { concurrencyKey: row.concurrencyKey }),
    queuedAt: row.queuedAt.toISOString(),
    startedAt: iso(row.startedAt),
    finishedAt: iso(row.finishedAt),
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
  };
}
