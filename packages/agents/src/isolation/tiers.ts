import {
  type DispatchStatus,
  type Isolation,
  type SubagentResult,
} from '@pegasus-workflows/contracts/agents';
import { PegasusError } from '@pegasus-workflows/contracts';
import { messageOf } from '../error-text.js';
import { WriterLease } from './lease.js';
import { mergeTree, settleMerges, type MergeOutcome } from './merge.js';
import { leaseFolder } from './tree-state.js';
import { Worktree, type FinishedTree } from './worktrees.js';

/** Where a dispatch of each tier works, and what comes of it when it has ended. */
export interface TierRequest {
  isolation: Isolation;
  /** The workspace, absolute and real. */
  root: string;
  taskId: string;
  /** Of a worktree: what to begin from. HEAD by default. */
  base?: string;
  /** Of a worktree that was shipped: left for a review, or merged where that is possible. */
  merge?: 'leave' | 'auto';
  /** Waits no longer for another writer. Milliseconds. */
  leaseWaitMs?: number;
  signal?: AbortSignal;
  onWait?: (holder: { holder: string; token: number }) => void;
}

export interface Tier {
  /** Where to work. */
  root: string;
  /** For the {@link Workspace}. */
  stage?: string;
  /** Under which programs are started. */
  lease?: WriterLease;
  /** Throws LEASE_LOST where somebody else is at work there by now. */
  check(): Promise<void>;
  /** Makes what was done there last; throws when that fails, and may be called again. */
  keep(): Promise<void>;
  /** Called once, whatever came of the dispatch. */
  finish(status: DispatchStatus): Promise<TierOutcome>;
}

export interface TierOutcome {
  /** Of a worktree: all that differs. */
  filesChanged?: string[];
  /** Sentences for the result's summary. */
  notes: string[];
  tree?: FinishedTree;
  merge?: MergeOutcome;
}

/**
 * Does a dispatch in its tier, and makes its result say what came of that. Throws what {@link openTier} throws; a
 * dispatch that is cancelled while it waits has its turn, which ends at once.
 */
export async function inTier<D extends { result: SubagentResult }>(
  request: TierRequest,
  work: (tier: Tier) => Promise<D>,
): Promise<D & { tier: TierOutcome }> {
  const { root, signal } = request;
  const tier = await openTier(request).catch((error: unknown) => {
    if (signal?.aborted) return sameFolder(root);
    throw error;
  });
  let done: D;
  try {
    done = await work(tier);
  } catch (error) {
    const [ended] = await Promise.allSettled([tier.finish('failed')]);
    if (ended.status === 'fulfilled') throw error;
    throw new AggregateError([error, ended.reason], messageOf(error), { cause: error });
  }
  const outcome = await tier.finish(done.result.status).catch((error: unknown): TierOutcome => ({
    notes: [`What was done in the ${request.isolation} could not be brought to its end: ${messageOf(error)}`],
  }));
  const filesChanged = outcome.filesChanged ?? done.result.filesChanged;
  const summary = [done.result.summary, ...outcome.notes].join('\n\n');
  return { ...done, result: { ...done.result, filesChanged, summary }, tier: outcome };
}

/** Throws what {@link Worktree.open} and {@link WriterLease.take} throw, and VALIDATION_ERROR for a tier of another host. */
export async function openTier(request: TierRequest): Promise<Tier> {
  const { isolation, root } = request;
  if (isolation === 'remote_vm')
    throw new PegasusError('VALIDATION_ERROR', 'isolation: remote_vm is another host, and not this process.');
  if (isolation === 'worktree') return openTree(request);
  if (isolation === 'shared_fs_serialized') return openSerialized(request);
  return sameFolder(root);
}

export function sameFolder(root: string): Tier {
  return {
    root,
    check: () => Promise.resolve(),
    keep: () => Promise.resolve(),
    finish: () => Promise.resolve({ notes: [] }),
  };
}

async function openSerialized({ root, taskId, leaseWaitMs, signal, onWait }: TierRequest): Promise<Tier> {
  const lease = await WriterLease.take({
    folder: leaseFolder(root),
    holder: taskId,
    ...(leaseWaitMs === undefined ? {} : { waitMs: leaseWaitMs }),
    ...(signal ? { signal } : {}),
    ...(onWait ? { onWait } : {}),
  });
  try {
    // A merge that a crash has broken off would be half there for this one.
    await settleMerges(root, lease);
  } catch (error) {
    await lease.release();
    throw error;
  }
  return {
    root,
    stage: lease.stage,
    lease,
    check: () => lease.check(),
    keep: () => lease.check(),
    finish: async () => {
      await lease.release();
      return { notes: [] };
    },
  };
}

async function openTree(request: TierRequest): Promise<Tier> {
  const { root, taskId, base } = request;
  return treeTier(await Worktree.open(root, { taskId, ...(base === undefined ? {} : { base }) }), request);
}

/** A worktree that a process before this one has opened; `undefined` where there is none any more. */
export async function resumeTree(request: TierRequest): Promise<Tier | undefined> {
  const tree = await Worktree.resume(request.root, request.taskId);
  return tree && treeTier(tree, request);
}

function treeTier(tree: Worktree, { root, taskId, merge = 'leave', signal }: TierRequest): Tier {
  let finished: FinishedTree | undefined;
  const keep = async (): Promise<FinishedTree> => (finished ??= await tree.finish());
  return {
    root: tree.path,
    check: () => Promise.resolve(),
    keep: async () => {
      await keep();
    },
    finish: async (status) => {
      const kept = await keep();
      const notes = notesOf(kept, tree.uncommitted);
      const outcome = { filesChanged: kept.filesChanged, tree: kept };
      if (merge === 'leave' || status !== 'shipped' || kept.commit === undefined)
        return { ...outcome, notes };
      const merged = await mergeTree(root, taskId, { approve: true, ...(signal ? { signal } : {}) });
      return { ...outcome, notes: [...notes.slice(1), mergeNote(merged, kept.branch)], merge: merged };
    },
  };
}

export const NOTHING_NOTE = 'Nothing was changed.';
export const branchNote = (branch: string): string =>
  `The changes are on the branch ${branch}; review it, then merge or discard it.`;

function notesOf({ commit, branch }: FinishedTree, uncommitted: number): string[] {
  const left = commit === undefined ? NOTHING_NOTE : branchNote(branch);
  if (uncommitted === 0) return [left];
  return [
    left,
    `It began without ${uncommitted} files of the workspace that were changed and not committed.`,
  ];
}

/** What came of a merge, in a sentence. */
export function mergeNote(merged: MergeOutcome, branch: string): string {
  const left = `the changes are left on the branch ${branch}.`;
  if (merged.status === 'merged') return `The changes are merged as ${merged.commit.slice(0, 12)}.`;
  if (merged.status === 'blocked')
    return `The merge is blocked (${[merged.why, ...merged.files.slice(0, 10)].join(' ')}); ${left}`;
  const paths = merged.status === 'conflict' ? merged.conflicts.slice(0, 10).map(({ path }) => path) : [];
  return `The merge has conflicts in ${paths.join(', ')}; ${left}`;
}
