import { dirname, join, sep } from 'node:path';
import { type GitLayout } from './shell-git.js';

/**
 * Job: what of the host a command line sees at its workspace's place, and what of that it may write.
 *
 * Boundary: pure; paths are absolute, are there, and have no links in them, which whoever gives them has seen to.
 *
 * Invariants
 * 1. What is denied is hidden, and nothing below it is mounted again: deny comes before allow.
 * 2. What lets git run programs is read-only, whatever may be written around it; the dispatcher's own folder is hidden.
 * 3. Nobody moves a hidden or read-only path away with a folder above it: each of those that could be renamed is a mount
 *    of its own, which the kernel does not rename.
 * 4. Only what is below the workspace, or of its git repository, is mounted.
 */
export type MountMode = 'read' | 'write' | 'hidden-folder' | 'hidden-file';
export interface Mount {
  path: string;
  mode: MountMode;
}

export interface MountRequest {
  root: string;
  /** Relative to the root; `''` is all of it. */
  writable: readonly string[];
  denied: readonly { path: string; isFolder: boolean }[];
  git: GitLayout | undefined;
}

/** Of the dispatcher: its log, its journal, its rules. */
export const OWN_FOLDER = '.pugi';

/** In the order in which they are made: what is below something comes after it. */
export function workspaceMounts({ root, writable, denied, git }: MountRequest): Mount[] {
  const modes = new Map<string, MountMode>([[root, 'read']]);
  for (const path of writable) modes.set(join(root, path), 'write');
  if (git) for (const { path, mode } of gitMounts(git, writable.length > 0)) modes.set(path, mode);
  // Invariants 1 and 2: these come last, whatever was said of the same path before.
  modes.set(join(root, OWN_FOLDER), 'hidden-folder');
  for (const { path, isFolder } of denied)
    modes.set(join(root, path), isFolder ? 'hidden-folder' : 'hidden-file');
  for (const path of modes.keys()) if (hiddenAbove(path, modes)) modes.delete(path);
  for (const path of [...modes.keys()]) pin(path, modes);
  return [...modes].map(([path, mode]) => ({ path, mode })).sort((a, b) => (a.path < b.path ? -1 : 1));
}

function gitMounts({ gitDir, commonDir, held }: GitLayout, mayWrite: boolean): Mount[] {
  const mode = mayWrite ? 'write' : 'read';
  return [
    { path: commonDir, mode },
    { path: gitDir, mode },
    ...held.map((path): Mount => ({ path, mode: 'read' })),
  ];
}

function hiddenAbove(path: string, modes: ReadonlyMap<string, MountMode>): boolean {
  return foldersAbove(path).some((above) => modes.get(above)?.startsWith('hidden') ?? false);
}

/** Invariant 3. */
function pin(path: string, modes: Map<string, MountMode>): void {
  let around: MountMode | undefined;
  for (const folder of foldersAbove(path)) {
    const own = modes.get(folder);
    if (own === undefined && around === 'write') modes.set(folder, 'write');
    around = own ?? around;
  }
}

/** Outermost first. */
function foldersAbove(path: string): string[] {
  const folders: string[] = [];
  for (let at = dirname(path); at !== dirname(at); at = dirname(at)) folders.unshift(at);
  return folders;
}

/** The mounts as arguments of `bwrap`. */
export function mountWords(mounts: readonly Mount[]): string[] {
  return mounts.flatMap(({ path, mode }) => {
    switch (mode) {
      case 'read':
        return ['--ro-bind', path, path];
      case 'write':
        return ['--bind', path, path];
      case 'hidden-folder':
        return ['--perms', '0555', '--size', '4096', '--tmpfs', path, '--remount-ro', path];
      case 'hidden-file':
        // A device on a mount without devices: it opens for nobody.
        return ['--ro-bind', '/dev/null', path];
    }
  });
}

/** Whether a path is a folder or something in it. */
export function isIn(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}${sep}`);
}
