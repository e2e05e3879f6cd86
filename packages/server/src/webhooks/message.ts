import {
  TERMINAL_STATUSES,
  WEBHOOK_MESSAGE_TYPES,
  type Workflow,
  type WebhookMessage,
} from '@pegasus-workflows/contracts';
import { type ExecutionRow } from '../executions/row.js';

/** A larger result is left for the API to tell: a receiver's buffer is not ours to fill. */
const RESULT_BYTES = 16 * 1024;

/**
 * What a webhook says of an execution that has ended: the same bytes at every attempt, because a terminal row never
 * changes. The input is not in it: whoever started the run has it.
 */
export function messageOf(row: ExecutionRow, workflow: Pick<Workflow, 'name' | 'version'>): string {
  const status = TERMINAL_STATUSES.find((one) => one === row.status);
  if (!status) throw new Error(`execution ${row.id} is told of, but has not ended`);
  const result = row.result ?? null;
  const resultOmitted = Buffer.byteLength(JSON.stringify(result)) > RESULT_BYTES;
  const message: WebhookMessage = {
    type: WEBHOOK_MESSAGE_TYPES[status],
    timestamp: (row.finishedAt ?? row.updatedAt).toISOString(),
    data: {
      executionId: row.id,
      workflowId: row.workflowId,
      workflowName: workflow.name,
      workflowVersion: workflow.version,
      status,
      errorMessage: row.errorMessage,
      ...(resultOmitted ? {} : { result }),
      resultOmitted,
      triggerSource: row.triggerSource,
      queuedAt: row.queuedAt.toISOString(),
      startedAt: row.startedAt?.toISOString() ?? null,
      finishedAt: (row.finishedAt ?? row.updatedAt).toISOString(),
    },
  };
  return JSON.stringify(message);
}

/** What a test of a webhook says. */
export function testMessage(webhookId: string, at: Date): string {
  const message: WebhookMessage = { type: 'webhook.test', timestamp: at.toISOString(), data: { webhookId } };
  return JSON.stringify(message);
}
