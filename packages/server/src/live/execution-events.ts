import { setTimeout as pause } from 'node:timers/promises';
import { isTerminal, type Log } from '@pegasus-workflows/contracts';
import { toExecution, type ExecutionRow } from '../executions/row.js';
import { TemporalError, type RunEvents, type TemporalPort } from '../infra/temporal.js';
import { type LogReader } from '../logs/reader.js';
import { compareCursors, cursorText, parseCursor, type ChangeCursor, type ChangeReader } from './changes.js';
import { type ChangeFeed } from './feed.js';
import { type LiveEvent } from './sse.js';

/**
 * Job: the events of one execution's stream: its row as it changes, its timeline and, where asked for, its log as they grow.
 *
 * Boundary: the row comes from the feed, the timeline from Temporal's own long poll, the log from the database. An id says
 * how far they are.
 *
 * Invariants
 * 1. The last event is the row with its final status; the timeline has been told before, unless Temporal does not answer
 *    within {@link DRAIN_MS}, and of the log what came until it was silent for {@link LAST_LOGS_MS}.
 * 2. Whoever goes on from the last id they have seen is told no row state, no timeline event and no log entry twice, and
 *    misses none.
 * 3. When it is over, however it ended, nothing is asked of the feed or of Temporal for it any more.
 * 4. The log is told at most every {@link LOG_EVENT_MS}, {@link LOG_EVENT_ENTRIES} entries at a time.
 */
export interface ExecutionStream {
  row: ExecutionRow;
  from: ExecutionPlace | undefined;
  signal: AbortSignal;
  /** The row as it is now; undefined when it is gone. */
  read: () => Promise<ExecutionRow | undefined>;
  withLogs: boolean;
}

/** How far a client is. */
export interface ExecutionPlace {
  /** The last change of the row that it was told. */
  cursor: ChangeCursor;
  /** The last event of the timeline that it was told. */
  history?: { runId: string; eventId: number } | undefined;
  /** The last entry of the log that it was told. */
  log?: string | undefined;
}

const PLACE = /^([\d.]+)(?:\/([0-9a-zA-Z-]{1,64})\/(\d{1,9}))?(?:~(\d{1,15}))?$/;
/** After an execution has ended: how long its last timeline events are waited for. */
const DRAIN_MS = 5_000;
/** After an execution has ended: how long after the last entry of its log one more is waited for. */
const LAST_LOGS_MS = 1_000;
const LOG_EVENT_MS = 200;
const LOG_EVENT_ENTRIES = 200;
const LOOK_AGAIN_MS = 60_000;
/** Between two attempts to reach Temporal. */
const RETRY_MS = 1_000;

/** `<cursor>`, `<cursor>/<run id>/<event id>`, either with `~<log entry>`; undefined when the text is none of them. */
export function parsePlace(text: string): ExecutionPlace | undefined {
  const [, cursorPart, runId, eventId, log] = PLACE.exec(text) ?? [];
  const cursor = cursorPart === undefined ? undefined : parseCursor(cursorPart);
  const history = runId === undefined ? undefined : { runId, eventId: Number(eventId) };
  return cursor && { cursor, history, log };
}

export function placeText({ cursor, history, log }: ExecutionPlace): string {
  const told = log === undefined ? '' : `~${log}`;
  return cursorText(cursor) + (history ? `/${history.runId}/${history.eventId}` : '') + told;
}

interface Parts {
  reader: ChangeReader;
  feed: ChangeFeed;
  temporal: TemporalPort;
  logs: LogReader;
}

export async function* executionEvents(
  parts: Parts,
  stream: ExecutionStream,
): AsyncGenerator<LiveEvent, void> {
  const ending = new AbortController();
  const signal = AbortSignal.any([stream.signal, ending.signal]);
  const place: ExecutionPlace = {
    cursor: stream.from?.cursor ?? cursorOf(stream.row),
    history: stream.from?.history,
    log: stream.from?.log,
  };
  const rows = new Source(rowsOf(parts, stream, signal));
  const logs = stream.withLogs ? new Source(logsOf(parts, stream.row, place.log, signal)) : undefined;
  let timeline: Source<RunEvents> | undefined;
  let final: ExecutionRow | undefined;
  try {
    for (;;) {
      const isTelling = timeline && !timeline.isDone ? [timeline] : [];
      const open = [...(final ? [] : [rows]), ...isTelling, ...(logs ? [logs] : [])];
      const waitMs = isTelling.length > 0 ? DRAIN_MS : LAST_LOGS_MS;
      const hasNews = open.length > 0 && (await anyOf(open, final ? waitMs : undefined));
      if (stream.signal.aborted) return;
      if (!hasNews) break;
      const entries = logs?.take();
      if (entries) {
        place.log = entries.at(-1)!.id;
        yield { id: placeText(place), event: 'log', data: { entries } };
      }
      const told = timeline?.take();
      if (told) {
        place.history = { runId: told.runId, eventId: lastId(told.events) };
        yield { id: placeText(place), event: 'history', data: told };
      }
      const row = rows.take();
      if (!row) continue;
      if (row.startedAt) timeline ??= new Source(timelineOf(parts, row, place.history, signal));
      if (isTerminal(row.status)) final = row;
      else {
        place.cursor = cursorOf(row);
        yield { id: placeText(place), event: 'execution', data: toExecution(row) };
      }
    }
    if (!final) return;
    place.cursor = cursorOf(final);
    yield { id: placeText(place), event: 'execution', data: toExecution(final) };
  } finally {
    ending.abort();
    // Invariant 3: a generator that nobody asks again does not see that.
    await Promise.all([rows.end(), timeline?.end(), logs?.end()]);
  }
}

/** The row now, unless the client has it, and then whenever it has changed. */
async function* rowsOf(
  { reader, feed }: Parts,
  { row, from, read }: ExecutionStream,
  signal: AbortSignal,
): AsyncGenerator<ExecutionRow, void> {
  const { cursor: now } = await reader.now();
  // Joined before the row is read, so that no change falls in between.
  const subscription = feed.join(row.tenantId, now, ({ id }) => id === row.id);
  try {
    let current = await read();
    let told = from?.cursor;
    // A client's cursor may be of a database that is no more, and greater than any of this one.
    const isKnown = current && told && compareCursors(cursorOf(current), told) === 0;
    if (!isKnown) told = undefined;
    while (!signal.aborted) {
      if (current && (!told || compareCursors(cursorOf(current), told) > 0)) {
        told = cursorOf(current);
        yield current;
      }
      const changes = await subscription.next(LOOK_AGAIN_MS, signal);
      // Of one execution there is never more than one change held, so it does not lag.
      current = changes === 'lagging' ? await read() : changes.at(-1)?.row;
    }
  } finally {
    feed.leave(row.tenantId, subscription);
  }
}

/** The timeline from where the client is, through every failure of Temporal. */
async function* timelineOf(
  { temporal }: Parts,
  { temporalWorkflowId }: ExecutionRow,
  from: ExecutionPlace['history'],
  signal: AbortSignal,
): AsyncGenerator<RunEvents, void> {
  let at = from;
  while (!signal.aborted) {
    try {
      const options = { signal, runId: at?.runId, afterEventId: at?.eventId };
      for await (const told of temporal.followHistory(temporalWorkflowId, options)) {
        at = { runId: told.runId, eventId: lastId(told.events) };
        yield told;
      }
      return;
    } catch (error) {
      if (!(error instanceof TemporalError)) throw error;
      await pause(RETRY_MS, undefined, { signal }).catch(() => {});
    }
  }
}

/** The log from where the client is, page by page (invariant 4). */
async function* logsOf(
  { logs }: Parts,
  { tenantId, id }: ExecutionRow,
  from: string | undefined,
  signal: AbortSignal,
): AsyncGenerator<Log[], void> {
  const follower = logs.feed.follow(id);
  const stream = { tenantId, streamId: id, executionId: id };
  try {
    for (let after = from; !signal.aborted;) {
      const entries = await logs.page(stream, { after, limit: LOG_EVENT_ENTRIES });
      if (entries.length > 0) {
        after = entries.at(-1)!.id;
        yield entries;
        await pause(LOG_EVENT_MS, undefined, { signal }).catch(() => {});
      }
      if (entries.length < LOG_EVENT_ENTRIES) await follower.news(signal);
    }
  } finally {
    logs.feed.leave(id, follower);
  }
}

/** A generator that is awaited together with others. */
class Source<T> {
  isDone = false;
  readonly #values: AsyncGenerator<T, void>;
  #pending: Promise<void> | undefined;
  #value: T | undefined;

  constructor(values: AsyncGenerator<T, void>) {
    this.#values = values;
  }

  /** Resolves when there is a value to take, or never will be one any more. */
  async ready(): Promise<void> {
    this.#pending ??= this.#values.next().then(({ done, value }) => {
      this.isDone = done === true;
      this.#value = value ?? undefined;
    });
    await this.#pending;
  }

  /** Runs what the generator does at its end, once what it waits for has ended. */
  async end(): Promise<void> {
    await this.#values.return();
  }

  /** The value, if there is one. */
  take(): T | undefined {
    const value = this.#value;
    if (value !== undefined) this.#value = this.#pending = undefined;
    return value;
  }
}

/** Whether one of them is ready before `ms` have passed. */
async function anyOf(sources: readonly Source<unknown>[], ms: number | undefined): Promise<boolean> {
  const tooLate = new AbortController();
  const any = Promise.race(sources.map((source) => source.ready())).then(() => true);
  try {
    if (ms === undefined) return await any;
    const late = pause(ms, false, { signal: tooLate.signal }).catch(() => false);
    return await Promise.race([any, late]);
  } finally {
    tooLate.abort();
  }
}

function cursorOf({ changeXid, changeSeq }: ExecutionRow): ChangeCursor {
  return { xid: changeXid, seq: changeSeq };
}

function lastId(events: RunEvents['events']): number {
  return Number(events.at(-1)?.id ?? 0);
}

/** Whether a client that is there has been told the end. */
export function hasSeenTheEnd(row: ExecutionRow, from: ExecutionPlace | undefined): boolean {
  return isTerminal(row.status) && from !== undefined && compareCursors(cursorOf(row), from.cursor) === 0;
}
