import {
  chmod,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  rmdir,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { failpoint } from '@pegasus-workflows/kit/failpoints';
import { sha256 } from '../digest.js';
import { NO_FILE_MODE, type Changed, type Git } from './git.js';
import { codeOf, goneAs, isThere } from './lease-folder.js';
import { type WriterLease } from './lease.js';

/**
 * Puts the files of one tree into the place of another's in the workspace. Every file is made whole within the lease's
 * folder first, so each one in the workspace is the old one or the new one, and a merge whose lease was lost changes
 * nothing any more.
 */
export interface ChangeOfTrees {
  git: Git;
  root: string;
  /** Commits or trees. */
  before: string;
  after: string;
  changed: readonly Changed[];
  /** A folder on the workspace's file system: that of a lease, or any where nothing is to be written. */
  stage: string;
}

const GITLINK = '160000';

/** Files that are neither as they were nor as they are to be, or in the way, or staged otherwise. */
export async function blockersOf(change: ChangeOfTrees): Promise<string[]> {
  const { git, root, changed } = change;
  const [unmerged, staged] = await Promise.all([git.parts(['ls-files', '-z', '--unmerged']), stagedOf(git)]);
  if (unmerged.length > 0) return [...new Set(unmerged.map((line) => line.slice(line.indexOf('\t') + 1)))];
  const blockers = new Set<string>();
  await inStage(change, async (old, fresh) => {
    const removed = new Set(
      changed.filter(({ oldMode }) => oldMode !== NO_FILE_MODE).map(({ path }) => path),
    );
    for (const one of changed) {
      const { path, oldMode, oldId, newMode, newId } = one;
      const entry = staged.get(path);
      const asBefore = oldMode === NO_FILE_MODE ? entry === undefined : entry === `${oldMode} ${oldId}`;
      const asAfter = newMode !== NO_FILE_MODE && entry === `${newMode} ${newId}`;
      if (!asBefore && !asAfter) blockers.add(path);
      else if (!(await isFree(root, one, removed, old, fresh))) blockers.add(path);
    }
  });
  return [...blockers].sort();
}

/** Only what is as it was is changed: what somebody has changed since stays. */
export async function applyChange(given: Omit<ChangeOfTrees, 'stage'>, lease: WriterLease): Promise<void> {
  const { root, changed } = given;
  await inStage({ ...given, stage: lease.stage }, async (old, fresh, aside) => {
    let moved = 0;
    const isGone = ({ newMode }: Changed): boolean => newMode === NO_FILE_MODE;
    // A folder may come where a file was, and the other way round.
    for (const one of changed.filter(isGone)) {
      if (one.oldMode === GITLINK || !(await isSame(join(root, one.path), join(old, one.path)))) continue;
      await lease.check();
      await rename(join(root, one.path), join(aside, String((moved += 1)))).catch(lostOr(lease));
      await lease.check();
      await removeEmptyFolders(root, one.path);
      failpoint('agents.merge.file');
    }
    for (const one of changed.filter((each) => !isGone(each))) {
      if (one.newMode === GITLINK) continue;
      const target = join(root, one.path);
      const isOld =
        one.oldMode === NO_FILE_MODE || one.oldMode === GITLINK
          ? !(await isThere(target))
          : await isSame(target, join(old, one.path));
      if (!isOld) continue;
      await makeFolders(root, dirname(one.path), lease);
      await rename(join(fresh, one.path), target).catch(lostOr(lease));
      failpoint('agents.merge.file');
    }
  });
}

/** Both versions of every file that differs, as a checkout would write them, in the lease's stage. */
async function inStage(
  { git, before, after, changed, stage }: ChangeOfTrees,
  work: (old: string, fresh: string, aside: string) => Promise<void>,
): Promise<void> {
  const folder = await mkdtemp(join(stage, '.merge-'));
  try {
    const [old, fresh, aside] = [join(folder, 'old'), join(folder, 'new'), join(folder, 'aside')];
    for (const made of [old, fresh, aside]) await mkdir(made);
    const existing = (mode: 'oldMode' | 'newMode'): string =>
      changed
        .filter((one) => one[mode] !== NO_FILE_MODE && one[mode] !== GITLINK)
        .map(({ path }) => `${path}\0`)
        .join('');
    for (const [tree, prefix, paths] of [
      [before, old, existing('oldMode')],
      [after, fresh, existing('newMode')],
    ] as const) {
      const env = { GIT_INDEX_FILE: join(folder, 'index') };
      await git.run(['read-tree', tree], { env });
      await git.run(['checkout-index', '-z', '--stdin', '--force', `--prefix=${prefix}/`], {
        env,
        input: paths,
      });
    }
    await work(old, fresh, aside);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function isFree(
  root: string,
  { path, oldMode, newMode }: Changed,
  removed: ReadonlySet<string>,
  old: string,
  fresh: string,
): Promise<boolean> {
  if (oldMode === GITLINK || newMode === GITLINK) return false;
  const target = join(root, path);
  const had = oldMode !== NO_FILE_MODE;
  const has = newMode !== NO_FILE_MODE;
  if (has && (await isSame(target, join(fresh, path)))) return true;
  if (had) return isSame(target, join(old, path));
  // Something new: its place has to be free once what is to go is gone, and so do the folders on the way.
  const parts = path.split('/');
  for (let at = 1; at < parts.length; at++) {
    const above = parts.slice(0, at).join('/');
    const found = await lstat(join(root, above)).catch(goneAs(undefined));
    if (!found || removed.has(above)) return true;
    if (!found.isDirectory()) return false;
  }
  return isOnlyOf(root, path, removed);
}

/** Whether nothing is there but files that are to go. */
async function isOnlyOf(root: string, path: string, removed: ReadonlySet<string>): Promise<boolean> {
  const found = await lstat(join(root, path)).catch(goneAs(undefined));
  if (!found) return true;
  if (!found.isDirectory()) return removed.has(path);
  for (const name of await readdir(join(root, path)))
    if (!(await isOnlyOf(root, `${path}/${name}`, removed))) return false;
  return true;
}

async function stagedOf(git: Git): Promise<Map<string, string>> {
  const staged = new Map<string, string>();
  for (const line of await git.parts(['ls-files', '-z', '--stage'])) {
    const [, mode, id, path] = /^(\d+) ([0-9a-f]+) 0\t(.+)$/s.exec(line) ?? [];
    if (path !== undefined) staged.set(path, `${mode} ${id}`);
  }
  return staged;
}

/** Whether two files are the same to git: bytes, kind, and whether one may be run. */
async function isSame(one: string, other: string): Promise<boolean> {
  const [a, b] = await Promise.all([printOf(one), printOf(other)]);
  return a !== undefined && a === b;
}

async function printOf(path: string): Promise<string | undefined> {
  const found = await lstat(path).catch((error: unknown) => {
    if (['ENOENT', 'ENOTDIR'].includes(codeOf(error))) return undefined;
    throw error;
  });
  if (found?.isSymbolicLink()) return `link ${await readlink(path)}`;
  if (!found?.isFile()) return undefined;
  return `${found.mode & 0o100 ? 'program' : 'file'} ${sha256(await readFile(path))}`;
}

/** Each comes from the stage as well, so that none is made without the lease. */
async function makeFolders(root: string, folder: string, lease: WriterLease): Promise<void> {
  if (folder === '.' || (await isThere(join(root, folder)))) return;
  await makeFolders(root, dirname(folder), lease);
  const made = await mkdtemp(join(lease.stage, 'folder-')).catch(lostOr(lease));
  await chmod(made, 0o755).catch(lostOr(lease));
  await rename(made, join(root, folder)).catch(lostOr(lease));
}

async function removeEmptyFolders(root: string, path: string): Promise<void> {
  for (let folder = dirname(path); folder !== '.'; folder = dirname(folder)) {
    try {
      await rmdir(join(root, folder));
    } catch (error) {
      if (['ENOTEMPTY', 'ENOENT', 'EEXIST'].includes(codeOf(error))) return;
      throw error;
    }
  }
}

/** A path of the stage that is not there says that the lease is not either. */
function lostOr(lease: WriterLease): (error: unknown) => Promise<never> {
  return async (error) => {
    if (codeOf(error) === 'ENOENT') await lease.check();
    throw error;
  };
}
