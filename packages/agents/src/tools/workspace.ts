import { constants, type Dirent } from 'node:fs';
import { chmod, mkdir, mkdtemp, open, readdir, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { sha256 } from '../digest.js';
import { resolvePath } from '../paths/resolve.js';
import { type PathRef } from '../permissions/effects.js';
import { ToolError, type ToolErrorCode } from './tool-error.js';

/**
 * Job: opens and replaces the files that were judged, and no others.
 *
 * Boundary: one workspace. What may be opened is the permission engine's to say, by the {@link PathRef} that is given
 * here; between its word and the opening anybody may exchange a folder for a link.
 *
 * Invariants
 * 1. A file is opened through its folder's descriptor, and the folder is the one that was judged: a link that has come
 *    into the way since is an error, and nothing is read or written.
 * 2. A file is replaced whole: a reader sees the old one or the new one, also after a crash.
 *    This needs Linux's `/proc`; elsewhere nothing is opened at all.
 * 3. What is no regular file (a device, a pipe, a socket) is neither read nor replaced.
 * 4. With a stage (the folder of a lease), a file or a folder comes into the workspace by one rename of its path there
 *    alone: once the stage is gone, nothing does.
 */
const { O_DIRECTORY, O_NOFOLLOW, O_RDONLY, O_NONBLOCK, O_CREAT, O_EXCL, O_WRONLY } = constants;

export interface OpenedFile {
  handle: FileHandle;
  size: number;
  mode: number;
}

/** The lease under which a file was to be written is somebody else's. */
export const LEASE_LOST = 'LEASE_LOST' satisfies ToolErrorCode;

export class Workspace {
  /**
   * @param root absolute and real
   * @param stage where files are written before they are put in place (invariant 4); without it, beside their place
   */
  constructor(
    readonly root: string,
    private readonly stage?: string,
  ) {}

  resolve(requested: string): Promise<PathRef> {
    return resolvePath(this.root, requested);
  }

  /** `undefined` where there is no such file or folder. Throws {@link ToolError} CHANGED and NO_FILE. */
  async open(path: PathRef): Promise<OpenedFile | undefined> {
    return this.#inFolder(path, undefined, async (entry) => {
      const handle = await open(entry, O_RDONLY | O_NOFOLLOW | O_NONBLOCK).catch(orUndefined('ENOENT'));
      if (!handle) return undefined;
      const found = await handle.stat();
      if (found.isFile()) return { handle, size: found.size, mode: found.mode & 0o777 };
      await handle.close();
      throw new ToolError(
        'NO_FILE',
        `${shown(path)} is ${found.isDirectory() ? 'a folder' : 'no regular file'}.`,
      );
    });
  }

  /** All of a file, or `undefined`. Throws TOO_LARGE besides. */
  async read(path: PathRef, mostBytes: number): Promise<{ bytes: Buffer; mode: number } | undefined> {
    const opened = await this.open(path);
    if (!opened) return undefined;
    try {
      if (opened.size > mostBytes)
        throw new ToolError('TOO_LARGE', `${shown(path)} has ${opened.size} bytes, more than ${mostBytes}.`);
      return { bytes: await opened.handle.readFile(), mode: opened.mode };
    } finally {
      await opened.handle.close();
    }
  }

  /**
   * Puts a new file in the place of an old one, or of none (invariant 2). Folders on the way are made.
   * Throws LEASE_LOST when the stage is gone.
   * @param callId names the file that is written at first, so that one that a crash has left is used up
   * @param stage instead of the workspace's
   * @param before called when the new file is on disk and not yet in its place
   */
  async replace(
    path: PathRef,
    {
      bytes,
      mode,
      callId,
      stage = this.stage,
    }: { bytes: Buffer; mode: number; callId: string; stage?: string | undefined },
    before: () => Promise<void>,
  ): Promise<void> {
    const make = (folder: string): Promise<void> => makeFolder(folder, stage);
    await this.#inFolder(path, make, async (entry, folder) => {
      const temporary = posix.join(stage ?? posix.dirname(entry), `.pugi-${sha256(callId).slice(0, 16)}`);
      await rm(temporary, { force: true });
      const handle = await open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode).catch(
        staged(stage),
      );
      try {
        try {
          await handle.writeFile(bytes);
          await handle.chmod(mode);
          await handle.sync();
        } finally {
          await handle.close();
        }
        await before();
        await rename(temporary, entry).catch(staged(stage));
      } catch (error) {
        await rm(temporary, { force: true });
        throw error;
      }
      await folder.sync();
    });
  }

  /** What is in a folder, by its path from the root; nothing where there is no such folder (invariant 1). */
  async list(folder: string): Promise<Dirent[]> {
    const inside: PathRef = { requested: folder, real: `${folder}${folder && '/'}.`, through: [], links: 0 };
    try {
      const found = await this.#inFolder(inside, undefined, (entry) =>
        readdir(entry, { withFileTypes: true }),
      );
      return found ?? [];
    } catch (error) {
      if (error instanceof ToolError) return [];
      throw error;
    }
  }

  /** Invariant 1. `entry` is a path that leads through the folder's descriptor. `undefined`: there is no such folder. */
  async #inFolder<T>(
    path: PathRef,
    make: ((folder: string) => Promise<void>) | undefined,
    work: (entry: string, folder: FileHandle) => Promise<T>,
  ): Promise<T | undefined> {
    if (path.real === undefined) throw new ToolError('NO_FILE', `${shown(path)} leads out of the workspace.`);
    if (path.real === '') throw new ToolError('NO_FILE', `${shown(path)} is a folder.`);
    const folders = path.real.split('/');
    const name = folders.pop()!;
    let folder = await open(this.root, FOLDER);
    try {
      for (const part of folders) {
        const next = await openFolder(`${through(folder)}/${part}`, make);
        if (!next) return undefined;
        await folder.close();
        folder = next;
      }
      return await work(`${through(folder)}/${name}`, folder);
    } catch (error) {
      if (['ELOOP', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? ''))
        throw new ToolError('CHANGED', `The way to ${shown(path)} has changed meanwhile; ask again.`);
      throw error;
    } finally {
      await folder.close();
    }
  }
}

const FOLDER_MODE = 0o755;
const FOLDER = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;

/** Names in a folder by its descriptor: whatever is put into the place of its path, this is the folder that was opened. */
function through(folder: FileHandle): string {
  return `/proc/self/fd/${folder.fd}`;
}

async function openFolder(
  path: string,
  make: ((folder: string) => Promise<void>) | undefined,
): Promise<FileHandle | undefined> {
  const found = await open(path, FOLDER).catch(orUndefined('ENOENT'));
  if (found || !make) return found;
  await make(path);
  return open(path, FOLDER);
}

/** One that is there by now is as good. */
async function makeFolder(path: string, stage: string | undefined): Promise<void> {
  if (stage === undefined) {
    await mkdir(path).catch(orUndefined('EEXIST'));
    return;
  }
  const made = await mkdtemp(join(stage, 'folder-')).catch(staged(stage));
  try {
    await chmod(made, FOLDER_MODE).catch(staged(stage));
    await rename(made, path).catch(staged(stage));
  } catch (error) {
    await rm(made, { recursive: true, force: true });
    if (!['ENOTEMPTY', 'EEXIST', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? ''))
      throw error;
  }
}

/** For what was tried with a path of the stage. */
function staged(stage: string | undefined): (error: unknown) => Promise<never> {
  return async (error) => {
    const { code } = error as NodeJS.ErrnoException;
    if (stage === undefined) throw error;
    if (code === 'ENOENT') {
      const isThere = await stat(stage).catch(orUndefined('ENOENT'));
      if (isThere) throw new ToolError('CHANGED', 'The folder of the file has changed meanwhile; ask again.');
      throw new ToolError(
        LEASE_LOST,
        'The lease of the workspace was lost, since it was not renewed in time; nothing was written.',
      );
    }
    if (code === 'EXDEV')
      throw new ToolError(
        'CHANGED',
        'The folder of the file is on another file system than the lease of the workspace; it cannot be written.',
      );
    throw error;
  };
}

function shown({ requested }: PathRef): string {
  return JSON.stringify(requested);
}

function orUndefined(...codes: string[]): (error: unknown) => undefined {
  return (error) => {
    if (codes.includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  };
}
