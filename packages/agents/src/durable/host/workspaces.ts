import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type DispatchReport } from '@pegasus-workflows/contracts';
import { printableLine, type SubagentResult } from '@pegasus-workflows/contracts/agents';
import { messageOf } from '../../error-text.js';
import { sweepTrees } from '../../isolation/sweep.js';
import { openTier, resumeTree, sameFolder, type Tier, type TierRequest } from '../../isolation/tiers.js';
import { EventLog } from '../../log/event-log.js';
import { type LogLine } from '../../log/records.js';
import { noteStanding, type Standing } from '../../log/standings.js';
import { workspaceRoot } from '../../paths/resolve.js';
import { foldOf, traitsOf } from '../../paths/traits.js';
import { type Fold } from '../../permissions/patterns.js';
import { keyOf, type CloseInput, type Where } from '../protocol.js';
import { Recorder } from './recorder.js';
import { Shipper } from './shipper.js';

/**
 * Job: one workspace of a host: its event log, what is told of it, and the tiers that are open in it.
 *
 * Boundary: a folder of this machine, of which this process is the one that writes the log.
 *
 * Invariants
 * 1. The log's writer is this process: two hosts on one folder are refused.
 * 2. A worktree that was opened is there after a crash, until its dispatch is closed.
 * 3. A serialized writer has the lease from its first call that writes on; it lets go while it waits for a person, and
 *    takes it again for the next such call. What it had read and has changed meanwhile is stale.
 */
export interface HostWorkspaceOptions {
  folder: string;
  report: (dispatchId: string, report: DispatchReport) => Promise<'taken' | 'refused'>;
  onRefused: (dispatchId: string) => void;
  onFailed: (error: unknown) => void;
}

/** Longer than a step takes: it is tried again, and waits on. */
const LEASE_WAIT_MS = 10 * 60_000;

export class HostWorkspace {
  /** By dispatch and task. */
  readonly #tiers = new Map<string, Promise<Tier>>();

  private constructor(
    readonly root: string,
    /** How the workspace's file system makes names alike. */
    readonly fold: Fold,
    readonly log: EventLog,
    readonly recorder: Recorder,
    private readonly shipper: Shipper,
    private readonly dispatches: ReadonlyMap<string, Standing>,
  ) {}

  /** Throws CONFLICT while another process has it. */
  static async open({ folder, report, ...told }: HostWorkspaceOptions): Promise<HostWorkspace> {
    const root = await workspaceRoot(folder);
    const own = join(root, '.pugi');
    await mkdir(own, { recursive: true, mode: 0o700 });
    const fold = foldOf(await traitsOf(own));
    const log = await EventLog.open(own);
    try {
      const shipper = await Shipper.open({ file: join(own, 'shipped.json'), send: report, ...told });
      const late: { workspace?: HostWorkspace } = {};
      const dispatches = new Map<string, Standing>();
      const recorder = await Recorder.open(log, (line) => {
        shipper.add(line);
        noteStanding(dispatches, line);
        late.workspace?.noteWaiting(line);
      });
      const workspace = (late.workspace = new HostWorkspace(root, fold, log, recorder, shipper, dispatches));
      await sweepTrees(root, { isOpen: (taskId) => workspace.knows(taskId.split('/')[0]!) === 'open' });
      return workspace;
    } catch (error) {
      await log.close();
      throw error;
    }
  }

  /** Makes what there has to be before the first call. */
  async openTier(where: Where): Promise<void> {
    const { isolation } = where;
    if (isolation === 'worktree') await this.#tier(where, () => this.#tree(where));
  }

  /** @param isWriting whether the call may write: others need not wait for their turn */
  async tierOf(where: Where, isWriting: boolean, signal: AbortSignal): Promise<Tier> {
    const { isolation } = where;
    if (isolation === 'worktree') return this.#tier(where, () => this.#tree(where));
    if (isolation !== 'shared_fs_serialized' || !isWriting) return sameFolder(this.root);
    const there = await this.#tiers.get(keyOf(where));
    if (there && !(await isHeld(there))) this.#tiers.delete(keyOf(where));
    return this.#tier(where, () => openTier({ ...this.#request(where), signal, leaseWaitMs: LEASE_WAIT_MS }));
  }

  /** What the result is, with what came of the tier. Called again, it says the same as long as its tree is there. */
  async closeTier(where: Where, result: SubagentResult, merge: CloseInput['merge']): Promise<SubagentResult> {
    const { isolation } = where;
    const open = this.#tiers.get(keyOf(where));
    this.#tiers.delete(keyOf(where));
    // One with `merge` as it is to be at the end.
    const request = { ...this.#request(where), merge };
    if (isolation === 'worktree') await (await open)?.keep();
    const tier = isolation === 'worktree' ? await resumeTree(request) : await open?.catch(() => undefined);
    if (!tier) return result;
    try {
      const { notes, filesChanged = result.filesChanged } = await tier.finish(result.status);
      return { ...result, filesChanged, summary: [result.summary, ...notes].join('\n\n') };
    } catch (error) {
      const summary = `What was done in the ${isolation} could not be kept: ${printableLine(messageOf(error))}`;
      return { ...result, status: 'failed', summary };
    }
  }

  async close(): Promise<void> {
    for (const tier of this.#tiers.values()) await (await tier.catch(() => undefined))?.lease?.release();
    await this.shipper.stop();
    await this.log.close();
  }

  /** What its log has of a dispatch; `undefined`: nothing. */
  knows(dispatchId: string): Standing | undefined {
    return this.dispatches.get(dispatchId);
  }

  /** Resolves once the server knows all that is in the log, or hears no more of it by this process. @returns which */
  isTold(): Promise<boolean> {
    return this.shipper.settled();
  }

  /** Invariant 3. */
  noteWaiting({ of, body }: LogLine): void {
    if (!of || body.kind !== 'status' || (body.state !== 'WAITING' && body.state !== 'PAUSED')) return;
    for (const [key, tier] of this.#tiers) {
      if (!key.startsWith(`${of.dispatchId}/`)) continue;
      void tier.then(
        async ({ lease }) => {
          if (!lease) return;
          this.#tiers.delete(key);
          await lease.release();
        },
        () => undefined,
      );
    }
  }

  #tier(where: Where, open: () => Promise<Tier>): Promise<Tier> {
    const key = keyOf(where);
    const there = this.#tiers.get(key);
    if (there) return there;
    const opening = open();
    this.#tiers.set(key, opening);
    opening.catch(() => this.#tiers.delete(key));
    return opening;
  }

  /** Invariant 2. */
  async #tree(where: Where): Promise<Tier> {
    const request = this.#request(where);
    return (await resumeTree(request)) ?? openTier(request);
  }

  #request(where: Where): TierRequest {
    return { isolation: where.isolation, root: this.root, taskId: keyOf(where) };
  }
}

async function isHeld(tier: Tier): Promise<boolean> {
  return tier.check().then(
    () => true,
    () => false,
  );
}
