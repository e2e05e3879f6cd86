import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { type Readable, type Writable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { EngineError } from './engine.js';

/**
 * Job: a program that runs for one conversation, with all that it starts itself.
 *
 * Boundary: starting and ending it, and what it says on its standard error. What it is told and what it answers is
 * `acp.ts`'s. A process that has left the group it was born in is the sandbox's to end.
 *
 * Invariants
 * 1. It has the environment that it is given, and of ours {@link INHERITED} alone; what launches it may have its own.
 * 2. After {@link AgentProcess.end}, and after the end of this process, nobody of its group is alive.
 * 3. Of its standard error the end is kept, and a flood is noticed.
 */
export interface ProcessOptions {
  command: string;
  args: readonly string[];
  /** Absolute. */
  cwd: string;
  env: Readonly<Record<string, string>>;
  /** Bytes of standard error that are too many. */
  mostErrorBytes: number;
  /** How it is started; a plain process unless given. */
  launch?: Launch | undefined;
}

/** Starts a program as the leader of a process group. Rejects with {@link EngineError} where it cannot be. */
export type Launch = (program: LaunchedProgram) => Promise<Launched>;
export type LaunchedProgram = Pick<ProcessOptions, 'command' | 'args' | 'cwd' | 'env'>;
export interface Launched {
  child: ChildProcessWithoutNullStreams;
  /** Once it is gone: takes away what it was started with. */
  cleanUp?: () => Promise<void>;
}

const INHERITED = ['PATH', 'HOME', 'LANG'] as const;
const TAIL_BYTES = 4_096;

export class AgentProcess {
  /** Resolves with how it ended, in words: `exit code 3`, `SIGKILL`. */
  readonly exited: Promise<string>;
  /** Rejects when it writes more to its standard error than it may. */
  readonly flooded: Promise<never>;
  #tail = Buffer.alloc(0);
  readonly #killGroup = (): void => this.#signal('SIGKILL');

  private constructor(
    private readonly child: ChildProcessWithoutNullStreams,
    mostErrorBytes: number,
    private readonly cleanUp: Launched['cleanUp'],
  ) {
    this.exited = new Promise((resolve) => {
      child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`));
    });
    this.flooded = new Promise((_, reject) => {
      let bytes = 0;
      child.stderr.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        this.#tail = Buffer.concat([this.#tail, chunk]).subarray(-TAIL_BYTES);
        if (bytes > mostErrorBytes)
          reject(new EngineError(`The agent wrote more than ${mostErrorBytes} bytes to its standard error.`));
      });
    });
    // It is waited for in a race that may be over by then.
    this.flooded.catch(() => undefined);
    // What was not written has its own callback; without a listener this would end our process.
    child.stdin.on('error', () => undefined);
    process.once('exit', this.#killGroup);
  }

  /** @throws EngineError, refused, where there is no such program or folder */
  static async start({
    mostErrorBytes,
    launch = launchPlainly,
    ...program
  }: ProcessOptions): Promise<AgentProcess> {
    const { child, cleanUp } = await launch(program);
    return new AgentProcess(child, mostErrorBytes, cleanUp);
  }

  get stdin(): Writable {
    return this.child.stdin;
  }

  get stdout(): Readable {
    return this.child.stdout;
  }

  /** The last line of its standard error. */
  get lastWords(): string {
    return this.#tail.toString('utf8').trimEnd().split('\n').at(-1) ?? '';
  }

  /** Asks it to end by the end of its input, then by a signal, then does not ask (invariant 2). */
  async end(graceMs: number): Promise<void> {
    this.child.stdin.end();
    if (!(await this.hasExited(graceMs))) {
      this.#signal('SIGTERM');
      await this.hasExited(graceMs);
    }
    this.#killGroup();
    await this.exited;
    process.off('exit', this.#killGroup);
    // Somebody outside of the group may hold the other ends.
    for (const stream of [this.child.stdin, this.child.stdout, this.child.stderr]) stream.destroy();
    await this.cleanUp?.();
  }

  async hasExited(withinMs: number): Promise<boolean> {
    const over = new AbortController();
    const waited = delay(withinMs, false, { signal: over.signal }).catch(() => false);
    const hasExited = await Promise.race([this.exited.then(() => true), waited]);
    over.abort();
    return hasExited;
  }

  #signal(signal: NodeJS.Signals): void {
    try {
      process.kill(-this.child.pid!, signal);
    } catch (error) {
      // The group is gone already.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}

/** A process of this user, with its own environment (invariant 1). */
export async function launchPlainly({ command, args, cwd, env }: LaunchedProgram): Promise<Launched> {
  const inherited = INHERITED.flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value]];
  });
  const whole = { ...(Object.fromEntries(inherited) as Record<string, string>), ...env };
  const child = spawn(command, args, { cwd, env: whole, stdio: 'pipe', detached: true });
  try {
    await once(child, 'spawn');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown';
    throw new EngineError(`The agent could not be started (${code}): check its command and its cwd.`, true);
  }
  return { child };
}
