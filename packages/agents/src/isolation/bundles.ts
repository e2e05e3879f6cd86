import { copyFile, lstat, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PegasusError } from '@pegasus-workflows/contracts';
import { changedBetween, commitOf, Git, NOT_OURS, openRepository, treeOf } from './git.js';
import { thisProcess } from './processes.js';
import { inScratch } from './scratch.js';
import { branchOf, readState, refOf, treeName, withTrees, writeState } from './tree-state.js';

/**
 * Job: a workspace as one file for another host, and what was done there as one file back.
 *
 * Boundary: git bundles. Bringing what came back into the workspace is `merge.ts`'s.
 *
 * Invariants
 * 1. Packing writes nothing of the repository: new objects, the index and the names of what is packed are in a folder of
 *    their own, which is gone afterwards.
 * 2. A bundle is looked at in a folder of its own before anything of it comes anywhere: its size, that nothing it needs is
 *    missing, and each object of it as strictly as git can.
 * 3. What comes back is a branch that waits for its review, and no link of it that is new leads out of the workspace.
 */
export interface PackedWorkspace {
  /** The commit of HEAD. */
  base: string;
  /** With what was not committed; the same commit where everything was. */
  work: string;
  bytes: number;
}

export interface BundleLimits {
  /** Of the file. */
  mostBytes?: number;
}

const MOST_BYTES = 1024 * 1024 * 1024;
const BASE = 'refs/pugi/base';
const WORK = 'refs/pugi/work';
const BRANCH = 'refs/heads/work';
const ID = /^[0-9a-f]{40}([0-9a-f]{24})?$/;

/** HEAD and what is not committed, also files that git does not know and does not ignore. Throws PAYLOAD_TOO_LARGE. */
export async function packWorkspace(
  root: string,
  file: string,
  limits: BundleLimits = {},
): Promise<PackedWorkspace> {
  const { git, head, common } = await openRepository(root);
  if ((await git.text(['rev-parse', '--is-shallow-repository'])) === 'true')
    throw new PegasusError(
      'VALIDATION_ERROR',
      'folder: has a part of its history alone; run "git fetch --unshallow".',
    );
  return inScratch(async (scratch) => {
    const store = await storeBeside(scratch, common);
    const work = await commitAll(store.over(git), root, head, 'Changes that were not committed\n');
    await store.git.run(['update-ref', BASE, head]);
    await store.git.run(['update-ref', WORK, work]);
    const bytes = await writeBundle(store.git, file, [BASE, WORK], limits);
    return { base: head, work, bytes };
  });
}

/**
 * Makes a working copy of a bundle in a folder that is not there or empty. Throws VALIDATION_ERROR and PAYLOAD_TOO_LARGE
 * for what is no such bundle, and then there is no folder.
 */
export async function unpackWorkspace(
  file: string,
  folder: string,
  limits: BundleLimits = {},
): Promise<{ base: string; work: string }> {
  await mkdir(folder, { recursive: true });
  if ((await readdir(folder)).length > 0)
    throw new PegasusError('VALIDATION_ERROR', `folder: ${JSON.stringify(folder)} is not empty.`);
  try {
    const git = new Git(folder);
    await git.run(['init', '--quiet', '--template=', '--initial-branch=none-yet']);
    const heads = await inScratch(async (scratch) => {
      const checked = await checkBundle(scratch, file, undefined, limits);
      await git.run(['fetch', ...FETCH, checked.file, `${WORK}:${BRANCH}`, `${BASE}:${BASE}`]);
      return checked.heads;
    });
    const [base, work] = [heads.get(BASE), heads.get(WORK)];
    if (!base || !work) throw notABundle('it is of something else than a workspace');
    await mkdir(join(folder, '.git', 'info'), { recursive: true });
    await writeFile(join(folder, '.git', 'info', 'exclude'), '/.pugi/\n');
    await git.run(['symbolic-ref', 'HEAD', BRANCH]);
    await git.run(['read-tree', '-m', '-u', work]);
    return { base, work };
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

/**
 * What was done in a working copy of {@link unpackWorkspace}, as a bundle for whoever has the base.
 * @param base commit that {@link packWorkspace} has told
 * @returns `commit`: `undefined` where nothing was done, and there is no file
 */
export async function packResult(
  folder: string,
  base: string,
  file: string,
  limits: BundleLimits = {},
): Promise<{ commit: string | undefined; bytes: number }> {
  const { git, head, common } = await openRepository(folder);
  requireId(base);
  const handed = await commitOf(git, BRANCH);
  return inScratch(async (scratch) => {
    const store = await storeBeside(scratch, common);
    const work = await commitAll(store.over(git), folder, head, 'Work of the dispatch\n');
    if (work === handed) return { commit: undefined, bytes: 0 };
    await store.git.run(['update-ref', WORK, work]);
    return { commit: work, bytes: await writeBundle(store.git, file, [WORK, `^${base}`], limits) };
  });
}

/**
 * Takes what came back as the branch of a task, which then waits for its review and its merge. The workspace's files are
 * not written. Throws VALIDATION_ERROR and PAYLOAD_TOO_LARGE for what is no such bundle, CONFLICT for a task that has a
 * branch.
 */
export async function takeResult(
  root: string,
  file: string,
  { taskId, base, ...limits }: BundleLimits & { taskId: string; base: string },
): Promise<{ branch: string; commit: string; filesChanged: string[] }> {
  const { git, common } = await openRepository(root);
  requireId(base);
  const branch = branchOf(taskId);
  return inScratch(async (scratch) => {
    const checked = await checkBundle(scratch, file, common, limits);
    const commit = checked.heads.get(WORK);
    if (!commit) throw notABundle('it is of something else than a result');
    const isAhead = await checked.git.run(['merge-base', '--is-ancestor', base, commit], { codes: [1, 128] });
    if (isAhead.code !== 0) throw notABundle('it does not go on from the workspace that was handed out');
    const changed = await changedBetween(checked.git, base, commit);
    if (changed.length === 0) throw notABundle('nothing is changed in it');
    for (const { path, newMode, newId } of changed) {
      if (newMode === '160000') throw notABundle(`${JSON.stringify(path)} is a repository of its own`);
      if (path.split('/')[0] === '.pugi') throw notABundle(`it has ${JSON.stringify(path)}`);
      if (newMode !== '120000') continue;
      const target = await checked.git.text(['cat-file', 'blob', newId], { mostBytes: 65_536 });
      if (leadsOut(path, target)) throw notABundle(`${JSON.stringify(path)} is a link out of the workspace`);
    }
    await withTrees(root, taskId, async () => {
      if ((await readState(root, treeName(taskId))) || (await commitOf(git, refOf({ branch }))))
        throw new PegasusError(
          'CONFLICT',
          `The task ${JSON.stringify(taskId)} has a branch already; merge or discard it.`,
        );
      await git.run(['fetch', ...FETCH, checked.file, `${WORK}:${refOf({ branch })}`]);
      await writeState(root, {
        version: 1,
        taskId,
        name: treeName(taskId),
        branch,
        base,
        uncommitted: 0,
        holder: await thisProcess(),
        state: 'finished',
        commit,
      });
    });
    return { branch, commit, filesChanged: changed.map(({ path }) => path).sort() };
  });
}

const FETCH = [
  '--quiet',
  '--no-tags',
  '--no-write-fetch-head',
  '--no-auto-maintenance',
  '--no-recurse-submodules',
];

/** Invariant 2. `common`: whose objects a bundle may build upon. */
async function checkBundle(
  scratch: string,
  given: string,
  common: string | undefined,
  { mostBytes = MOST_BYTES }: BundleLimits,
): Promise<{ git: Git; file: string; heads: Map<string, string> }> {
  const found = await lstat(given);
  if (!found.isFile()) throw notABundle('it is no regular file');
  if (found.size > mostBytes) throw tooLarge(found.size, mostBytes);
  // A copy: what was checked is what is taken.
  const file = join(scratch, 'checked.bundle');
  await copyFile(given, file);
  const { git } = await storeBeside(scratch, common);
  const refuse = (cause: unknown): never => {
    throw notABundle('git does not take it', cause);
  };
  await git.run(['bundle', 'verify', '--quiet', file]).catch(refuse);
  const heads = new Map<string, string>();
  for (const line of (await git.text(['bundle', 'list-heads', file]).catch(refuse)).split('\n')) {
    const [id = '', name = ''] = line.split(' ');
    if (!ID.test(id) || ![BASE, WORK].includes(name))
      throw notABundle('it names something else than a workspace');
    heads.set(name, id);
  }
  await git.run(['fetch', ...FETCH, file, '+refs/pugi/*:refs/pugi/*']).catch(refuse);
  // Git before 2.46 looks at the objects of a bundle by their digests alone.
  const packs = join(scratch, 'store', 'objects', 'pack');
  for (const name of await readdir(packs)) {
    if (!name.endsWith('.pack')) continue;
    await git
      .run(['index-pack', '--strict', '-o', join(scratch, 'checked.idx'), join(packs, name)])
      .catch(refuse);
  }
  for (const [name, id] of heads)
    if ((await commitOf(git, name)) !== id) throw notABundle(`${name} is no commit`);
  return { git, file, heads };
}

/** A bare repository that reads the objects of another, and writes its own. */
async function storeBeside(
  scratch: string,
  common: string | undefined,
): Promise<{ git: Git; over: (git: Git) => Git }> {
  const store = join(scratch, 'store');
  await mkdir(store);
  const git = new Git(store, { GIT_DIR: store });
  await git.run(['init', '--quiet', '--bare', '--template=', store]);
  const objects = join(store, 'objects');
  if (common !== undefined) {
    await mkdir(join(objects, 'info'), { recursive: true });
    await writeFile(join(objects, 'info', 'alternates'), `${join(common, 'objects')}\n`);
  }
  const env = { GIT_OBJECT_DIRECTORY: objects, GIT_INDEX_FILE: join(scratch, 'index') };
  return { git, over: (other) => other.with(env) };
}

/** Everything that is there, as a commit upon HEAD; HEAD itself where nothing was changed. */
async function commitAll(git: Git, root: string, head: string, message: string): Promise<string> {
  await git.run(['read-tree', head]);
  await git.run(['add', '--all', '--', ...NOT_OURS], { cwd: root });
  const tree = await git.text(['write-tree']);
  if (tree === (await treeOf(git, head))) return head;
  return git.text(['commit-tree', tree, '-p', head, '-F', '-'], { input: message });
}

async function writeBundle(
  git: Git,
  file: string,
  revisions: readonly string[],
  { mostBytes = MOST_BYTES }: BundleLimits,
): Promise<number> {
  const temporary = `${file}.new`;
  try {
    await git.run(['bundle', 'create', '--quiet', temporary, ...revisions]);
    const { size } = await lstat(temporary);
    if (size > mostBytes) throw tooLarge(size, mostBytes);
    await rename(temporary, file);
    return size;
  } finally {
    await rm(temporary, { force: true });
  }
}

/** Whether a link leaves the top of the tree it is in, by what it says. */
function leadsOut(path: string, target: string): boolean {
  if (target.startsWith('/')) return true;
  let depth = path.split('/').length - 1;
  for (const part of target.split('/')) {
    if (part === '..') depth -= 1;
    else if (part !== '' && part !== '.') depth += 1;
    if (depth < 0) return true;
  }
  return false;
}

function requireId(base: string): void {
  if (!ID.test(base)) throw new PegasusError('VALIDATION_ERROR', 'base: must be the whole id of a commit.');
}

function notABundle(why: string, cause?: unknown): PegasusError {
  return new PegasusError('VALIDATION_ERROR', `bundle: is refused, since ${why}; pack it again.`, { cause });
}

function tooLarge(bytes: number, mostBytes: number): PegasusError {
  return new PegasusError(
    'PAYLOAD_TOO_LARGE',
    `bundle: has ${bytes} bytes, more than ${mostBytes}; ignore what is not needed.`,
  );
}
