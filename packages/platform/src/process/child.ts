/**
 * Job: keep one child process running, from its start until it is asked to stop.
 *
 * Boundary: one command, one log file, one pid file. What "ready" means, and what the command is this time, the
 * owner says; the owner is also told of every change by `onEvent`.
 *
 * Invariants
 * 1. At most one process of a Child is alive.
 * 2. `start()` resolves only when the process is ready. When the first start fails it rejects with the end of the
 *    process's own log, and leaves no process.
 * 3. After a first successful start, an exit nobody asked for is followed by a new start, at once the first time and
 *    ever later (doubling, bounded) while it keeps failing, until `stop()`.
 * 4. When `stop()` has resolved no process is alive and none will be started.
 * 5. The pid file names the live process with its start time, and is gone once the process is gone.
 * 6. The child leads a process group of its own: a Ctrl-C in the terminal reaches the owner alone, who stops the
 *    children in order.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdir, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { PegasusError } from '@pegasus-workflows/contracts';
import { rejectOnAbort } from './abort.js';
import { openLog, tailLog, type LogFile } from './log-file.js';
import { writePidFile } from './pid-file.js';

export interface ChildCommand {
  file: string;
  args: string[];
  env: NodeJS.ProcessEnv;
  /** Open an IPC channel, over which the child also notices that its parent is gone. */
  ipc: boolean;
}

export type ChildEvent =
  | { type: 'started'; pid: number; restarts: number }
  | { type: 'restarting'; reason: string }
  | { type: 'exited'; code: number | null; signal: NodeJS.Signals | null; retryInMs: number }
  | { type: 'start-failed'; error: unknown; retryInMs: number };

export interface ChildOptions {
  /** For messages: "server", "Temporal". */
  name: string;
  /** Asked before every start, so that what it says may change from one run to the next. */
  command(): Promise<ChildCommand>;
  /** Resolves when the process serves. Aborted when it exits first or takes too long. */
  ready(child: ChildProcess, signal: AbortSignal): Promise<void>;
  logFile: string;
  pidFile: string;
  startTimeoutMs: number;
  /** How long after SIGTERM it is killed. */
  stopGraceMs: number;
  onEvent?: (event: ChildEvent) => void;
}

const FIRST_RETRY_MS = 100;
const MAX_RETRY_MS = 10_000;
/** A run this long makes the next failure a first one again. */
const STABLE_MS = 3_000;
const TAIL_LINES = 15;

interface Run {
  process: ChildProcess;
  /** The process is gone and its pid file with it. */
  exited: Promise<void>;
  pidWritten: Promise<void>;
  /** Why there never was a process: the file is absent or cannot be executed. */
  spawnError?: Error;
  startedAt: number;
  logOffset: number;
}

export class Child {
  #run: Run | undefined;
  readonly #stopping = new AbortController();
  /** What `stop()` waits for: the first start, then the loop that keeps the process running. */
  #work: Promise<void> | undefined;
  #restarts = 0;

  constructor(private readonly options: ChildOptions) {}

  /** The pid of the live process; undefined between two runs. */
  get pid(): number | undefined {
    return this.#run?.process.pid;
  }

  /**
   * Starts the process and, from then on, keeps it running. To be called once.
   * @throws PegasusError SERVICE_UNAVAILABLE when the first start fails (invariant 2).
   */
  async start(): Promise<void> {
    const starting = this.#startOnce();
    this.#work = starting.then(
      () => undefined,
      () => undefined,
    );
    const run = await starting;
    this.#work = this.#keepRunning(run);
  }

  /** Ends the current process, if there is one; a new one follows (invariant 3). A `reason` is told to the owner. */
  async restart(reason?: string): Promise<void> {
    if (reason !== undefined) this.options.onEvent?.({ type: 'restarting', reason });
    await this.#end();
  }

  /** Ends the process for good: SIGTERM, then SIGKILL after the grace (invariant 4). */
  async stop(): Promise<void> {
    this.#stopping.abort(new Error(`${this.options.name} is being stopped`));
    await this.#end();
    await this.#work;
  }

  async #keepRunning(first: Run): Promise<void> {
    const stopping = this.#stopping.signal;
    let run: Run | undefined = first;
    let retryInMs = FIRST_RETRY_MS;
    for (;;) {
      if (run) {
        await run.exited;
        if (stopping.aborted) return;
        if (performance.now() - run.startedAt > STABLE_MS) retryInMs = FIRST_RETRY_MS;
        const { exitCode: code, signalCode: signal } = run.process;
        this.options.onEvent?.({ type: 'exited', code, signal, retryInMs });
      }
      await delay(retryInMs, undefined, { signal: stopping }).catch(() => undefined);
      if (stopping.aborted) return;
      retryInMs = Math.min(retryInMs * 2, MAX_RETRY_MS);
      this.#restarts++;
      run = await this.#startOnce().catch((error: unknown) => {
        if (!stopping.aborted) this.options.onEvent?.({ type: 'start-failed', error, retryInMs });
        return undefined;
      });
    }
  }

  /** One start, ready or failed; a failed one leaves no process. */
  async #startOnce(): Promise<Run> {
    const { options } = this;
    const command = await options.command();
    await mkdir(dirname(options.logFile), { recursive: true });
    const log = await openLog(options.logFile);
    const giveUp = new AbortController();
    const onStop = (): void => giveUp.abort(this.#stopping.signal.reason);
    const timer = setTimeout(() => giveUp.abort(new Error('it took too long')), options.startTimeoutMs);
    this.#stopping.signal.addEventListener('abort', onStop);
    let run: Run | undefined;
    try {
      this.#stopping.signal.throwIfAborted();
      run = this.#spawn(command, log);
      void run.exited.then(() => giveUp.abort(new Error('it exited')));
      // In the same tick as the spawn: a "ready" message that nobody listens for yet would be lost.
      const ready = options.ready(run.process, giveUp.signal);
      await Promise.race([ready, rejectOnAbort(giveUp.signal)]);
      await run.pidWritten;
      options.onEvent?.({ type: 'started', pid: run.process.pid ?? 0, restarts: this.#restarts });
      return run;
    } catch (error) {
      if (!run) throw error;
      const ended = hasEnded(run.process);
      await this.#end();
      throw await this.#startError(run, ended, error);
    } finally {
      clearTimeout(timer);
      this.#stopping.signal.removeEventListener('abort', onStop);
      await log.handle.close();
    }
  }

  #spawn(command: ChildCommand, log: LogFile): Run {
    const child = spawn(command.file, command.args, {
      env: command.env,
      stdio: ['ignore', log.handle.fd, log.handle.fd, ...(command.ipc ? (['ipc'] as const) : [])],
      detached: true,
    });
    const gone = new Promise<void>((resolve) => {
      child.once('exit', () => resolve());
      child.once('error', (error) => {
        if (child.pid !== undefined) return;
        run.spawnError = error;
        resolve();
      });
    });
    const { pidFile } = this.options;
    const pidWritten = child.pid === undefined ? Promise.resolve() : writePidFile(pidFile, child.pid);
    const exited = Promise.all([gone, pidWritten]).then(async () => {
      await rm(pidFile, { force: true });
      this.#run = undefined;
    });
    const run: Run = {
      process: child,
      exited,
      pidWritten,
      startedAt: performance.now(),
      logOffset: log.offset,
    };
    this.#run = run;
    return run;
  }

  async #end(): Promise<void> {
    const run = this.#run;
    if (!run) return;
    run.process.kill('SIGTERM');
    const kill = setTimeout(() => run.process.kill('SIGKILL'), this.options.stopGraceMs);
    await run.exited;
    clearTimeout(kill);
  }

  async #startError(run: Run, ended: boolean, cause: unknown): Promise<PegasusError> {
    const { name, logFile, startTimeoutMs } = this.options;
    if (run.spawnError)
      return new PegasusError(
        'SERVICE_UNAVAILABLE',
        `${name} could not be started: ${run.spawnError.message}`,
        {
          cause,
        },
      );
    const { exitCode, signalCode } = run.process;
    const tail = await tailLog(logFile, run.logOffset, TAIL_LINES);
    const how = ended
      ? `ended with ${signalCode ?? `exit code ${exitCode}`} before it was ready`
      : `was not ready after ${startTimeoutMs / 1000} s`;
    const said = tail.length > 0 ? `; the end of its log:\n${tail.join('\n')}` : '; it logged nothing';
    return new PegasusError('SERVICE_UNAVAILABLE', `${name} ${how}${said}`, {
      cause,
      hint: `the whole log is ${logFile}`,
    });
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null || child.pid === undefined;
}
