import { parseOrRefuse } from '@pegasus-workflows/contracts';
import {
  dispatchBudgetSchema,
  printableLine,
  subagentEventSchema,
  subagentResultSchema,
  subagentTaskSchema,
  type DispatchBudget,
  type SubagentEvent,
  type SubagentEventType,
  type SubagentResult,
  type SubagentTask,
} from '@pegasus-workflows/contracts/agents';

/** A task. Throws VALIDATION_ERROR with one sentence that names the field. */
export function subagentTask(task: SubagentTask): SubagentTask {
  return parseOrRefuse(subagentTaskSchema, task, 'body');
}

/** A result. Throws VALIDATION_ERROR with one sentence that names the field. */
export function subagentResult(result: SubagentResult): SubagentResult {
  return parseOrRefuse(subagentResultSchema, result, 'body');
}

type EventOf<T extends SubagentEventType> = Extract<SubagentEvent, { type: T }>;

/**
 * An event of now, or of `at`. An error becomes one printable line, whatever it was, so that no stack trace gets onto
 * the wire. Throws VALIDATION_ERROR with one sentence that names the field.
 */
export function subagentEvent<T extends SubagentEventType>(
  type: T,
  fields: Omit<EventOf<T>, 'type' | 'timestamp'>,
  at: Date = new Date(),
): EventOf<T> {
  const event: Record<string, unknown> = { ...fields, type, timestamp: at.toISOString() };
  if (type === 'subagent.failed') event['error'] = firstLine(event['error']);
  return parseOrRefuse(subagentEventSchema, event, 'body') as EventOf<T>;
}

function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const [first = ''] = text.split(/[\r\n\u2028\u2029]/).filter((line) => line.trim() !== '');
  return printableLine(first) || 'It failed without a word.';
}

/** The smaller of each limit: a budget that is given can tighten a default or a parent's, and never relax it. */
export function tighten(limit: DispatchBudget, given: DispatchBudget = {}): DispatchBudget {
  const both = parseOrRefuse(dispatchBudgetSchema, given, 'body');
  const tightened: DispatchBudget = {};
  for (const unit of ['tokens', 'dollars', 'wallClockMs'] as const) {
    const [one, other] = [limit[unit], both[unit]];
    const smaller = one === undefined ? other : other === undefined ? one : Math.min(one, other);
    if (smaller !== undefined) tightened[unit] = smaller;
  }
  return tightened;
}
