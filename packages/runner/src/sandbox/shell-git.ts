import { chown, lstat, mkdir, readFile, realpath, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, resolve } from 'node:path';
import { isIn } from './shell-mounts.js';
import { Refused } from './shell-run.js';

/** Where git keeps what belongs to a workspace; absolute and real paths. */
export interface GitLayout {
  /** Of this very workspace; of a linked worktree a folder in `commonDir`. */
  gitDir: string;
  /** Of the repository, which may lie elsewhere. */
  commonDir: string;
  /** There, and not to be changed by a command: what git runs programs by, and what belongs to other worktrees. */
  held: string[];
}

/**
 * Finds a workspace's repository by its files alone: no git is run on what a command may have written. Some of what is
 * to be held is made first, empty, for only what is there can be.
 *
 * A `.git` that is a file is believed only where the place that it names says the same of the workspace: else anybody
 * who can put one into a workspace would have any folder of the host mounted.
 *
 * @returns `undefined` where there is no repository that could be mounted
 * @throws Refused for a `.git` that is a link, or has been led elsewhere
 */
export async function readGitLayout(root: string): Promise<GitLayout | undefined> {
  const dotGit = join(root, '.git');
  const found = await statOf(dotGit);
  if (!found) return undefined;
  if (found.isSymbolicLink()) throw new Refused('.git is a symbolic link; make it the folder itself.');
  if (found.isDirectory()) return mainLayout(root, dotGit);
  return worktreeLayout(root, dotGit);
}

async function mainLayout(root: string, gitDir: string): Promise<GitLayout> {
  await refuseLedElsewhere(gitDir);
  const held = [...(await heldOf(gitDir, root)), ...(await thoseThere(gitDir, ['worktrees', 'modules']))];
  return { gitDir, commonDir: gitDir, held };
}

async function worktreeLayout(root: string, dotGit: string): Promise<GitLayout | undefined> {
  const gitDir = await namedIn(dotGit, /^gitdir: (.+)$/m, root);
  const commonDir = gitDir && (await namedIn(join(gitDir, 'commondir'), /^(.+)$/m, gitDir));
  const back = gitDir && (await namedIn(join(gitDir, 'gitdir'), /^(.+)$/m, gitDir));
  const isLinked = gitDir !== undefined && dirname(gitDir) === join(commonDir ?? '', 'worktrees');
  if (!gitDir || !commonDir || !isLinked || back !== dotGit || basename(commonDir) === '') return undefined;
  await refuseLedElsewhere(commonDir);
  const held = [
    dotGit,
    ...(await heldOf(commonDir, root)),
    // The workspace that this one was made from, and others like it, are not this one's.
    ...(await thoseThere(commonDir, ['HEAD', 'index', 'modules', 'worktrees'])),
    ...(await thoseThere(gitDir, ['gitdir', 'commondir', 'config.worktree'])),
  ];
  return { gitDir, commonDir, held };
}

/** What names a program that git runs, or a file that does. */
async function heldOf(commonDir: string, root: string): Promise<string[]> {
  const config = join(commonDir, 'config');
  const text = await textOf(config);
  if (text === undefined) throw new Refused('.git has no config; it is no repository of git.');
  await make(join(commonDir, 'hooks'), (path) => mkdir(path));
  const settings = parseSettings(text);
  if (settings.some(({ name }) => name === 'extensions.worktreeconfig'))
    await make(join(commonDir, 'config.worktree'), (path) => writeFile(path, '', { flag: 'wx' }));
  const named = settings.flatMap(({ name, value }) => {
    if (name === 'core.hookspath') return [resolve(root, value)];
    return /^include(if)?\.path$/.test(name) ? [resolve(commonDir, value)] : [];
  });
  const inside = await Promise.all(named.map((path) => realPathOf(path)));
  return [
    config,
    join(commonDir, 'hooks'),
    ...(await thoseThere(commonDir, ['config.worktree', 'objects/info/alternates'])),
    ...(inside.filter((path) => path !== undefined && path !== root && isIn(path, root)) as string[]),
  ];
}

/** Names in lower case, without the subsection: `core.hookspath`. What is continued on a next line is not joined. */
export function parseSettings(text: string): { name: string; value: string }[] {
  let section = '';
  return text.split('\n').flatMap((line) => {
    const head = /^\s*\[\s*([\w.-]+)(?:\s+"(?:[^"\\]|\\.)*")?\s*\]\s*(.*)$/.exec(line);
    if (head) section = head[1]!.toLowerCase();
    const [, name, value = 'true'] =
      /^\s*([A-Za-z][\w-]*)\s*(?:=\s*(.*?)\s*)?$/.exec(head ? head[2]! : line) ?? [];
    if (!name) return [];
    return [{ name: `${section}.${name.toLowerCase()}`, value: value.replaceAll(/^"|"$/g, '') }];
  });
}

/** A file of that name makes git look for hooks and settings where it says; none belongs in a repository itself. */
const LEADS_ELSEWHERE = 'commondir';

async function refuseLedElsewhere(commonDir: string): Promise<void> {
  if (await statOf(join(commonDir, LEADS_ELSEWHERE)))
    throw new Refused(
      '.git has a file commondir that leads git elsewhere; look who has put it there, and remove it.',
    );
}

/** Takes away what a command has put into its repository to lead git elsewhere. */
export async function sweepGit({ commonDir }: GitLayout): Promise<void> {
  await rm(join(commonDir, LEADS_ELSEWHERE), { recursive: true, force: true });
}

/** Makes what is not there, for the owner of the folder it is in. */
export async function make(path: string, work: (path: string) => Promise<unknown>): Promise<void> {
  if (await statOf(path)) return;
  await work(path);
  if (process.getuid?.() !== 0) return;
  const { uid, gid } = await stat(dirname(path));
  await chown(path, uid, gid);
}

async function thoseThere(folder: string, names: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const name of names) {
    const path = join(folder, name);
    const stats = await statOf(path);
    if (stats?.isSymbolicLink())
      throw new Refused(
        `${JSON.stringify(name)} of the repository is a symbolic link; make it what it leads to.`,
      );
    if (stats) found.push(path);
  }
  return found;
}

/** The real path that a file names, `undefined` where there is none. */
async function namedIn(file: string, pattern: RegExp, base: string): Promise<string | undefined> {
  const named = pattern.exec((await textOf(file)) ?? '')?.[1]?.trimEnd();
  return named === undefined ? undefined : realPathOf(isAbsolute(named) ? named : join(base, named));
}

function statOf(path: string) {
  return lstat(path).catch(orNothing);
}

function textOf(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch(orNothing);
}

function realPathOf(path: string): Promise<string | undefined> {
  return realpath(path).catch(orNothing);
}

function orNothing(error: unknown): undefined {
  if (['ENOENT', 'ENOTDIR', 'ELOOP'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
  throw error;
}
