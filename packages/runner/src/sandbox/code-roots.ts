import { existsSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { dirname, join, sep } from 'node:path';
import { z } from 'zod';

const packageSchema = z.object({ dependencies: z.record(z.string(), z.string()).default({}) });

/**
 * The files and folders that a worker's code is in: of the runner and of each package of ours that it needs what is
 * built, and every `node_modules` that their imports are looked up in. Settings and data of an installation are in
 * none of them. Paths are real (no symbolic link in them), none lies within another.
 *
 * @param packageDir the runner's own package folder
 */
export function codeRoots(packageDir: string): string[] {
  const roots = new Set<string>();
  const seen = new Set<string>();
  const visit = (dir: string): void => {
    if (seen.has(dir)) return;
    seen.add(dir);
    const modules = lookupFolders(dir);
    for (const folder of modules) roots.add(folder);
    if (!isWithinModules(dir))
      for (const part of ['dist', 'package.json'])
        if (existsSync(join(dir, part))) roots.add(join(dir, part));
    const { dependencies } = packageSchema.parse(JSON.parse(readFileSync(join(dir, 'package.json'), 'utf8')));
    for (const name of Object.keys(dependencies)) {
      const found = modules.map((folder) => join(folder, name)).find((path) => existsSync(path));
      // A package that lies in `node_modules` itself brings no folder that is not there already.
      if (found && !isWithinModules(realpathSync(found))) visit(realpathSync(found));
    }
  };
  visit(realpathSync(packageDir));
  return outermost([...roots]);
}

/** Every `node_modules` at or above a package, nearest first, as Node looks them up. */
function lookupFolders(dir: string): string[] {
  const folders: string[] = [];
  for (let at = dir; ; at = dirname(at)) {
    const folder = at.endsWith(`${sep}node_modules`) ? at : join(at, 'node_modules');
    if (existsSync(folder)) folders.push(realpathSync(folder));
    if (dirname(at) === at) return [...new Set(folders)];
  }
}

function isWithinModules(path: string): boolean {
  return path.split(sep).includes('node_modules');
}

/** Without the paths that lie within another of them. */
export function outermost(paths: readonly string[]): string[] {
  const sorted = [...new Set(paths)].sort();
  return sorted.filter(
    (path) => !sorted.some((other) => other !== path && path.startsWith(`${other}${sep}`)),
  );
}

/** The first folder on the way to a path that a user who is neither owner nor of the group cannot enter or read. */
export function closedTo(path: string): string | undefined {
  const way: string[] = [];
  for (let at = path; ; at = dirname(at)) {
    way.unshift(at);
    if (dirname(at) === at) break;
  }
  return way.find((at) => {
    const stats = statSync(at, { throwIfNoEntry: false });
    if (!stats) return true;
    const needed = at === path ? (stats.isDirectory() ? 0o005 : 0o004) : 0o001;
    return (stats.mode & needed) !== needed;
  });
}
