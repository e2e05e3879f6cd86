import {
  type AgentMessageType,
  type DispatchQuestion,
  type WebhookMessage,
} from '@pegasus-workflows/contracts';
import { type SubagentResult } from '@pegasus-workflows/contracts/agents';
import { recordEvent } from '../events/record.js';
import { type Tx } from '../infra/database.js';
import { tellWebhooks } from '../webhooks/tell.js';
import { type DispatchRow } from './row.js';

/** A larger summary is left for the API to tell: a receiver's buffer is not ours to fill. */
const SUMMARY_BYTES = 16 * 1024;

type AgentMessage = Extract<WebhookMessage, { type: AgentMessageType }>;

/**
 * Tells webhooks and triggers that a person is asked something, in the caller's transaction, once for each question.
 * What the call was given is in neither.
 */
export async function tellQuestion(tx: Tx, row: DispatchRow, question: DispatchQuestion): Promise<void> {
  const { id: questionId, toolName, rule, why, askedAt } = question;
  const data = { ...aboutOf(row), questionId, toolName, rule, why };
  const message = { type: 'agent.question' as const, timestamp: askedAt, data };
  await tell(tx, row, { which: questionId, message, payload: data });
}

/** Tells webhooks and triggers how a dispatch has ended, in the caller's transaction. */
export async function tellEnded(tx: Tx, row: DispatchRow, result: SubagentResult, at: Date): Promise<void> {
  const { status, summary, filesChanged, toolCallCount, tokensIn, tokensOut, durationMs } = result;
  const summaryOmitted = Buffer.byteLength(JSON.stringify(summary)) > SUMMARY_BYTES;
  const payload = { ...aboutOf(row), status };
  const data = {
    ...payload,
    ...(summaryOmitted ? {} : { summary }),
    summaryOmitted,
    filesChanged: filesChanged.length,
    ...{ toolCallCount, tokensIn, tokensOut, durationMs },
  };
  const message = { type: 'agent.ended' as const, timestamp: at.toISOString(), data };
  await tell(tx, row, { which: '', message, payload });
}

interface Telling {
  /** Tells messages of one type and dispatch apart. */
  which: string;
  message: AgentMessage;
  /** Of the domain event, which points to what has happened and holds less of it. */
  payload: Record<string, unknown>;
}

async function tell(tx: Tx, row: DispatchRow, { which, message, payload }: Telling): Promise<void> {
  const { tenantId, id: dispatchId } = row;
  const { type, timestamp } = message;
  const { isNew } = await recordEvent(tx, {
    tenantId,
    type,
    payload,
    source: 'SYSTEM',
    occurredAt: new Date(timestamp),
    dedupKey: `${type}:${dispatchId}:${which}`,
  });
  if (isNew) await tellWebhooks(tx, { tenantId, type, dispatchId, body: JSON.stringify(message) });
}

function aboutOf({ id, task, workspace, parentExecutionId }: DispatchRow) {
  return { dispatchId: id, taskId: task.id, role: task.role, workspace, parentExecutionId };
}
