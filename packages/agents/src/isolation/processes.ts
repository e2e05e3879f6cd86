import { readdir, readFile, readlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { z } from 'zod';

/**
 * Which process holds something, told so that it is known again: a process number alone is soon somebody else's. By
 * Linux's `/proc`, as everything that opens files here.
 */
export const processSchema = z.strictObject({
  /** The machine, as far as it can be told: its id and its name. */
  host: z.string(),
  /** The boot: the same number after a restart is another process. */
  boot: z.string(),
  /** The namespace in which `pid` is a number. */
  namespace: z.string(),
  pid: z.number().int().positive(),
  /** Clock ticks from boot to its start. */
  start: z.string(),
});
export type ProcessRef = z.output<typeof processSchema>;

let own: Promise<ProcessRef> | undefined;

/** This process. */
export function thisProcess(): Promise<ProcessRef> {
  own ??= describe();
  return own;
}

async function describe(): Promise<ProcessRef> {
  const [machine, boot, namespace, found] = await Promise.all([
    readFile('/etc/machine-id', 'utf8').catch(() => ''),
    readFile('/proc/sys/kernel/random/boot_id', 'utf8'),
    readlink('/proc/self/ns/pid'),
    statOf(process.pid),
  ]);
  const host = `${machine.trim()} ${hostname()}`.trim();
  return { host, boot: boot.trim(), namespace, pid: process.pid, start: found!.start };
}

/**
 * Whether a process is there. `unknown`: it is of another host or container, of which nothing can be told from here.
 */
export async function fateOf(one: ProcessRef): Promise<'alive' | 'gone' | 'unknown'> {
  const here = await thisProcess();
  // A machine that has started again has none of its old processes.
  if (one.boot !== here.boot) return one.host === here.host ? 'gone' : 'unknown';
  if (one.namespace !== here.namespace) return 'unknown';
  const found = await statOf(one.pid);
  return found?.start === one.start && !found.isDead ? 'alive' : 'gone';
}

interface ProcessStat {
  start: string;
  group: number;
  /** It has ended, and nobody has asked how. */
  isDead: boolean;
}

/** `undefined`: there is no such process. */
export async function statOf(pid: number): Promise<ProcessStat | undefined> {
  const text = await readProc(`/proc/${pid}/stat`);
  // The name of a program is in brackets, and may hold some itself.
  const fields = text?.slice(text.lastIndexOf(')') + 2).split(' ');
  if (!fields || fields.length < 20) return undefined;
  return { start: fields[19]!, group: Number(fields[2]), isDead: fields[0] === 'Z' || fields[0] === 'X' };
}

/** Live processes whose environment has `name=value`: what was started with it, and what that has started. */
export async function markedProcesses(name: string, value: string): Promise<number[]> {
  const marked: number[] = [];
  const mark = `\0${name}=${value}\0`;
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry) || Number(entry) === process.pid) continue;
    const environment = await readProc(`/proc/${entry}/environ`);
    if (environment && `\0${environment}\0`.includes(mark) && !(await statOf(Number(entry)))?.isDead)
      marked.push(Number(entry));
  }
  return marked;
}

/** Kills what is marked until nothing of it is left. Answers whether that was reached in time. */
export async function killMarked(name: string, value: string, timeoutMs: number): Promise<boolean> {
  const until = performance.now() + timeoutMs;
  for (;;) {
    const marked = await markedProcesses(name, value);
    if (marked.length === 0) return true;
    if (performance.now() > until) return false;
    for (const pid of marked) kill(pid);
    await pause(5);
  }
}

/** @param target a process, or a group as a negative number */
export function kill(target: number): void {
  try {
    process.kill(target, 'SIGKILL');
  } catch (error) {
    // It has ended by itself meanwhile.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Rejects with the signal's reason. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const end = (): void => {
      clearTimeout(timer);
      reject(signal!.reason as Error);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', end);
      resolve();
    }, ms);
    signal?.addEventListener('abort', end, { once: true });
  });
}

async function readProc(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'latin1');
  } catch (error) {
    // Gone, or of another user: whose files it writes are not ours to guard.
    if (['ENOENT', 'ESRCH', 'EACCES', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? ''))
      return undefined;
    throw error;
  }
}
