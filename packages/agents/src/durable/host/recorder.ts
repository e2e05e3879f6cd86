import { type EventLog } from '../../log/event-log.js';
import { readLog } from '../../log/read-log.js';
import { type LogLine } from '../../log/records.js';
import { type NumberedRecord } from '../protocol.js';

/**
 * Job: writes the numbered records of dispatches into a workspace's event log, each once.
 *
 * Boundary: one log, whose writer this process is. What is in the log when it is opened is what was written before.
 *
 * Invariants
 * 1. A record whose number is not above the last one of its dispatch is in the log already, and is not written again.
 * 2. Records of one dispatch are in the log in the order of their numbers, whatever is asked at the same time.
 */
export class Recorder {
  /** The write under way of each dispatch, or the last one. */
  readonly #writing = new Map<string, Promise<void>>();

  private constructor(
    private readonly log: EventLog,
    private readonly last: Map<string, number>,
    private readonly onWritten: (line: LogLine) => void,
  ) {}

  /** @param onWritten told of each line that has a place in a dispatch, those that are there at the beginning included */
  static async open(log: EventLog, onWritten: (line: LogLine) => void): Promise<Recorder> {
    const last = new Map<string, number>();
    for await (const line of readLog(log.folder)) {
      if (!line.of) continue;
      last.set(line.of.dispatchId, Math.max(line.of.n, last.get(line.of.dispatchId) ?? 0));
      onWritten(line);
    }
    return new Recorder(log, last, onWritten);
  }

  /** Resolves once all of them are on disk. */
  write(dispatchId: string, records: readonly NumberedRecord[]): Promise<void> {
    const before = this.#writing.get(dispatchId) ?? Promise.resolve();
    const writing = before.catch(() => undefined).then(() => this.#write(dispatchId, records));
    this.#writing.set(dispatchId, writing);
    return writing;
  }

  async #write(dispatchId: string, records: readonly NumberedRecord[]): Promise<void> {
    const last = this.last.get(dispatchId) ?? 0;
    const lines = await Promise.all(
      records.filter(({ n }) => n > last).map(({ n, body }) => this.log.append(body, { dispatchId, n })),
    );
    for (const line of lines) {
      this.last.set(dispatchId, line.of!.n);
      this.onWritten(line);
    }
  }
}
