import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process';
import { type ShellRequest } from '@pegasus-workflows/agents';
import { type ProcessEnd } from './sandbox.js';
import { KeptOutput } from './shell-output.js';

/** Why nothing is run, as a sentence for whoever asked for it. */
export class Refused extends Error {
  override readonly name = 'Refused';
}

/** Output beyond this ends a command: somebody has to read it all to throw it away. */
const FLOOD_BYTES = 64 * 1024 * 1024;
/** After the end of a process, for its pipes to be at their end too. */
const DRAIN_MS = 5_000;

export interface RunRequest {
  words: readonly string[];
  env: NodeJS.ProcessEnv;
  cwd: string;
  /** From the third descriptor on. */
  extra: readonly ('ignore' | 'pipe' | 'ipc' | number)[];
  timeoutMs: number;
  maxOutputBytes: number;
  starter?: ShellRequest['starter'];
  kill: (child: ChildProcess) => void;
  onSpawned?: (child: ChildProcess) => void;
}

export interface RunEnd extends ProcessEnd {
  output: Buffer;
  omitted: { bytes: number; at: number } | undefined;
  /** What bubblewrap itself, or what starts it, had to say. */
  said: string;
  endedBy: 'time' | 'output' | undefined;
  durationMs: number;
}

/** Runs a process to its end, or to its time's. Throws the signal's reason, once the process is gone. */
export async function runToEnd(request: RunRequest, signal: AbortSignal): Promise<RunEnd> {
  signal.throwIfAborted();
  const { words, cwd, extra, timeoutMs, maxOutputBytes, kill, onSpawned, starter } = request;
  const [file, args] = [words[0]!, words.slice(1)];
  const started = starter?.(file, args) ?? { file, args, env: {} };
  const env = { ...request.env, ...started.env };
  const startedAt = performance.now();
  const stdio: StdioOptions = ['ignore', 'pipe', 'pipe', ...extra];
  const child = spawn(started.file, started.args, {
    cwd,
    env,
    stdio,
    detached: true,
    serialization: 'json',
  });
  const kept = new KeptOutput(maxOutputBytes);
  const said = new KeptOutput(4_096);
  let endedBy: RunEnd['endedBy'];
  const end = (why: RunEnd['endedBy']): void => {
    endedBy ??= why;
    kill(child);
  };
  child.stdout!.on('data', (chunk: Buffer) => {
    kept.push(chunk);
    if (kept.total > FLOOD_BYTES) end('output');
  });
  child.stderr!.on('data', (chunk: Buffer) => said.push(chunk));
  const onAbort = (): void => kill(child);
  signal.addEventListener('abort', onAbort, { once: true });
  const timer = setTimeout(() => end('time'), timeoutMs);
  onSpawned?.(child);
  try {
    const ended = await endOf(child);
    signal.throwIfAborted();
    const durationMs = Math.round(performance.now() - startedAt);
    const failure = child.pid === undefined ? 'it cannot be started' : '';
    return { ...ended, ...kept.take(), said: said.take().output.toString() || failure, endedBy, durationMs };
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  }
}

/** Settles when the process has ended and all that it has written was read. */
async function endOf(child: ChildProcess): Promise<ProcessEnd> {
  const pipes = [child.stdout!, child.stderr!];
  // Of a child with IPC that was disconnected, Node emits no 'close'.
  const drained = Promise.all(pipes.map((pipe) => new Promise((resolve) => pipe.once('close', resolve))));
  const ended = await new Promise<ProcessEnd>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
    // What could not be spawned emits no 'exit'.
    child.once('error', () => {
      if (child.pid === undefined) resolve({ code: null, signal: null });
    });
  });
  const patience = setTimeout(() => pipes.forEach((pipe) => pipe.destroy()), DRAIN_MS);
  await drained;
  clearTimeout(patience);
  return ended;
}
