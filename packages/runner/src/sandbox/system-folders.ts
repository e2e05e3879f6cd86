import { lstatSync, readlinkSync } from 'node:fs';
import { sep } from 'node:path';
import { type SystemFolder } from './bubblewrap-arguments.js';

const SYSTEM_FOLDERS = ['/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32', '/nix/store'];

/** The system's folders of this machine, links as links. */
export function systemFolders(): SystemFolder[] {
  return SYSTEM_FOLDERS.flatMap((path): SystemFolder[] => {
    const stats = lstatSync(path, { throwIfNoEntry: false });
    if (!stats) return [];
    return [stats.isSymbolicLink() ? { path, link: readlinkSync(path) } : { path }];
  });
}

/** The paths that no system folder has in it already. */
export function outsideOf(system: readonly SystemFolder[], paths: readonly string[]): string[] {
  return paths.filter((path) => !system.some((folder) => path.startsWith(`${folder.path}${sep}`)));
}
