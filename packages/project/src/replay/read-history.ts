import { readFile, stat } from 'node:fs/promises';
import { PegasusError } from '@pegasus-workflows/contracts/errors';
import { parseJson } from './parse-json.js';
import { historyFromJson, type History } from './temporal-json.js';

/** A run's history as it was recorded, ready to be replayed. */
export interface RecordedHistory {
  workflowType: string;
  /** The workflow's id in Temporal; what the code sees as `workflowInfo().workflowId`. */
  workflowId: string;
  /** Name and version that the run was pinned to; absent in histories that Temporal's own tools wrote. */
  name?: string;
  version?: string;
  /** Whether the run was still open when it was recorded: such runs are what a change of the code breaks. */
  open: boolean;
  history: History;
}

/** Temporal itself ends a run whose history reaches 50 MB; as JSON, with its payloads in base64, that is less than this. */
const MAX_FILE_BYTES = 128 * 1024 * 1024;

/**
 * Reads a history from a file: our export, or Temporal's own JSON (`temporal workflow show --output json`, the download
 * of its web page).
 *
 * @throws PegasusError NOT_FOUND for a file that is not there, VALIDATION_ERROR for one that holds no whole history
 */
export async function readHistoryFile(file: string): Promise<RecordedHistory> {
  const { size } = await stat(file).catch((cause: unknown) => {
    throw new PegasusError('NOT_FOUND', `${file} cannot be read.`, {
      cause,
      hint: 'Record one: pegasus-workflows executions export <workflow> <run> -o <file>',
    });
  });
  if (size > MAX_FILE_BYTES)
    throw notOne(file, `is ${Math.round(size / 1024 / 1024)} MiB large; no history is larger than 128 MiB`);
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw notOne(file, 'cannot be read as a file', cause);
  });
  const parsed = parseJson(text);
  if (!parsed.ok) throw notOne(`${file}:${parsed.line}:${parsed.column}`, parsed.reason);
  return readHistory(parsed.value, file);
}

/**
 * Reads a history that was parsed from JSON already.
 * @param source what it came from, for the message
 * @throws PegasusError VALIDATION_ERROR
 */
export function readHistory(value: unknown, source: string): RecordedHistory {
  const outer = isRecord(value) ? value : {};
  const inner = isRecord(outer['history']) ? outer['history'] : outer;
  const events: unknown = Array.isArray(value) ? value : inner['events'];
  if (!Array.isArray(events)) throw notOne(source, 'has no list "events"');
  if (events.length === 0) throw notOne(source, 'has no events');
  const history = toHistory(events, source);
  const started = history.events?.[0]?.workflowExecutionStartedEventAttributes;
  if (!started)
    throw notOne(source, 'does not begin with WorkflowExecutionStarted, so its first part is missing');
  const workflowType = started.workflowType?.name;
  if (!workflowType) throw notOne(source, 'does not say of which workflow type it is');
  const text = (key: string): string | undefined => (typeof outer[key] === 'string' ? outer[key] : undefined);
  const [name, version] = [text('name'), text('version')];
  return {
    workflowType,
    workflowId: text('temporalWorkflowId') ?? started.workflowId ?? 'replayed',
    ...(name === undefined ? {} : { name }),
    ...(version === undefined ? {} : { version }),
    open: !hasEnded(history),
    history,
  };
}

function toHistory(list: unknown[], source: string): History {
  const events = list.map((event, index) => {
    const number = isRecord(event) ? Number(event['eventId']) : NaN;
    if (!isRecord(event) || Number.isNaN(number))
      throw notOne(source, `has no eventId in event ${index + 1}`);
    if (number !== index + 1)
      throw notOne(source, `goes from event ${index} to event ${number}, so a part is missing`);
    // Ids are 64-bit numbers, and so are text in Temporal's JSON; a tool that wrote numbers is understood too.
    return { ...event, eventId: String(number) };
  });
  try {
    return historyFromJson({ events });
  } catch (cause) {
    const reason = cause instanceof Error ? (cause.message.split('\n')[0] ?? '') : String(cause);
    throw notOne(source, `is not Temporal's JSON: ${reason.slice(0, 200)}`, cause);
  }
}

function hasEnded({ events }: History): boolean {
  const last = events?.at(-1);
  return Boolean(
    last &&
    (last.workflowExecutionCompletedEventAttributes ||
      last.workflowExecutionFailedEventAttributes ||
      last.workflowExecutionTimedOutEventAttributes ||
      last.workflowExecutionCanceledEventAttributes ||
      last.workflowExecutionTerminatedEventAttributes ||
      last.workflowExecutionContinuedAsNewEventAttributes),
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function notOne(source: string, why: string, cause?: unknown): PegasusError {
  return new PegasusError('VALIDATION_ERROR', `${source} is not the history of a run: it ${why}.`, {
    cause,
    hint: 'Give the file that `executions export` or `temporal workflow show --output json` wrote.',
  });
}
