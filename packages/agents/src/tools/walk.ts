import { type Workspace } from './workspace.js';

/** Folders that nobody means when they search. */
const SKIPPED: ReadonlySet<string> = new Set(['.git', '.pugi', 'node_modules']);
/** Files that are looked at; a search of more says so. */
const FILES = 50_000;
const DEPTH = 60;

export interface Walked {
  /** Relative to the workspace's root, in order. */
  files: string[];
  /** There are more. */
  isCut: boolean;
}

/**
 * The regular files below a folder, links not followed.
 * @param from relative to the root; `''` is all of it
 * @param isAllowed whether a file, or anything in a folder, may be told
 */
export async function walk(
  workspace: Workspace,
  from: string,
  isAllowed: (path: string) => boolean,
  signal: AbortSignal,
): Promise<Walked> {
  const files: string[] = [];
  const left: { path: string; depth: number }[] = [{ path: from, depth: 0 }];
  while (left.length > 0) {
    signal.throwIfAborted();
    const { path, depth } = left.pop()!;
    const entries = await workspace.list(path);
    const folders: string[] = [];
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const name = path === '' ? entry.name : `${path}/${entry.name}`;
      if (entry.isDirectory() && !SKIPPED.has(entry.name) && depth < DEPTH) folders.push(name);
      if (!entry.isFile() || !isAllowed(name)) continue;
      if (files.length === FILES) return { files: files.sort(), isCut: true };
      files.push(name);
    }
    for (const name of folders.reverse()) left.push({ path: name, depth: depth + 1 });
  }
  return { files: files.sort(), isCut: false };
}
