import { lstat, readlink, realpath } from 'node:fs/promises';
import { isAbsolute, relative, sep } from 'node:path';
import { type PathRef } from '../permissions/effects.js';

/**
 * Where a path leads, as the kernel would go: part by part, through every symbolic link, also one that leads to
 * nothing yet. What is found is true at that moment alone; whoever opens the file checks again what was opened.
 */

/** As the kernel has it. */
const LINKS = 40;
const PARTS = 4_096;

interface Walk {
  /** Absolute and real, as far as it has come. */
  at: string;
  left: string[];
  /** Names of links, absolute. */
  through: string[];
  links: number;
}

/**
 * @param root the workspace, absolute and real
 * @param requested absolute, or relative to the root
 */
export async function resolvePath(root: string, requested: string): Promise<PathRef> {
  const end = requested.includes('\0') ? undefined : await walk(root, requested);
  const within = (path: string): string | undefined => {
    const inside = relative(root, path);
    if (inside === '..' || inside.startsWith(`..${sep}`) || isAbsolute(inside)) return undefined;
    return inside.split(sep).join('/');
  };
  const real = end && within(end.at);
  const through = (end?.through ?? []).map(within).filter((name) => name !== undefined);
  return { requested, real, through, links: real === undefined ? 0 : await linksOf(end!.at) };
}

/** The real path of a folder that is to be a workspace. */
export async function workspaceRoot(folder: string): Promise<string> {
  return realpath(folder);
}

async function walk(root: string, requested: string): Promise<Walk | undefined> {
  const state: Walk = {
    at: isAbsolute(requested) ? sep : root,
    left: requested.split('/'),
    through: [],
    links: 0,
  };
  while (state.left.length > 0) {
    if (state.left.length > PARTS) return undefined;
    const part = state.left.shift()!;
    if (part === '' || part === '.') continue;
    if (part === '..') state.at = parentOf(state.at);
    else if (!(await step(state, part))) return undefined;
  }
  return state;
}

/** Answers whether it could be gone. */
async function step(state: Walk, part: string): Promise<boolean> {
  const next = state.at === sep ? `${sep}${part}` : `${state.at}${sep}${part}`;
  const target = await linkTarget(next);
  if (target === undefined) {
    state.at = next;
    return true;
  }
  state.links += 1;
  if (state.links > LINKS) return false;
  state.through.push([next, ...state.left.filter((name) => name !== '' && name !== '.')].join(sep));
  state.left.unshift(...target.split('/'));
  if (isAbsolute(target)) state.at = sep;
  return true;
}

/** `undefined` for what is no link, or not there. */
async function linkTarget(path: string): Promise<string | undefined> {
  try {
    return await readlink(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // Not a link; not there; below something that is no folder, which whoever opens it is told.
    if (code === 'EINVAL' || code === 'ENOENT' || code === 'ENOTDIR' || code === 'UNKNOWN') return undefined;
    throw error;
  }
}

async function linksOf(path: string): Promise<number> {
  try {
    const found = await lstat(path);
    return found.isFile() ? found.nlink : 0;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return 0;
    throw error;
  }
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf(sep)) || sep;
}
