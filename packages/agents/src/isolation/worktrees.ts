import { appendFile, lstat, mkdir, readdir, readFile, rm, rmdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { PegasusError } from '@pegasus-workflows/contracts';
import { failpoint } from '@pegasus-workflows/kit/failpoints';
import {
  changedBetween,
  commitOf,
  GIT_MARK,
  NOT_OURS,
  openRepository,
  treeOf,
  type Changed,
  type Git,
  type Repository,
} from './git.js';
import { codeOf, goneAs } from './lease-folder.js';
import { fateOf, killMarked, thisProcess } from './processes.js';
import {
  branchOf,
  readState,
  refOf,
  removeState,
  treeName,
  treePath,
  withTrees,
  writeState,
  type TreeState,
} from './tree-state.js';

/**
 * Job: a work tree and a branch for each dispatch, from when they are made until they are removed.
 *
 * Boundary: one repository's `.pugi/worktrees`. Bringing a branch into the workspace is `merge.ts`'s, finding what a
 * crash has left is `sweep.ts`'s.
 *
 * Invariants
 * 1. The workspace's files, its index, its branches and its HEAD are not written. A folder in which no tree can be made is
 *    an error, and nothing is left behind.
 * 2. A tree's state is on disk before its branch, its folder and its registration are, and goes after them.
 * 3. What was changed in a tree is a commit on its branch once it is finished; where nothing was, nothing is left.
 * 4. Git is led to a tree's index by the repository's own list, and not by what the tree says.
 */
export interface OpenTree {
  taskId: string;
  /** A branch or a commit of the repository to begin from. HEAD by default. */
  base?: string;
}

export interface FinishedTree {
  branch: string;
  base: string;
  /** `undefined`: nothing was changed, and the branch is gone. */
  commit: string | undefined;
  filesChanged: string[];
}

export interface TreeReview extends FinishedTree {
  taskId: string;
  /** As `git diff --stat` tells it. */
  stat: string;
  patch: string;
  /** The patch is longer. */
  isCut: boolean;
}

const PATCH_BYTES = 400_000;
const KILL_MS = 10_000;

export class Worktree {
  private constructor(
    private readonly repository: Repository,
    private state: TreeState,
  ) {}

  /** Throws VALIDATION_ERROR where there can be no tree, CONFLICT for a task that has one already. */
  static async open(root: string, { taskId, base = 'HEAD' }: OpenTree): Promise<Worktree> {
    const repository = await openRepository(root);
    const from = await commitOf(repository.git, base);
    if (from === undefined)
      throw new PegasusError(
        'VALIDATION_ERROR',
        `base: ${JSON.stringify(base)} is no commit of the repository.`,
      );
    const name = treeName(taskId);
    const state: TreeState = {
      version: 1,
      taskId,
      name,
      branch: branchOf(taskId),
      base: from,
      uncommitted: await countUncommitted(repository.git),
      holder: await thisProcess(),
      state: 'creating',
    };
    let isOurs = false;
    try {
      await withTrees(root, taskId, () => make(repository, state, () => (isOurs = true)));
      const git = await treeGit(repository, state);
      await git.run(['read-tree', '--reset', '-u', from], { cwd: treePath(root, name) });
      failpoint('agents.tree.filled');
      const working: TreeState = { ...state, state: 'working' };
      await writeState(root, working);
      failpoint('agents.tree.working');
      return new Worktree(repository, working);
    } catch (error) {
      // One that was there before is not ours to remove.
      if (isOurs) await withTrees(root, taskId, () => removeTree(repository, state));
      throw error;
    }
  }

  /**
   * Goes on in a tree that a process before this one has opened for the task; `undefined` where there is none, or one that
   * was not whole, which is removed. Throws CONFLICT while that process lives.
   */
  static async resume(root: string, taskId: string): Promise<Worktree | undefined> {
    const repository = await openRepository(root);
    return withTrees(root, taskId, async () => {
      const state = await readState(root, treeName(taskId));
      if (!state || state.state === 'merged') return undefined;
      const holder = await thisProcess();
      const isMine = state.holder.pid === holder.pid && state.holder.start === holder.start;
      if (!isMine && state.state !== 'finished' && (await fateOf(state.holder)) !== 'gone') throw busy(state);
      if (state.state === 'creating') {
        await removeTree(repository, state);
        return undefined;
      }
      // A git that the dead one had started may still be at work.
      await endGit(state);
      const resumed = { ...state, holder };
      await writeState(root, resumed);
      return new Worktree(repository, resumed);
    });
  }

  /** Absolute. */
  get path(): string {
    return treePath(this.repository.root, this.state.name);
  }
  get branch(): string {
    return this.state.branch;
  }
  get base(): string {
    return this.state.base;
  }
  /** Files of the workspace that were changed and not committed when the tree was made; they are not in it. */
  get uncommitted(): number {
    return this.state.uncommitted;
  }

  /** Invariant 3. Throws VALIDATION_ERROR for a repository within the tree, whose files would be lost. */
  async finish(): Promise<FinishedTree> {
    const { root, git } = this.repository;
    const { base, branch, commit: kept } = this.state;
    if (kept !== undefined) {
      const changes = await changedBetween(git, await treeOf(git, base), await treeOf(git, kept));
      return { branch, base, commit: kept, filesChanged: changes.map(({ path }) => path).sort() };
    }
    const tree = await treeGit(this.repository, this.state);
    await tree.run(['add', '--all', '--', ...NOT_OURS], { cwd: this.path });
    const written = await tree.text(['write-tree'], { cwd: this.path });
    failpoint('agents.tree.written');
    const changed = await changedBetween(git, await treeOf(git, base), written);
    const inner = changed.find(({ newMode }) => newMode === '160000');
    if (inner)
      throw new PegasusError(
        'VALIDATION_ERROR',
        `The work tree has a repository of its own in ${JSON.stringify(inner.path)}; remove its .git.`,
      );
    const filesChanged = changed.map(({ path }) => path).sort();
    if (changed.length === 0) {
      await this.discard();
      return { branch, base, commit: undefined, filesChanged };
    }
    const commit = await commitTree(git, this.state, written);
    failpoint('agents.tree.committed');
    this.state = { ...this.state, state: 'finished', commit };
    await writeState(root, this.state);
    failpoint('agents.tree.finished');
    return { branch, base, commit, filesChanged };
  }

  /** Removes the tree and its branch, whatever is in them. */
  async discard(): Promise<void> {
    await withTrees(this.repository.root, this.state.taskId, () => removeTree(this.repository, this.state));
  }
}

/** What a task's branch would bring. Throws NOT_FOUND for a task that has none that is finished. */
export async function reviewTree(
  root: string,
  taskId: string,
  { patchBytes = PATCH_BYTES }: { patchBytes?: number } = {},
): Promise<TreeReview> {
  const repository = await openRepository(root);
  const { base, branch, commit } = await finishedState(root, taskId);
  const { git } = repository;
  const changed: Changed[] = await changedBetween(git, base, commit);
  const plain = ['--no-ext-diff', '--no-textconv', '--no-color', '-M', base, commit];
  const stat = await git.text(['diff-tree', '-r', '--stat=120', ...plain], {
    mostBytes: patchBytes,
    mayCut: true,
  });
  const patch = await git.run(['diff-tree', '-r', '-p', ...plain], { mostBytes: patchBytes, mayCut: true });
  const filesChanged = changed.map(({ path }) => path).sort();
  return { taskId, branch, base, commit, filesChanged, stat, patch: patch.text, isCut: patch.isCut };
}

/** Removes a task's tree and branch, whatever is in them. Throws CONFLICT while a dispatch works in it. */
export async function discardTree(root: string, taskId: string): Promise<void> {
  const repository = await openRepository(root);
  await withTrees(root, taskId, async () => {
    const state = await readState(root, treeName(taskId));
    if (!state) throw noTree(taskId);
    const isBusy = state.state !== 'finished' && (await fateOf(state.holder)) !== 'gone';
    if (isBusy || state.state === 'merging') throw busy(state);
    await removeTree(repository, state);
  });
}

/** Throws NOT_FOUND, and CONFLICT for one that is still worked in. */
export async function finishedState(root: string, taskId: string): Promise<TreeState & { commit: string }> {
  const state = await readState(root, treeName(taskId));
  if (!state) throw noTree(taskId);
  if (state.commit === undefined || state.state !== 'finished') throw busy(state);
  return { ...state, commit: state.commit };
}

function noTree(taskId: string): PegasusError {
  return new PegasusError('NOT_FOUND', `There is no branch of the task ${JSON.stringify(taskId)}.`);
}

function busy({ taskId, state }: TreeState): PegasusError {
  return new PegasusError('CONFLICT', `The work tree of the task ${JSON.stringify(taskId)} is ${state}.`, {
    hint: 'Wait for its dispatch to end; what a crash has left is removed by a sweep.',
  });
}

/** Invariant 2; under the lease of the trees. */
async function make(repository: Repository, state: TreeState, onNoted: () => void): Promise<void> {
  const { git, root, common } = repository;
  const there = await readState(root, state.name);
  if (there) {
    const isLeft = ['creating', 'working', 'merged'].includes(there.state);
    if (!isLeft || (await fateOf(there.holder)) !== 'gone') throw busy(there);
    await removeTree(repository, there);
  }
  if (await commitOf(git, refOf(state)))
    throw new PegasusError('CONFLICT', `The branch ${state.branch} is there already; remove it.`);
  onNoted();
  await writeState(root, state);
  failpoint('agents.tree.noted');
  await ignoreOwn(git, common);
  await git.run(['update-ref', refOf(state), state.base, '0'.repeat(state.base.length)]);
  failpoint('agents.tree.branched');
  await git.run(['worktree', 'add', '--quiet', '--no-checkout', treePath(root, state.name), state.branch]);
  failpoint('agents.tree.added');
}

/** The user's own list of what is ignored stays as it is: this one is the repository's on this machine. */
async function ignoreOwn(git: Git, common: string): Promise<void> {
  const { code } = await git.run(['check-ignore', '--quiet', '--no-index', '--', '.pugi/x'], { codes: [1] });
  if (code === 0) return;
  const file = join(common, 'info', 'exclude');
  await mkdir(join(common, 'info'), { recursive: true });
  const text = await readFile(file, 'utf8').catch(goneAs(''));
  await appendFile(file, `${text === '' || text.endsWith('\n') ? '' : '\n'}/.pugi/\n`);
}

async function countUncommitted(git: Git): Promise<number> {
  const asked = ['status', '--porcelain', '-z', '--no-renames', '--untracked-files=all'];
  const lines = await git.parts([...asked, '--', ...NOT_OURS]);
  return lines.length;
}

/** Invariant 4: the folder in the repository's list that says it is of this tree. */
async function treeGit({ git, common, root }: Repository, { name, taskId }: TreeState): Promise<Git> {
  const [registration] = await registrationsOf(common, root, name);
  if (registration === undefined)
    throw new PegasusError('CONFLICT', `The work tree of the task ${JSON.stringify(taskId)} was removed.`);
  return git.with({ GIT_DIR: registration, GIT_WORK_TREE: treePath(root, name) });
}

/** What was committed in the tree by others stays below, as long as it goes on from the base. */
async function commitTree(git: Git, state: TreeState, tree: string): Promise<string> {
  const tip = await commitOf(git, refOf(state));
  const isAhead =
    tip && (await git.run(['merge-base', '--is-ancestor', state.base, tip], { codes: [1] })).code === 0;
  if (isAhead && tip !== state.base && (await treeOf(git, tip)) === tree) return tip;
  const parent = isAhead ? tip : state.base;
  const message = `Work of ${state.taskId.replace(/\s+/g, ' ').slice(0, 200)}\n`;
  const commit = await git.text(['commit-tree', tree, '-p', parent, '-F', '-'], { input: message });
  await git.run(['update-ref', '-m', 'pegasus: finished', refOf(state), commit]);
  return commit;
}

/** All of a tree, its state last (invariant 2); under the lease of the trees. What is gone already is no error. */
export async function removeTree({ git, root, common }: Repository, state: TreeState): Promise<void> {
  await endGit(state);
  await removeFolder(treePath(root, state.name));
  failpoint('agents.tree.emptied');
  for (const registration of await registrationsOf(common, root, state.name))
    await removeFolder(registration);
  await rmdir(join(common, 'worktrees')).catch(ignoring('ENOENT', 'ENOTEMPTY'));
  if (await commitOf(git, refOf(state))) await git.run(['update-ref', '-d', refOf(state)]);
  failpoint('agents.tree.unbranched');
  await removeState(root, state.name);
}

/** A git that a dead process had started may still be at work. Throws CONFLICT for one that does not end. */
export async function endGit(state: TreeState): Promise<void> {
  const { pid, start } = state.holder;
  if ((await fateOf(state.holder)) !== 'gone') return;
  if (!(await killMarked(GIT_MARK, `${pid}.${start}`, KILL_MS))) throw busy(state);
}

/** Git's own entries for a tree, also one that was not written to its end. */
async function registrationsOf(common: string, root: string, name: string): Promise<string[]> {
  const folder = join(common, 'worktrees');
  const found: string[] = [];
  for (const entry of await readdir(folder).catch(goneAs([]))) {
    const path = join(folder, entry);
    const gitdir = (await readFile(join(path, 'gitdir'), 'utf8').catch(ignoring('ENOENT', 'ENOTDIR'))) ?? '';
    const isOurs = gitdir.trim() === join(treePath(root, name), '.git');
    if (isOurs || (gitdir.trim() === '' && basename(path) === name)) found.push(path);
  }
  return found;
}

async function removeFolder(path: string): Promise<void> {
  if (await lstat(path).catch(goneAs(undefined)))
    await rm(path, { recursive: true, force: true, maxRetries: 3, retryDelay: 20 });
}

function ignoring(...codes: string[]): (error: unknown) => undefined {
  return (error) => {
    if (codes.includes(codeOf(error))) return undefined;
    throw error;
  };
}
