import { PegasusError } from '@pegasus-workflows/contracts';
import { failpoint } from '@pegasus-workflows/kit/failpoints';
import { applyChange, blockersOf } from './checkout.js';
import { changedBetween, commitOf, openRepository, type Git, type Repository } from './git.js';
import { WriterLease } from './lease.js';
import { thisProcess } from './processes.js';
import {
  leaseFolder,
  readState,
  stateNames,
  treesFolder,
  withTrees,
  writeState,
  type TreeState,
} from './tree-state.js';
import { endGit, finishedState, removeTree } from './worktrees.js';

/**
 * Job: brings a task's branch into the workspace, once somebody has approved it.
 *
 * Boundary: the branch that the workspace is on. Conflicts are told and not resolved.
 *
 * Invariants
 * 1. Without an approval, with a conflict, or with changes of the workspace's own in a file that is concerned, neither the
 *    workspace's files nor its index nor its branch is written.
 * 2. Who merges is a writer of the workspace, and holds its lease.
 * 3. A merge is done from the moment at which the branch has it; the files and the index follow. One that is broken off
 *    before never was, one that is broken off after is finished by whoever finds it, file by file: each is the old one or the
 *    new one, and one that somebody has changed since stays as it is.
 */
export interface MergeRequest {
  /** Somebody has seen the review and wants it. Without, it is only tried. */
  approve: boolean;
  /** The writer's lease, where it is held already. */
  lease?: WriterLease;
  signal?: AbortSignal;
}

export interface ConflictSide {
  /** `undefined`: there is no such file on that side. */
  text?: string;
  isBinary?: boolean;
  /** The text is longer. */
  isCut?: boolean;
}

export interface Conflict {
  path: string;
  base: ConflictSide;
  ours: ConflictSide;
  theirs: ConflictSide;
}

export type MergeOutcome =
  /** `commit`: what the branch of the workspace has now. */
  | { status: 'merged'; commit: string; filesChanged: string[] }
  /** Nothing stands in the way, and nobody has approved it. */
  | { status: 'clean'; filesChanged: string[] }
  /** Files of the workspace that have changes of their own, or why there can be no merge at all. */
  | { status: 'blocked'; files: string[]; why: string }
  /** `messages`: as git tells them. */
  | { status: 'conflict'; conflicts: Conflict[]; messages: string[] };

const SIDE_BYTES = 64 * 1024;
/** Conflicts whose sides are told. */
const TOLD = 50;
const MESSAGES = 100;

/** Throws NOT_FOUND and CONFLICT for a task without a finished branch. */
export async function mergeTree(root: string, taskId: string, request: MergeRequest): Promise<MergeOutcome> {
  if (!request.approve) {
    const { tree: _, ...tried } = await tryMerge(
      await openRepository(root),
      await finishedState(root, taskId),
      treesFolder(root),
    );
    return tried;
  }
  return withLease(root, `merge of ${taskId}`, request, async (lease) => {
    const settled = (await settleMerges(root, lease)).find((one) => one.taskId === taskId);
    if (settled) return { status: 'merged', commit: settled.commit, filesChanged: settled.filesChanged };
    const repository = await openRepository(root);
    const state = await finishedState(root, taskId);
    const { tree, ...tried } = await tryMerge(repository, state, lease.stage);
    if (tried.status !== 'clean') return tried;
    const merging = await begin(repository, state, tree);
    failpoint('agents.merge.noted');
    await complete(repository, merging, lease);
    await withTrees(root, taskId, () => removeTree(repository, { ...merging, state: 'merged' }));
    return { status: 'merged', commit: merging.merge!.commit, filesChanged: tried.filesChanged };
  });
}

/** Merges that a crash had broken off, and that are whole now. */
export interface SettledMerge {
  taskId: string;
  commit: string;
  filesChanged: string[];
}

/**
 * Invariant 3: finishes or undoes what was broken off. Whoever has the lease knows that nobody else is at it: a process
 * that is there and has lost the lease does nothing any more.
 */
export async function settleMerges(root: string, lease: WriterLease): Promise<SettledMerge[]> {
  const settled: SettledMerge[] = [];
  for (const name of await stateNames(root)) {
    const state = await readState(root, name);
    if (state?.state !== 'merging') continue;
    const repository = await openRepository(root);
    await endGit(state);
    if (!(await isMerged(repository.git, state))) {
      await undo(root, state);
      continue;
    }
    await complete(repository, state, lease);
    await withTrees(root, state.taskId, () => removeTree(repository, { ...state, state: 'merged' }));
    const { onto, commit } = state.merge!;
    const changed = await changedBetween(repository.git, onto, commit);
    settled.push({ taskId: state.taskId, commit, filesChanged: changed.map(({ path }) => path).sort() });
  }
  return settled;
}

/** The branch was not moved, so nothing was. */
async function undo(root: string, { merge: _, ...before }: TreeState): Promise<void> {
  await writeState(root, { ...before, state: 'finished' });
}

/** With the lease that is given, or one of its own. */
export async function withLease<T>(
  root: string,
  holder: string,
  { lease, signal }: Pick<MergeRequest, 'lease' | 'signal'>,
  work: (lease: WriterLease) => Promise<T>,
): Promise<T> {
  if (lease) return work(lease);
  const own = await WriterLease.take({ folder: leaseFolder(root), holder, ...(signal ? { signal } : {}) });
  try {
    return await work(own);
  } finally {
    await own.release();
  }
}

type Tried = MergeOutcome & { tree: string };

async function tryMerge(
  { git, head, root }: Repository,
  state: TreeState & { commit: string },
  stage: string,
): Promise<Tried> {
  const blocked = (files: string[], why: string): Tried => ({ status: 'blocked', files, why, tree: '' });
  const branch = await git.run(['symbolic-ref', '--quiet', 'HEAD'], { codes: [1] });
  if (branch.code !== 0) return blocked([], 'The workspace is on no branch; check one out.');
  const args = ['merge-tree', '--write-tree', '-z', '--messages', head, state.commit];
  const { code, text } = await git.run(args, { codes: [1] });
  const parts = text.split('\0');
  const tree = parts[0]!.trim();
  if (code === 1) return { ...(await conflictsOf(git, parts.slice(1))), tree };
  const changed = await changedBetween(git, head, tree);
  const filesChanged = changed.map(({ path }) => path).sort();
  const given = { git, root, before: head, after: tree, changed };
  const files = await blockersOf({ ...given, stage });
  if (files.length > 0) return blocked(files, 'Files that it changes have changes that are not committed.');
  return { status: 'clean', filesChanged, tree };
}

/** From here on a crash is found by the state. */
async function begin(
  { git, head, root }: Repository,
  state: TreeState & { commit: string },
  tree: string,
): Promise<TreeState> {
  const ref = await git.text(['symbolic-ref', 'HEAD']);
  const message = `Merge ${state.branch}\n`;
  const parents = ['-p', head, '-p', state.commit];
  const commit = await git.text(['commit-tree', tree, ...parents, '-F', '-'], { input: message });
  const merge = { ref, onto: head, commit };
  const merging: TreeState = { ...state, state: 'merging', holder: await thisProcess(), merge };
  await writeState(root, merging);
  return merging;
}

/** Does what is not done yet (invariant 3). */
async function complete({ git, root }: Repository, state: TreeState, lease: WriterLease): Promise<void> {
  const { ref, onto, commit } = state.merge!;
  await lease.check();
  if (!(await isMerged(git, state))) {
    try {
      const reason = ['-m', `pegasus: merge ${state.branch}`];
      await git.run(['update-ref', ...reason, ref, commit, onto], { lease });
    } catch (error) {
      if ((await commitOf(git, ref)) === onto) throw error;
      await undo(root, state);
      throw new PegasusError('CONFLICT', 'The workspace has got another commit meanwhile; merge again.', {
        cause: error,
      });
    }
  }
  failpoint('agents.merge.branch');
  // Somebody has gone on from it, or elsewhere: the files are theirs.
  if ((await git.text(['symbolic-ref', 'HEAD'])) === ref && (await commitOf(git, 'HEAD')) === commit) {
    const changed = await changedBetween(git, onto, commit);
    await applyChange({ git, root, before: onto, after: commit, changed }, lease);
    failpoint('agents.merge.files');
    await git.run(['read-tree', '-i', '-m', onto, commit], { lease });
    await git.run(['update-index', '-q', '--refresh'], { lease, codes: [1] });
    failpoint('agents.merge.index');
  }
  await writeState(root, { ...state, state: 'merged' });
  failpoint('agents.merge.merged');
}

async function isMerged(git: Git, { merge }: TreeState): Promise<boolean> {
  const args = ['merge-base', '--is-ancestor', merge!.commit, merge!.ref];
  return (await git.run(args, { codes: [1, 128] })).code === 0;
}

/** Of the output of `merge-tree -z`: files by side up to an empty part, then messages. */
async function conflictsOf(
  git: Git,
  parts: readonly string[],
): Promise<{ status: 'conflict'; conflicts: Conflict[]; messages: string[] }> {
  const sides = new Map<string, Map<string, string>>();
  const end = parts.indexOf('');
  for (const part of parts.slice(0, end)) {
    const [, id, stage, path] = /^\d+ ([0-9a-f]+) ([123])\t(.+)$/s.exec(part) ?? [];
    if (path === undefined) continue;
    sides.set(path, (sides.get(path) ?? new Map<string, string>()).set(stage!, id!));
  }
  const conflicts: Conflict[] = [];
  for (const [path, ids] of [...sides].slice(0, TOLD)) {
    const of = (stage: string): Promise<ConflictSide> => sideOf(git, ids.get(stage));
    conflicts.push({ path, base: await of('1'), ours: await of('2'), theirs: await of('3') });
  }
  for (const path of [...sides.keys()].slice(TOLD)) conflicts.push({ path, base: {}, ours: {}, theirs: {} });
  return { status: 'conflict', conflicts, messages: messagesOf(parts.slice(end + 1)) };
}

/** Each is a number of paths, those paths, a kind and a sentence. */
function messagesOf(parts: readonly string[]): string[] {
  const messages: string[] = [];
  for (let at = 0; at < parts.length && messages.length < MESSAGES;) {
    const paths = Number(parts[at]);
    if (parts[at] === '' || !Number.isInteger(paths)) break;
    const message = parts[at + paths + 2];
    if (message) messages.push(message.trim());
    at += paths + 3;
  }
  return messages;
}

async function sideOf(git: Git, id: string | undefined): Promise<ConflictSide> {
  if (id === undefined) return {};
  const { bytes, isCut } = await git.run(['cat-file', 'blob', id], {
    mostBytes: SIDE_BYTES,
    mayCut: true,
    codes: [128],
  });
  if (bytes.includes(0)) return { isBinary: true };
  return { text: bytes.toString('utf8'), ...(isCut ? { isCut } : {}) };
}
