import { type Dispatch, type DispatchSummary } from '@pegasus-workflows/contracts';
import { getTableColumns } from 'drizzle-orm';
import { oneLine } from '../infra/failure-text.js';
import { agentDispatches } from '../infra/schema.js';

export type DispatchRow = typeof agentDispatches.$inferSelect;

const { task: _task, question: _question, result: _result, ...SMALL } = getTableColumns(agentDispatches);
/** Without what may be large. */
export const SUMMARY_COLUMNS = SMALL;
export type SummaryRow = Omit<DispatchRow, 'task' | 'question' | 'result'>;

const TITLE_MAX = 120;

/** The beginning of a prompt, on one line. */
export function titleOf(prompt: string): string {
  return oneLine(prompt, TITLE_MAX);
}

/** A row as a list shows it. */
export function toSummary(row: SummaryRow): DispatchSummary {
  return {
    id: row.id,
    workspace: row.workspace,
    model: row.model,
    merge: row.merge,
    isolation: row.isolation,
    state: row.state,
    role: row.role,
    permissionMode: row.permissionMode,
    title: row.title,
    status: row.status,
    tokensIn: row.tokensIn,
    tokensOut: row.tokensOut,
    parentExecutionId: row.parentExecutionId,
    createdByUserId: row.createdByUserId,
    queuedAt: row.queuedAt.toISOString(),
    startedAt: row.startedAt?.toISOString() ?? null,
    endedAt: row.endedAt?.toISOString() ?? null,
  };
}

/** A row as the wire shows it. */
export function toDispatch(row: DispatchRow): Dispatch {
  const { role: _role, permissionMode: _mode, title: _title, status: _status, ...rest } = toSummary(row);
  return { ...rest, task: row.task, question: row.question, result: row.result };
}
