import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

export interface RunOptions {
  /** Kill the program and everything it started when it takes longer. */
  timeoutMs: number;
  env?: NodeJS.ProcessEnv;
  /** Aborting kills them, too; the result then has no exit code. */
  signal?: AbortSignal | undefined;
  /** Called with every line of standard output and standard error. */
  onLine?: (line: string) => void;
}

export interface RunResult {
  /** Null when it did not end by itself. */
  exitCode: number | null;
  timedOut: boolean;
  /** The last lines of both streams, oldest first. */
  tail: string[];
}

const TAIL_LINES = 30;

/**
 * Runs a program to its end in a process group of its own, so that a timeout leaves no grandchild behind.
 * Rejects only when it cannot be started at all (`ENOENT`, `EACCES`).
 */
export async function run(file: string, args: string[], options: RunOptions): Promise<RunResult> {
  options.signal?.throwIfAborted();
  const child = spawn(file, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: options.env ?? process.env,
    detached: true,
  });
  const tail: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      tail.push(line);
      if (tail.length > TAIL_LINES) tail.shift();
      options.onLine?.(line);
    });
  }
  let timedOut = false;
  const killGroup = (): void => {
    if (child.pid === undefined) return;
    try {
      process.kill(-child.pid, 'SIGKILL');
    } catch {
      // The group is gone already.
    }
  };
  const timer = setTimeout(() => {
    timedOut = true;
    killGroup();
  }, options.timeoutMs);
  process.once('exit', killGroup);
  options.signal?.addEventListener('abort', killGroup, { once: true });
  try {
    const exitCode = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => resolve(code));
    });
    return { exitCode, timedOut, tail };
  } finally {
    clearTimeout(timer);
    process.off('exit', killGroup);
    options.signal?.removeEventListener('abort', killGroup);
  }
}
