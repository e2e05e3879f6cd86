/**
 * Job: everything that tenant code says in this process, as lines for the supervisor: `log` of the SDK, `console`, and what
 * is written to standard output and error.
 *
 * Boundary: what an output belongs to is where it was written from: an activity's asynchronous context, an artifact's, or
 * none. Workflow code runs in threads whose console the SDK marks with the run. Who the entry is for, the supervisor finds.
 *
 * Invariants
 * 1. Once {@link LogCapture.install} was called, nothing that JavaScript here prints reaches the streams as it is.
 * 2. More than {@link WORKER_LIMITS} is dropped and told, so that the pipe takes what is written and no code waits for it.
 * 3. After an activity has ended, what its timers say is its artifact's, no longer its execution's.
 * 4. A line that has begun is held until it or its activity ends; what is too long of it is forgotten.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { LIMITS, type LogLevel } from '@pegasus-workflows/contracts';
import { LogGate, WORKER_LIMITS } from '../../logs/gate.js';
import { droppedSentence, type LogLine, type LogOrigin } from '../../logs/line.js';
import { attributesOf } from './attributes.js';

type StreamName = 'stdout' | 'stderr';
type Write = (text: string) => void;

interface Place {
  origin: LogOrigin;
  /** Lines that have begun, by stream. */
  begun: Map<StreamName, string>;
}

/** How the SDK begins what workflow code writes to its console: `[type(workflow id)] …`. */
const WORKFLOW_CONSOLE = /^\[[^\n(]{1,1000}\(([^\n]{1,1000}?)\)\] ([^]*)$/;
const BEFORE_WORKFLOW_CONSOLE = /\n(?=\[[^\n(]{1,200}\([^\n]{1,1000}?\)\] )/;
const TELL_DROPPED_MS = 1_000;
const CONSOLE_LEVELS = {
  debug: 'debug',
  log: 'info',
  info: 'info',
  warn: 'warn',
  error: 'error',
  trace: 'error',
} as const;

export class LogCapture {
  readonly #places = new AsyncLocalStorage<Place>();
  readonly #nowhere: Place = placeOf({ source: 'process' });
  readonly #gate = new LogGate(WORKER_LIMITS);
  readonly #write: Write;
  #consoleLevel: LogLevel | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** @param write takes one line with its end, and must not lose it */
  constructor(write: Write) {
    this.#write = write;
  }

  /** Takes over the console, standard output and standard error of this process. */
  static install(): LogCapture {
    const { stdout, stderr } = process;
    const writeError = stderr.write.bind(stderr);
    const capture = new LogCapture((line) => void writeError(line));
    stdout.write = capture.#writer('stdout');
    stderr.write = capture.#writer('stderr');
    for (const [method, level] of Object.entries(CONSOLE_LEVELS)) capture.#takeConsole(method, level);
    process.on('exit', () => capture.flush());
    return capture;
  }

  /** The activity whose code calls; `undefined` where none does. */
  get activity(): LogOrigin | undefined {
    const origin = this.#places.getStore()?.origin;
    return origin?.source === 'activity' ? origin : undefined;
  }

  /** Runs an artifact's code, which is in no activity. */
  ofArtifact<T>(taskQueue: string, work: () => T): T {
    return this.#places.run(placeOf({ source: 'process', taskQueue }), work);
  }

  /** Runs an activity's code. */
  async ofActivity<T>(origin: LogOrigin, work: () => Promise<T>): Promise<T> {
    const place = placeOf(origin);
    try {
      return await this.#places.run(place, work);
    } finally {
      this.#endLines(place);
      const { taskQueue } = origin;
      place.origin = taskQueue === undefined ? { source: 'process' } : { source: 'process', taskQueue };
    }
  }

  /** One entry. */
  log(
    origin: LogOrigin,
    level: LogLevel,
    message: string,
    given: Record<string, unknown> = {},
    at: number = Date.now(),
  ): void {
    const { attributes, isCut } = attributesOf(given);
    const isLong = message.length > LIMITS.logMessageCharacters;
    const line: LogLine = {
      pegasusLog: origin,
      at,
      level,
      message: isLong ? message.slice(0, LIMITS.logMessageCharacters) : message,
      ...(attributes ? { attributes } : {}),
      ...(isLong || isCut ? { truncated: true } : {}),
    };
    const text = `${JSON.stringify(line)}\n`;
    if (this.#gate.admit(origin, text.length)) this.#write(text);
    else this.#tellDroppedLater();
  }

  /** Writes lines that have begun outside of activities, and what was dropped. */
  flush(): void {
    this.#endLines(this.#nowhere);
    this.#tellDropped();
  }

  #writer(stream: StreamName): typeof process.stdout.write {
    return (chunk: string | Uint8Array, encoding?: unknown, callback?: unknown): boolean => {
      const text = typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('utf8');
      this.#output(stream, text);
      const done = typeof encoding === 'function' ? encoding : callback;
      if (typeof done === 'function') process.nextTick(done as () => void);
      return true;
    };
  }

  /** The console's own formatting stays; only the level is remembered while it writes. */
  #takeConsole(method: string, level: LogLevel): void {
    const methods = console as unknown as Record<string, (...args: unknown[]) => void>;
    const original = methods[method]!.bind(console);
    methods[method] = (...args) => {
      const before = this.#consoleLevel;
      this.#consoleLevel = level;
      try {
        original(...args);
      } finally {
        this.#consoleLevel = before;
      }
    };
  }

  /** What is written at once and ends its line is one entry, however many lines it has. */
  #output(stream: StreamName, chunk: string): void {
    const place = this.#places.getStore() ?? this.#nowhere;
    const text = (place.begun.get(stream) ?? '') + chunk;
    const end = text.lastIndexOf('\n');
    const rest = text.slice(end + 1);
    if (end !== -1) this.#lines(place, stream, text.slice(0, end));
    if (rest === '') place.begun.delete(stream);
    // One character more than is kept, so that the entry knows that it was cut off.
    else place.begun.set(stream, rest.slice(0, LIMITS.logMessageCharacters + 1));
  }

  #endLines(place: Place): void {
    for (const [stream, rest] of place.begun) this.#lines(place, stream, rest);
    place.begun.clear();
  }

  #lines({ origin }: Place, stream: StreamName, text: string): void {
    // Of a thread, several writes may come as one.
    for (const message of origin.source === 'activity' ? [text] : text.split(BEFORE_WORKFLOW_CONSOLE)) {
      if (message.trim() === '') continue;
      const [, workflowId, said] = origin.source === 'activity' ? [] : (WORKFLOW_CONSOLE.exec(message) ?? []);
      if (workflowId === undefined || said === undefined)
        this.log(origin, this.#consoleLevel ?? (stream === 'stderr' ? 'warn' : 'info'), message);
      else
        this.log({ ...origin, source: 'workflow', workflowId }, stream === 'stderr' ? 'error' : 'info', said);
    }
  }

  #tellDroppedLater(): void {
    if (this.#timer) return;
    this.#timer = setTimeout(() => this.#tellDropped(), TELL_DROPPED_MS);
    this.#timer.unref();
  }

  /** Past the gate: there are few of them, at most one per run and second. */
  #tellDropped(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const { origin, count } of this.#gate.takeDropped()) {
      const line: LogLine = {
        pegasusLog: origin,
        at: Date.now(),
        level: 'warn',
        message: droppedSentence(count),
      };
      this.#write(`${JSON.stringify(line)}\n`);
    }
  }
}

function placeOf(origin: LogOrigin): Place {
  return { origin, begun: new Map() };
}
