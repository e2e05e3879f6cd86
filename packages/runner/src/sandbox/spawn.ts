import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process';
import { constants } from 'node:os';
import { type ProcessEnd } from './sandbox.js';

/** The shell enters the control groups itself, so that nothing of the worker ever runs outside of them. */
const ENTER = 'while [ "$1" != -- ]; do echo 0 > "$1" || exit 126; shift; done; shift; exec "$@"';

/** A command's first words that enter control groups and run what follows. */
export function entryWords(entries: readonly string[]): string[] {
  return entries.length === 0 ? [] : ['/bin/sh', '-c', ENTER, 'sh', ...entries, '--'];
}

/** A command's first words that become another user for good and run what follows. The group is theirs unless given. */
export function userWords(setpriv: string, id: number, group = id): string[] {
  return [setpriv, '--reuid', String(id), '--regid', String(group), '--clear-groups', '--no-new-privs', '--'];
}

/** Lower than the platform's, for where no control group weighs processor time. */
export function niceWords(): string[] {
  return ['nice', '-n', '5'];
}

/**
 * Spawns a worker. File descriptors: 0 nothing, 1 and 2 its output, 3 Node's IPC where it is asked for, 4 the pipe to
 * the supervisor, then `extra`. A session of its own, so that Ctrl-C in a terminal reaches the supervisor alone.
 */
export function spawnWorker(
  words: readonly string[],
  options: { cwd: string; env: NodeJS.ProcessEnv; ipc: boolean; extra?: readonly ('pipe' | number)[] },
): { child: ChildProcess; exited: Promise<ProcessEnd> } {
  const stdio: StdioOptions = [
    'ignore',
    'pipe',
    'pipe',
    options.ipc ? 'ipc' : 'ignore',
    'pipe',
    ...(options.extra ?? []),
  ];
  const child = spawn(words[0]!, words.slice(1), {
    cwd: options.cwd,
    env: options.env,
    stdio,
    detached: true,
    serialization: 'json',
  });
  const exited = new Promise<ProcessEnd>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
    // A process that could not be spawned emits no 'exit'.
    child.once('error', () => {
      if (child.pid === undefined) resolve({ code: null, signal: null });
    });
  });
  return { child, exited };
}

/** Of a number with two names (`SIGABRT`, `SIGIOT`) the first, which is the one that Node itself says. */
const SIGNAL_NAMES = new Map(
  Object.entries(constants.signals)
    .reverse()
    .map(([name, number]) => [number, name as NodeJS.Signals]),
);
const SIGNALED = 128;

/** What bwrap's exit code says of the process inside: above 128 it was ended by a signal. */
export function endInside({ code, signal }: ProcessEnd): ProcessEnd {
  const inner = code !== null && code > SIGNALED ? SIGNAL_NAMES.get(code - SIGNALED) : undefined;
  return inner ? { code: null, signal: inner } : { code, signal };
}
