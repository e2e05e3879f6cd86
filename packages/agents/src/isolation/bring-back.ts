import { changedBetween, openRepository } from './git.js';
import { takeResult, type BundleLimits } from './bundles.js';
import { mergeTree } from './merge.js';
import { branchNote, mergeNote, NOTHING_NOTE, type TierOutcome } from './tiers.js';
import { branchOf, readState, treeName } from './tree-state.js';

/**
 * Job: what another host has done to a copy of the workspace, as a branch of the workspace, or merged.
 *
 * Boundary: a bundle in, a sentence out. What is in a bundle is judged by `bundles.ts`, a merge is `merge.ts`'s.
 *
 * Invariants
 * 1. Called again after a crash it does what is not done yet, and says the same.
 */
export interface Returning extends BundleLimits {
  taskId: string;
  /** What {@link packWorkspace} has told. */
  base: string;
  work: string;
  /** What {@link packResult} has told; `undefined`: nothing was done. */
  commit: string | undefined;
  /** Asked for only where it is not here yet. */
  bundle: () => Promise<string>;
  isMerged: boolean;
  signal?: AbortSignal;
}

/** Throws what {@link takeResult} and {@link mergeTree} throw. */
export async function bringBack(
  root: string,
  { taskId, base, work, commit, bundle, isMerged, signal, ...limits }: Returning,
): Promise<TierOutcome & { filesChanged: string[] }> {
  if (commit === undefined) return { filesChanged: [], notes: [NOTHING_NOTE] };
  const { git, head } = await openRepository(root);
  const ancestry = await git.run(['merge-base', '--is-ancestor', commit, head], { codes: [1, 128] });
  const wasMerged = ancestry.code === 0;
  if (!wasMerged && (await readState(root, treeName(taskId)))?.commit !== commit)
    await takeResult(root, await bundle(), { taskId, base, ...limits });
  const changed = await changedBetween(git, work, commit);
  const filesChanged = changed.map(({ path }) => path).sort();
  if (wasMerged) return { filesChanged, notes: ['The changes are merged.'] };
  if (!isMerged) return { filesChanged, notes: [branchNote(branchOf(taskId))] };
  const merge = await mergeTree(root, taskId, { approve: true, ...(signal ? { signal } : {}) });
  return { filesChanged, notes: [mergeNote(merge, branchOf(taskId))], merge };
}
