import { lstat, readdir } from 'node:fs/promises';
import { posix } from 'node:path';
import { type Ceiling } from '../permissions/ceiling.js';
import { type PermissionEngine } from '../permissions/decide.js';
import { type Effect, type PathRef } from '../permissions/effects.js';
import { ToolError } from './tool-error.js';

/** Runs command lines where they can do no more than they were given. Whoever provides it has put up the walls. */
export interface Shell {
  /** Rejects with the signal's reason, once everything that was started is gone. */
  run(request: ShellRequest, signal: AbortSignal): Promise<ShellResult | ShellRefusal>;
}

export interface ShellRequest {
  /** For bash. */
  command: string;
  /** Absolute, in the workspace. */
  cwd: string;
  /** The workspace, absolute and real. */
  root: string;
  /** Whether it reaches anything but itself: what the platform's policy lets out, by a proxy. */
  network: boolean;
  paths: ShellPaths;
  /** Besides what the sandbox says itself. */
  env: Readonly<Record<string, string>>;
  timeoutMs: number;
  /** How a program is started that is to end with the writer's lease; as it is unless given. */
  starter?: ((file: string, args: readonly string[]) => StartedBy) | undefined;
  /** Of the output, its head and its tail together. */
  maxOutputBytes: number;
}

/** What starts a program, leading a process group of its own. `env` is added to the environment. */
export interface StartedBy {
  file: string;
  args: readonly string[];
  env: Readonly<Record<string, string>>;
}

/** Relative to the root, `/` between the parts; each was there, and is no link. `''` is the root. */
export interface ShellPaths {
  /** What may be written, with all below. */
  writable: readonly string[];
  /** What is not there for it, with all below; this comes before what may be written. */
  denied: readonly string[];
}

export interface ShellResult {
  /** Above 128 the shell, or what it ran last, was ended by a signal; null when it was ended from outside. */
  exitCode: number | null;
  /** What was written to both standard output and error, in order; the middle of a long one is left out. */
  output: Buffer;
  /** Bytes that were left out, and before how many bytes of `output` they were. */
  omitted: { bytes: number; at: number } | undefined;
  timedOut: boolean;
  /** It was ended because it wrote without end. */
  flooded: boolean;
  outOfMemory: boolean;
  durationMs: number;
}

/** The walls could not be put up: nothing was run. */
export interface ShellRefusal {
  /** One sentence for the model. */
  refused: string;
}

/** Entries that are looked at to find what a pattern covers. */
const ENTRIES = 200_000;
/** A sandbox has a mount for each of them. */
const MOUNTS = 300;
const WILDCARD = /[*?[\]{}\\]/;

/**
 * What a ceiling's patterns cover in a workspace at this moment. A path that is not there yet cannot be held: a denied
 * one can be made by a command, though no tool reads it; an allowed one cannot be.
 * @param mayWrite whether anything may be written at all
 * @throws ToolError TOO_LARGE when there is more than a sandbox can have walls for
 */
export async function shellPathsOf(
  root: string,
  ceiling: Ceiling,
  permissions: PermissionEngine,
  mayWrite: boolean,
): Promise<ShellPaths> {
  const isDenied = (path: string): boolean => ruleOf(permissions, path) === 'path:denied';
  const isAllowed = (path: string): boolean => ruleOf(permissions, path) !== 'path:not-allowed';
  const denied = await covered(root, ceiling.denied, isDenied);
  if (!mayWrite) return { writable: [], denied };
  const allowed = ceiling.allowed;
  if (allowed.length === 0) return { writable: [''], denied };
  return { writable: await covered(root, allowed.flat(), isAllowed), denied };
}

function ruleOf(permissions: PermissionEngine, path: string): string {
  // Of equally strict rulings the one of the place comes first.
  return permissions.decide([{ kind: 'read', path: plain(path) }]).rule;
}

function plain(path: string): PathRef {
  return { requested: path, real: path, through: [], links: 1 };
}

/** The outermost paths that are covered. */
async function covered(
  root: string,
  patterns: readonly string[],
  isCovered: (path: string) => boolean,
): Promise<string[]> {
  const found = new Set<string>();
  const budget = { entries: ENTRIES };
  for (const pattern of patterns) {
    const base = baseOf(pattern);
    if (!(await isThere(root, base))) continue;
    await search(root, base, WILDCARD.test(pattern), isCovered, found, budget);
  }
  const paths = [...found].sort();
  return paths.filter((path) => !paths.some((other) => other !== path && isWithin(path, other)));
}

async function search(
  root: string,
  from: string,
  isDeep: boolean,
  isCovered: (path: string) => boolean,
  found: Set<string>,
  budget: { entries: number },
): Promise<void> {
  const left = [from];
  while (left.length > 0) {
    const path = left.pop()!;
    if (isCovered(path)) {
      found.add(path);
      if (found.size > MOUNTS)
        throw new ToolError(
          'TOO_LARGE',
          `The paths of this task cover more than ${MOUNTS} places; no command is run until they name folders instead.`,
        );
      continue;
    }
    if (!isDeep) continue;
    for (const entry of await entriesOf(posix.join(root, path))) {
      budget.entries -= 1;
      if (budget.entries < 0)
        throw new ToolError(
          'TOO_LARGE',
          `The workspace has more than ${ENTRIES} entries to search for the paths of this task; no command is run until they name folders.`,
        );
      // What a link leads to is covered by its own name, or is not.
      if (!entry.isSymbolicLink() && (entry.isDirectory() || entry.isFile()))
        left.push(posix.join(path, entry.name));
    }
  }
}

async function entriesOf(folder: string) {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return [];
    throw error;
  }
}

/** The part of a pattern before its first wildcard. */
function baseOf(pattern: string): string {
  const parts = pattern.split('/');
  const wild = parts.findIndex((part) => WILDCARD.test(part));
  return wild === -1 ? pattern : parts.slice(0, wild).join('/');
}

/** Without a link on the way: where one leads has a name of its own. */
async function isThere(root: string, path: string): Promise<boolean> {
  const parts = path === '' ? [] : path.split('/');
  for (let at = 1; at <= parts.length; at += 1) {
    try {
      if ((await lstat(posix.join(root, ...parts.slice(0, at)))).isSymbolicLink()) return false;
    } catch (error) {
      if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return false;
      throw error;
    }
  }
  return true;
}

function isWithin(path: string, folder: string): boolean {
  return folder === '' || path.startsWith(`${folder}/`);
}

/**
 * Whether a call that is made may write, and reach the network: what the ceiling allows to all, and what was asked for
 * because the call says that it does it.
 */
export function grantsOf(ceiling: Ceiling, effects: readonly Effect[]): { write: boolean; network: boolean } {
  const does = (...kinds: Effect['kind'][]): boolean => effects.some(({ kind }) => kinds.includes(kind));
  const granted = (verdict: string, isMeant: boolean): boolean =>
    verdict === 'allow' || (verdict === 'ask' && isMeant);
  return {
    write: granted(ceiling.kinds.write.verdict, does('write', 'execute', 'unknown')),
    network: granted(ceiling.kinds.network.verdict, does('network')),
  };
}
