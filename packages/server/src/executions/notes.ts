import { type Action, type HistoryEvent } from '@pegasus-workflows/contracts';
import { asc, eq, sql } from 'drizzle-orm';
import { type Database } from '../infra/database.js';
import { executionNotes } from '../infra/schema.js';
import { type CallingExecution } from '../infra/context.js';

/**
 * Job: what the platform has to tell of a run beside its history: calls of it that were refused.
 *
 * Boundary: one row per execution and kind of refusal, so a run that tries for ever writes one row: repeats count.
 */
export class Notes {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** An execution made a call that its workflow does not declare. */
  async callRefused(tenantId: string, execution: CallingExecution, action: Action): Promise<void> {
    const note = {
      tenantId,
      executionId: execution.id,
      kind: 'CALL_REFUSED',
      name: action,
      message: `A call was refused, because the workflow does not declare ${action}; add it to required_actions of its manifest.`,
    } as const;
    await this.#db.tenant(tenantId, (tx) =>
      tx
        .insert(executionNotes)
        .values(note)
        .onConflictDoUpdate({
          target: [executionNotes.executionId, executionNotes.kind, executionNotes.name],
          set: { count: sql`${executionNotes.count} + 1` },
        }),
    );
  }

  /** The notes of an execution as events of its history, in order. */
  async events(tenantId: string, executionId: string): Promise<HistoryEvent[]> {
    const rows = await this.#db.tenant(tenantId, (tx) =>
      tx
        .select()
        .from(executionNotes)
        .where(eq(executionNotes.executionId, executionId))
        .orderBy(asc(executionNotes.seq)),
    );
    return rows.map(({ seq, at, name, message, count }) => ({
      id: `note-${seq}`,
      type: 'PegasusCallRefused',
      timestamp: at.toISOString(),
      name,
      failure: count === 1 ? message : `${message} (${count} times)`,
    }));
  }
}

/**
 * Puts notes among a run's events by their time. The events keep their order, and the first stays the first, whatever
 * the clocks say: a run begins with its start.
 */
export function withNotes(events: readonly HistoryEvent[], notes: readonly HistoryEvent[]): HistoryEvent[] {
  const merged: HistoryEvent[] = [];
  let next = 0;
  for (const event of events) {
    while (merged.length > 0 && next < notes.length && isBefore(notes[next]!, event))
      merged.push(notes[next++]!);
    merged.push(event);
  }
  return [...merged, ...notes.slice(next)];
}

function isBefore(note: HistoryEvent, event: HistoryEvent): boolean {
  return Date.parse(note.timestamp) < Date.parse(event.timestamp);
}
