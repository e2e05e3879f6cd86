import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createFileAtomic, syncFolder } from '@pegasus-workflows/kit/files';
import { failpoint } from '@pegasus-workflows/kit/failpoints';
import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common';
import { packResult, unpackWorkspace } from '../../isolation/bundles.js';
import { inScratch } from '../../isolation/scratch.js';
import { EventLog } from '../../log/event-log.js';
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

/** A copy that nobody has asked anything of for so long is put to those that are kept. */
const FORGOTTEN_MS = 30 * 24 * 3_600_000;
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
    const log = await EventLog.open(folder);
    const copies = new Copies(options, log, await folderId(folder));
    try {
      for (const name of await readdir(join(folder, 'open'))) await copies.#find(name);
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

  /** Makes a copy, or finds it made. Rejects, to be asked again later, where there are as many as there may be. */
  async take({ dispatchId, taskId }: Where, { work, bundle }: Handed): Promise<void> {
    const there = this.#open.get(dispatchId);
    if (there) return void (await there);
    if (this.#open.size >= this.options.most)
      throw notNow(`This host works on ${this.#open.size} dispatches, as many as it may.`);
    const making = this.#make(dispatchId, bundle);
    this.#open.set(dispatchId, making);
    making.catch(() => this.#open.delete(dispatchId));
    await making;
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
    const { root } = await this.workspaceOf(where);
    await writeFile(join(root, '.pugi', KEEP), '');
    await syncFolder(join(root, '.pugi'));
  }

  /** Puts a dispatch away, if it has ended. Resolves at once; {@link close} waits for what is under way. */
  putAway({ dispatchId }: Where): void {
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

  /** Invariant 1. */
  async #make(dispatchId: string, bundle: Handed['bundle']): Promise<HostWorkspace> {
    const folder = join(this.options.folder, 'open');
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
    const opening = this.#workspace(name);
    this.#open.set(name, opening);
    opening.catch(() => this.#open.delete(name));
    const workspace = await opening;
    if (workspace.knows(name) === 'ended') return this.putAway({ dispatchId: name } as Where);
    const { mtimeMs } = await stat(join(workspace.root, '.pugi', 'events.jsonl'));
    if (Date.now() - mtimeMs < FORGOTTEN_MS) return;
    await writeFile(join(workspace.root, '.pugi', KEEP), '');
    await this.#putAside(name, workspace);
  }

  async #putAway(dispatchId: string, opening: Promise<HostWorkspace>): Promise<void> {
    const workspace = await opening;
    if (workspace.knows(dispatchId) !== 'ended') return;
    // What was not told is told by the next process.
    if (!(await workspace.isTold())) return;
    await this.#putAside(dispatchId, workspace);
  }

  /** Its log is closed by now, or will be; each step may have been done before a crash. */
  async #putAside(dispatchId: string, workspace: HostWorkspace): Promise<void> {
    const { folder } = this.options;
    await workspace.close();
    const isKept = await isThere(join(workspace.root, '.pugi', KEEP));
    failpoint('agents.remote.ended');
    if (isKept) await rename(workspace.root, join(folder, 'kept', dispatchId));
    else {
      const logs = join(folder, 'ended', dispatchId);
      await mkdir(logs, { recursive: true, mode: 0o700 });
      for (const name of await readdir(join(workspace.root, '.pugi')))
        if (/^(events|torn-).*/.test(name))
          await rename(join(workspace.root, '.pugi', name), join(logs, name));
      await rm(workspace.root, { recursive: true, force: true });
    }
    this.#open.delete(dispatchId);
  }
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

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false;
      throw error;
    },
  );
}
