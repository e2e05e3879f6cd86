import { join } from 'node:path';
import { PegasusError } from '@pegasus-workflows/contracts';
import { failpoint } from '@pegasus-workflows/kit/failpoints';
import { bringBack } from '../../isolation/bring-back.js';
import { packWorkspace } from '../../isolation/bundles.js';
import { inScratch } from '../../isolation/scratch.js';
import {
  keyOf,
  type BroughtBack,
  type OriginActivities,
  type StoredBundle,
  type TakeBackInput,
} from '../protocol.js';
import { alive } from './alive.js';
import { type HostWorkspace } from './workspaces.js';

/** Files that go from one host of a tenant to another. */
export interface BundleStore {
  /** Resolves once every host of the tenant can have it. */
  put(file: string): Promise<StoredBundle>;
  /** Writes it into a file that is not there. Throws NOT_FOUND for one that is kept no more. */
  get(bundle: StoredBundle, file: string): Promise<void>;
}

/**
 * Job: hands a workspace to another host, and takes what was done there back.
 *
 * Boundary: the host that has the workspace. Who works on the copy is `copies.ts`'s.
 *
 * Invariants
 * 1. Handing over writes nothing of the workspace but its log.
 * 2. What comes back is on a branch before anybody is told that the dispatch has shipped.
 */
export interface OriginParts {
  workspace: HostWorkspace;
  bundles: BundleStore;
  heartbeatTimeoutMs: number;
}

export function originActivities(parts: OriginParts): OriginActivities {
  const { workspace, bundles } = parts;
  return {
    handOver: ({ where: { taskId } }) =>
      alive(parts, () =>
        inScratch(async (scratch) => {
          const file = join(scratch, 'workspace.bundle');
          const { base, work } = await packWorkspace(workspace.root, file);
          failpoint('agents.origin.packed');
          const bundle = await bundles.put(file);
          await workspace.log.append({ kind: 'moved', taskId, way: 'handed over', commit: work });
          failpoint('agents.origin.handed');
          return { base, work, bundle };
        }),
      ),
    takeBack: (input) => alive(parts, (signal) => takeBack(parts, input, signal)),
  };
}

/** Invariant 2. */
function takeBack(
  { workspace, bundles }: OriginParts,
  { where, handed, given, isMerged }: TakeBackInput,
  signal: AbortSignal,
): Promise<BroughtBack> {
  const { base, work } = handed;
  const { commit } = given;
  return inScratch(async (scratch) => {
    const bundle = async (): Promise<string> => {
      const file = join(scratch, 'result.bundle');
      if (!given.bundle) throw new PegasusError('VALIDATION_ERROR', 'bundle: must be given with a commit.');
      await bundles.get(given.bundle, file);
      return file;
    };
    const asked = { taskId: keyOf(where), base, work, commit, bundle, isMerged, signal };
    const { filesChanged, notes } = await bringBack(workspace.root, asked);
    failpoint('agents.origin.brought');
    const { taskId } = where;
    await workspace.log.append({ kind: 'moved', taskId, way: 'taken back', commit: commit ?? work });
    return { filesChanged, notes };
  });
}
