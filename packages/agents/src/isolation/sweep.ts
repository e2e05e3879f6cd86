import { openRepository, type Repository } from './git.js';
import { settleMerges, withLease } from './merge.js';
import { fateOf } from './processes.js';
import { readState, removeHalfWritten, stateNames, withTrees, type TreeState } from './tree-state.js';
import { removeTree } from './worktrees.js';

/** Finds the trees of a workspace whose dispatch has died, and removes them; finishes or undoes their merges. */
export interface Swept {
  /** Tasks whose tree and branch are gone now: what was in them was not finished. */
  removed: string[];
  /** Tasks whose merge a crash had broken off, and that is whole now. */
  merged: string[];
  /** Tasks whose branch waits for a review. */
  waiting: string[];
  /** Tasks that are worked on. */
  active: string[];
  /** Tasks of which another host or container has a process, or had: whether it is there cannot be told from here. */
  elsewhere: string[];
}

export interface SweepOptions {
  removeFinished?: boolean;
  removeElsewhere?: boolean;
  isOpen?: (taskId: string) => boolean;
}

/**
 * @param removeFinished also what waits for a review; @param removeElsewhere also what another host had; @param isOpen
 *   whether a task goes on although its process is gone
 */
export async function sweepTrees(
  root: string,
  { removeFinished = false, removeElsewhere = false, isOpen = () => false }: SweepOptions = {},
): Promise<Swept> {
  const swept: Swept = { removed: [], merged: [], waiting: [], active: [], elsewhere: [] };
  await removeHalfWritten(root);
  const names = await stateNames(root);
  if (names.length === 0) return swept;
  const repository = await openRepository(root);
  const states = await Promise.all(names.map((name) => readState(root, name)));
  if (states.some((state) => state?.state === 'merging'))
    await withLease(root, 'sweep', {}, async (lease) => {
      swept.merged.push(...(await settleMerges(root, lease)).map(({ taskId }) => taskId));
    });
  await withTrees(root, 'sweep', async () => {
    for (const name of await stateNames(root)) {
      // As it is now that nobody else makes or removes one.
      const state = await readState(root, name);
      if (state) await sweepOne(repository, state, swept, { removeFinished, removeElsewhere, isOpen });
    }
  });
  return swept;
}

async function sweepOne(
  repository: Repository,
  state: TreeState,
  swept: Swept,
  { removeFinished, removeElsewhere, isOpen }: Required<SweepOptions>,
): Promise<void> {
  const { taskId } = state;
  if (state.state === 'finished' && !removeFinished) {
    swept.waiting.push(taskId);
    return;
  }
  if (isOpen(taskId)) {
    swept.active.push(taskId);
    return;
  }
  const fate = await fateOf(state.holder);
  const isBusy = state.state !== 'finished' && fate !== 'gone';
  if (isBusy && fate === 'alive') swept.active.push(taskId);
  else if (isBusy && !removeElsewhere) swept.elsewhere.push(taskId);
  else {
    await removeTree(repository, state);
    (state.state === 'merged' ? swept.merged : swept.removed).push(taskId);
  }
}
