import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createFileAtomic, syncFolder } from '@pegasus-workflows/kit/files';
import { failpoint } from '@pegasus-workflows/kit/failpoints';
import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common';
import { packResult, unpackWorkspace } from '../../isolation/bundles.js';
import { goneAs, isThere } from '../../isolation/lease-folder.js';
import { inScratch } from '../../isolation/scratch.js';
import { EventLog } from '../../log/event-log.js';
import { CURRENT } from '../../log/files.js';
import { type GivenBack, type Handed, type Where } from '../protocol.js';
import { type BundleStore } from './origin.js';
import { HostWorkspace, type HostWorkspaceOptions } from './workspaces.js';

/**
 * Job: copies of other hosts' workspaces, in each of which one dispatch works: a folder for each, from its bundle to what
 * is given back.
 *
 * Boundary: one folder of this machine, of which this process is the only one that writes.
 *
 * - `events.jsonl`: what was taken and given back, and when
 * - `host-id`: names the folder for as long as it is there
 * - `open/<dispatch>`: the copies that are worked in, each with a log of its own
 * - `ended/<dispatch>`: the logs of those that have ended
 * - `kept/<dispatch>`: copies whose work could not be given back, for a person to look at
 *
 * Invariants
 * 1. A copy is there whole or not at all, and stays over crashes until its dispatch has ended and the server was told.
 * 2. Of what has ended the log stays; of what could not be given back, everything.
 * 3. No more are open than were asked for: one more waits, or goes to another host.
 */
export interface CopiesOptions extends Omit<HostWorkspaceOptions, 'folder'> {
  folder: string;
  bundles: BundleStore;
  /** Most dispatches at once. */
  most: number;
}

const DAY_MS = 24 * 3_600_000;
/** A copy that nobody has asked anything of for so long is put to those that are kept. */
const FORGOTTEN_MS = 30 * DAY_MS;
/** One in which nothing was ever begun was taken by another host as well, and is removed. */
const UNBEGUN_MS = 7 * DAY_MS;
const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const NOT_NOW = '2s';
const KEEP = 'keep';

export class Copies {
  readonly #open = new Map<string, Promise<HostWorkspace>>();
  readonly #ending = new Map<string, Promise<void>>();
  readonly #lost = new AbortController();

  private constructor(
    private readonly options: CopiesOptions,
    private readonly log: EventLog,
    /** Names the folder. */
    readonly id: string,
  ) {
    log.lost.addEventListener('abort', () => this.#lost.abort(), { once: true });
  }

  /** Throws CONFLICT while another process has the folder. */
  static async open(options: CopiesOptions): Promise<Copies> {
    const { folder } = options;
    for (const name of ['open', 'ended', 'kept'])
      await mkdir(join(folder, name), { recursive: true, mode: 0o700 });
    const id = await folderId(folder);
    const copies = new Copies(options, await EventLog.open(folder), id);
    try {
      for (const name of await readdir(join(folder, 'open'))) await copies.#find(name);
      await copies.#removeOld();
      return copies;
    } catch (error) {
      await copies.close();
      throw error;
    }
  }

  /** Aborted when a log can be written no more. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** The copy of a dispatch. Rejects where it is not here: it may be with another process, or come. */
  async workspaceOf({ dispatchId }: Where): Promise<HostWorkspace> {
    const found = this.#open.get(dispatchId);
    if (found) return found;
    throw new Error(`The copy of the dispatch ${dispatchId} is not on this host.`);
  }

  /** Whether a dispatch was here, and is no more. */
  async isOver({ dispatchId }: Where): Promise<boolean> {
    const { folder } = this.options;
    for (const name of ['ended', 'kept']) if (await isThere(join(folder, name, dispatchId))) return true;
    return false;
  }

  /**
   * Makes a copy, or finds it made. Rejects, to be asked again later, where there are as many as there may be.
   * @param signal aborted when somebody else is asked by now: then nothing is left of it
   */
  async take({ dispatchId, taskId }: Where, { work, bundle }: Handed, signal: AbortSignal): Promise<void> {
    const there = this.#open.get(dispatchId);
    if (there) return void (await there);
    if (this.#open.size >= this.options.most) await this.#removeOld();
    if (this.#open.size >= this.options.most)
      throw notNow(`This host works on ${this.#open.size} dispatches, as many as it may.`);
    const workspace = await this.#opening(dispatchId, this.#make(dispatchId, bundle));
    if (signal.aborted && workspace.knows(dispatchId) === undefined) {
      await this.#remove(dispatchId, workspace);
      signal.throwIfAborted();
    }
    await this.log.append({ kind: 'moved', taskId, way: 'taken over', commit: work });
  }

  /** What was done in a copy. */
  async give(where: Where, { base, work }: Handed): Promise<GivenBack> {
    const { root } = await this.workspaceOf(where);
    return inScratch(async (scratch) => {
      const file = join(scratch, 'result.bundle');
      const { commit } = await packResult(root, base, file);
      failpoint('agents.remote.packed');
      const { taskId } = where;
      const given = commit === undefined ? {} : { commit, bundle: await this.options.bundles.put(file) };
      await this.log.append({ kind: 'moved', taskId, way: 'given back', commit: commit ?? work });
      return given;
    });
  }

  /** Invariant 2: from now on the whole copy stays when it ends. */
  async keep(where: Where): Promise<void> {
    await markKept(await this.workspaceOf(where));
  }

  /** Puts a dispatch away, if it has ended. Resolves at once; {@link close} waits for what is under way. */
  putAway({ dispatchId }: Pick<Where, 'dispatchId'>): void {
    const opening = this.#open.get(dispatchId);
    if (!opening || this.#ending.has(dispatchId)) return;
    const ending = this.#putAway(dispatchId, opening).catch((error: unknown) => {
      // It is put away at the next start.
      this.options.onFailed(error);
    });
    this.#ending.set(dispatchId, ending);
    void ending.then(() => this.#ending.delete(dispatchId));
  }

  async close(): Promise<void> {
    for (const opening of this.#open.values()) {
      const workspace = await opening.catch(() => undefined);
      await workspace?.close();
    }
    await Promise.all(this.#ending.values());
    await this.log.close();
  }

  /** One that cannot be opened is open no more. */
  #opening(dispatchId: string, opening: Promise<HostWorkspace>): Promise<HostWorkspace> {
    this.#open.set(dispatchId, opening);
    opening.catch(() => this.#open.delete(dispatchId));
    return opening;
  }

  /** Invariant 1. */
  async #make(dispatchId: string, bundle: Handed['bundle']): Promise<HostWorkspace> {
    const folder = join(this.options.folder, 'open');
    // One that could not be opened is there all the same.
    if (await isThere(join(folder, dispatchId))) return this.#workspace(dispatchId);
    const made = join(folder, `.${dispatchId}.${randomUUID()}`);
    await inScratch(async (scratch) => {
      const file = join(scratch, 'workspace.bundle');
      await this.options.bundles.get(bundle, file);
      await unpackWorkspace(file, made);
    });
    failpoint('agents.remote.unpacked');
    await rename(made, join(folder, dispatchId));
    await syncFolder(folder);
    failpoint('agents.remote.taken');
    return this.#workspace(dispatchId);
  }

  async #workspace(dispatchId: string): Promise<HostWorkspace> {
    const { report, onRefused, onFailed } = this.options;
    const folder = join(this.options.folder, 'open', dispatchId);
    const workspace = await HostWorkspace.open({ folder, report, onRefused, onFailed });
    workspace.log.lost.addEventListener('abort', () => this.#lost.abort(), { once: true });
    return workspace;
  }

  /** What a process before this one has left. */
  async #find(name: string): Promise<void> {
    const path = join(this.options.folder, 'open', name);
    if (!ID.test(name)) return rm(path, { recursive: true, force: true });
    // A crash came in between: what is left of it is put away without being opened.
    if (await isThere(join(this.options.folder, 'ended', name))) return this.#file(name);
    const workspace = await this.#opening(name, this.#workspace(name));
    if (workspace.knows(name) === 'ended') this.putAway({ dispatchId: name });
  }

  /** What nobody will ask of any more. */
  async #removeOld(): Promise<void> {
    for (const [dispatchId, opening] of this.#open) {
      const workspace = await opening.catch(() => undefined);
      const standing = workspace?.knows(dispatchId);
      if (!workspace || standing === 'ended' || this.#ending.has(dispatchId)) continue;
      const { mtimeMs } = await stat(join(workspace.root, '.pugi', CURRENT));
      const silentMs = Date.now() - mtimeMs;
      if (standing === undefined && silentMs > UNBEGUN_MS) await this.#remove(dispatchId, workspace);
      if (standing !== 'open' || silentMs < FORGOTTEN_MS) continue;
      await markKept(workspace);
      await this.#putAside(dispatchId, workspace);
    }
  }

  async #remove(dispatchId: string, workspace: HostWorkspace): Promise<void> {
    await workspace.close();
    await rm(workspace.root, { recursive: true, force: true });
    this.#open.delete(dispatchId);
  }

  async #putAway(dispatchId: string, opening: Promise<HostWorkspace>): Promise<void> {
    const workspace = await opening;
    if (workspace.knows(dispatchId) !== 'ended') return;
    // What was not told is told by the next process.
    if (!(await workspace.isTold())) return;
    await this.#putAside(dispatchId, workspace);
  }

  /** Invariant 2. */
  async #putAside(dispatchId: string, workspace: HostWorkspace): Promise<void> {
    await workspace.close();
    failpoint('agents.remote.ended');
    const isKept = await isThere(join(workspace.root, '.pugi', KEEP));
    if (isKept) await rename(workspace.root, join(this.options.folder, 'kept', dispatchId));
    else await this.#file(dispatchId);
    this.#open.delete(dispatchId);
  }

  /** Files the log of a copy that has ended, and removes the rest. What a crash breaks off is done again. */
  async #file(dispatchId: string): Promise<void> {
    const { folder } = this.options;
    const copy = join(folder, 'open', dispatchId);
    const logs = join(folder, 'ended', dispatchId);
    await mkdir(logs, { recursive: true, mode: 0o700 });
    for (const name of await readdir(join(copy, '.pugi')).catch(goneAs([])))
      if (/^(events|torn-)/.test(name)) await rename(join(copy, '.pugi', name), join(logs, name));
    failpoint('agents.remote.filed');
    await rm(copy, { recursive: true, force: true });
  }
}

async function markKept({ root }: HostWorkspace): Promise<void> {
  await writeFile(join(root, '.pugi', KEEP), '');
  await syncFolder(join(root, '.pugi'));
}

/** The one that is written first stays. */
async function folderId(folder: string): Promise<string> {
  const path = join(folder, 'host-id');
  await createFileAtomic(path, randomUUID(), 0o600);
  const id = (await readFile(path, 'utf8')).trim();
  if (ID.test(id)) return id;
  throw new Error(`${path} holds no id; remove it while no dispatch is open in ${join(folder, 'open')}`);
}

/** For the host that is asked next: it may be this one again. */
export function notNow(message: string): ApplicationFailure {
  const category = ApplicationFailureCategory.BENIGN;
  return ApplicationFailure.create({ message, type: 'NOT_NOW', nextRetryDelay: NOT_NOW, category });
}
