import pLimit from 'p-limit';
import {
  isTerminal,
  LIMITS,
  PegasusError,
  type History,
  type HistoryExport,
} from '@pegasus-workflows/contracts';
import { type ExportedHistory, type TemporalPort } from '../infra/temporal.js';
import { type Caller, type ExecutionLookup } from './lookup.js';
import { type RunnableWorkflow } from './workflow-cache.js';
import { withNotes, type Notes } from './notes.js';
import { type ExecutionRow } from './row.js';

/** Whole histories are held in memory one by one, up to {@link LIMITS.historyExportBytes} each. */
const EXPORTS_AT_ONCE = 2;

interface HistoryParts {
  lookup: ExecutionLookup;
  temporal: TemporalPort;
  notes: Notes;
}

/** What happened in runs, as Temporal has it: a timeline to look at, or everything for a replay. */
export class Histories {
  readonly #lookup: ExecutionLookup;
  readonly #temporal: TemporalPort;
  readonly #notes: Notes;
  readonly #inTurn = pLimit(EXPORTS_AT_ONCE);

  constructor({ lookup, temporal, notes }: HistoryParts) {
    this.#notes = notes;
    this.#lookup = lookup;
    this.#temporal = temporal;
  }

  /**
   * The events of the newest run of an execution, in order; empty when it never started. A run that continued as new
   * shows its present link, not the earlier ones. An open one has its pending activities too. What the platform has to
   * tell of the run (a call that was refused) stands among the events by its time.
   * Throws NOT_FOUND, TEMPORAL_HISTORY_UNAVAILABLE.
   */
  async read(caller: Caller, workflowId: string, id: string): Promise<History> {
    const row = await this.#lookup.row(caller, workflowId, id);
    if (!row.startedAt) return { events: [] };
    const found = await this.#temporal
      .history(row.temporalWorkflowId, { withPending: !isTerminal(row.status) })
      .catch(unavailable);
    if (!found) throw noLongerKept();
    const { pendingActivities } = found;
    const events = withNotes(found.events, await this.#notes.events(caller.tenantId, id));
    return { events, ...(pendingActivities?.length ? { pendingActivities } : {}) };
  }

  /**
   * The whole history of the newest run, as the text of a JSON object of `historyExportSchema`: large, and made by
   * Temporal, so it is passed on unread. Throws NOT_FOUND, EXECUTION_NOT_OPEN when the run never started,
   * PAYLOAD_TOO_LARGE, TEMPORAL_HISTORY_UNAVAILABLE.
   */
  async export(caller: Caller, workflowId: string, id: string): Promise<string> {
    const row = await this.#lookup.settledRow(caller, workflowId, id);
    if (!row.startedAt) {
      const sentence = `The execution is ${row.status} and its run has not started, so there is no history to export.`;
      throw new PegasusError('EXECUTION_NOT_OPEN', sentence);
    }
    const workflow = await this.#lookup.workflow(caller, workflowId);
    const found = await this.#inTurn(() =>
      this.#temporal.exportHistory(row.temporalWorkflowId, LIMITS.historyExportBytes).catch(unavailable),
    );
    if (!found) throw noLongerKept();
    if (found !== 'too-large') return exportJson(row, workflow, found);
    throw new PegasusError(
      'PAYLOAD_TOO_LARGE',
      `The history is larger than ${LIMITS.historyExportBytes} bytes, the most that is exported; ask the operator for an export with Temporal's own tools.`,
    );
  }
}

function exportJson(row: ExecutionRow, workflow: RunnableWorkflow, found: ExportedHistory): string {
  const about: Omit<HistoryExport, 'history'> = {
    workflowType: found.workflowType,
    temporalWorkflowId: row.temporalWorkflowId,
    temporalRunId: found.runId,
    name: workflow.name,
    version: workflow.version,
  };
  return `${JSON.stringify(about).slice(0, -1)},"history":{"events":${found.eventsJson}}}`;
}

function unavailable(error: unknown): never {
  const sentence = 'Temporal cannot be asked for the history now; try again.';
  throw new PegasusError('TEMPORAL_HISTORY_UNAVAILABLE', sentence, { cause: error });
}

function noLongerKept(): PegasusError {
  return new PegasusError('NOT_FOUND', 'Temporal no longer keeps the history of this execution.');
}
