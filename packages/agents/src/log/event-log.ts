import { mkdir, readFile, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { PegasusError } from '@pegasus-workflows/contracts';
import { failpoint } from '@pegasus-workflows/kit/failpoints';
import { writeFileAtomic } from '@pegasus-workflows/kit/files';
import { lock } from 'proper-lockfile';
import { fateOf, processSchema, thisProcess } from '../isolation/processes.js';
import { CURRENT, openCurrent, putAside, type Opened } from './files.js';
import { sealed, type Head, type LogBody, type LogLine, type Place } from './records.js';

/**
 * Job: writes down all that dispatches do, so that it is there after a crash and shows when it was changed.
 *
 * Boundary: `events.jsonl` in one folder, and beside it the files that were full. Reading and verifying are
 * `read-log.ts`'s. It holds arguments of calls: the folder is its owner's alone, and no tool writes there.
 *
 * Invariants
 * 1. What `append` has resolved for is on disk, whole, in the order in which it was appended.
 * 2. There is one writer: a second one is refused while the first lives, and one that was stopped for so long that
 *    another has taken over writes nothing any more.
 * 3. A line that a crash has cut short is put aside when the log is opened, and a line says so; whole ones stay.
 * 4. Each line has the digest of the one before, through all files: one that is changed, left out or put in shows.
 * 5. A file that is full is put aside before the next line; no line is in two files.
 */
export interface EventLogOptions {
  /** A file that is larger is full. Bytes. */
  fullBytes?: number;
  clock?: () => Date;
}

const FULL_BYTES = 16 * 1024 * 1024;
/** A writer that was stopped for longer has lost its place. */
const STALE_MS = 15_000;

interface Waiting {
  body: LogBody;
  of: Place | undefined;
  resolve: (line: LogLine) => void;
  reject: (error: unknown) => void;
}

export class EventLog {
  readonly #waiting: Waiting[] = [];
  #writing: Promise<void> | undefined;
  /** Why nothing is written any more. */
  #ended: Error | undefined;
  readonly #lost = new AbortController();

  private constructor(
    readonly folder: string,
    private readonly unlock: () => Promise<void>,
    private readonly fullBytes: number,
    private readonly clock: () => Date,
    private current: Opened,
  ) {}

  /** Throws CONFLICT while another process writes there. */
  static async open(folder: string, options: EventLogOptions = {}): Promise<EventLog> {
    const { fullBytes = FULL_BYTES, clock = () => new Date() } = options;
    await mkdir(folder, { recursive: true, mode: 0o700 });
    let log: EventLog | undefined;
    const unlock = await takeLock(folder, (error) => log?.lose(error));
    try {
      const current = await openCurrent(folder);
      log = new EventLog(folder, unlock, fullBytes, clock, current);
      // Invariant 3.
      if (current.torn > 0) await log.append({ kind: 'mended', bytes: current.torn });
      return log;
    } catch (error) {
      await unlock();
      throw error;
    }
  }

  /** Aborted when nothing can be written here any more, though it was not closed: whoever goes on opens it again. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** The last line that is on disk: whoever keeps its digest elsewhere sees when the end was cut off. */
  get last(): Head {
    return this.current.head;
  }

  /** Resolves once the line is on disk (invariant 1). Those that are appended at once go to the disk together. */
  append(body: LogBody, of?: Place): Promise<LogLine> {
    if (this.#ended) return Promise.reject(this.#ended);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ body, of, resolve, reject });
      this.#writing ??= this.#write();
    });
  }

  /** Writes what was appended, and lets the next writer in. */
  async close(): Promise<void> {
    while (this.#writing) await this.#writing;
    const isOurs = this.#ended === undefined;
    this.#ended ??= new PegasusError('CONFLICT', 'The event log is closed.');
    await this.current.file.close();
    if (isOurs) await this.unlock();
  }

  /** Another writer may be there (invariant 2). */
  lose(cause: unknown): void {
    this.#ended ??= new PegasusError(
      'CONFLICT',
      'Another process has taken over the event log, since this one was stopped for too long.',
      { cause },
    );
    this.#lost.abort(this.#ended);
  }

  async #write(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0);
      try {
        const lines = await this.#writeBatch(batch);
        batch.forEach(({ resolve }, at) => resolve(lines[at]!));
      } catch (error) {
        // What is on disk now is not known; whoever opens the log again finds out.
        this.#ended ??= error instanceof Error ? error : new Error(String(error));
        this.#lost.abort(this.#ended);
        for (const { reject } of [...batch, ...this.#waiting.splice(0)]) reject(error);
      }
    }
    // In the tick in which nothing was waiting: whoever appends in the next one finds no write that has ended.
    this.#writing = undefined;
  }

  async #writeBatch(batch: readonly Waiting[]): Promise<LogLine[]> {
    if (!(await this.#isOurs())) this.lose(new Error('the file has changed'));
    if (this.#ended) throw this.#ended;
    if (this.current.bytes >= this.fullBytes) await this.#rotate();
    const lines: LogLine[] = [];
    let head = this.current.head;
    for (const { body, of } of batch) {
      const line = sealed(head, body, this.clock(), of);
      lines.push(line);
      head = { seq: line.seq, hash: line.hash };
    }
    const text = Buffer.from(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    await this.current.file.write(text);
    failpoint('agents.log.written');
    await this.current.file.datasync();
    failpoint('agents.log.synced');
    this.current.bytes += text.length;
    this.current.head = head;
    return lines;
  }

  /** Invariant 2: a file that somebody else has written to, or put aside, is not ours any more. */
  async #isOurs(): Promise<boolean> {
    const [mine, there] = await Promise.all([
      this.current.file.stat(),
      stat(join(this.folder, CURRENT)).catch(() => undefined),
    ]);
    return mine.size === this.current.bytes && mine.ino === there?.ino;
  }

  /** Invariant 5. After a crash in between, the next writer begins the new file. */
  async #rotate(): Promise<void> {
    await putAside(this.folder, this.current.firstSeq);
    failpoint('agents.log.put-aside');
    const next = await openCurrent(this.folder);
    await this.current.file.close();
    this.current = next;
  }
}

async function takeLock(folder: string, onCompromised: (error: Error) => void): Promise<() => Promise<void>> {
  const lockfilePath = join(folder, 'writer.lock');
  const writer = join(folder, 'writer.json');
  try {
    await letGoOfDead(lockfilePath, writer);
    const unlock = await lock(folder, { lockfilePath, stale: STALE_MS, onCompromised });
    await writeFileAtomic(writer, JSON.stringify(await thisProcess()), 0o600);
    return unlock;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ELOCKED') throw error;
    throw new PegasusError('CONFLICT', `Another process writes the event log in ${folder}.`, {
      hint: 'Wait for its dispatch to end; one that was killed on another host is forgotten after 15 seconds.',
      cause: error,
    });
  }
}

/**
 * A lock whose process is gone from this host is old at once, and is taken as any old one is. One that has changed hands
 * meanwhile is lost to its new holder, which notices before it writes (invariant 2).
 */
async function letGoOfDead(lockfilePath: string, writer: string): Promise<void> {
  try {
    const held = processSchema.parse(JSON.parse(await readFile(writer, 'utf8')));
    if ((await fateOf(held)) === 'gone') await utimes(lockfilePath, 0, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
