/**
 * Job: put a new project at its place, complete or not at all.
 *
 * Boundary: paths and texts in, files on disk out; what the files say is decided elsewhere.
 *
 * Invariants
 * 1. A target that holds anything is refused, and nothing of it is touched.
 * 2. The project is written beside its place and moved there by one rename, so a process killed at any moment leaves
 *    the target as it was or complete.
 * 3. A folder that cannot be replaced (the working directory, a mount, a place whose parent is read-only) is written
 *    in place, the manifest last: what a killed process leaves there is not yet a project.
 * 4. A failure leaves nothing behind, neither a draft nor part of a project.
 */
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { PegasusError } from '@pegasus-workflows/contracts';
import { failpoint } from '@pegasus-workflows/kit/failpoints';
import { isWithin } from '../files/is-within.js';
import { isCode } from '../files/write-atomically.js';

/** What makes a folder a project. */
const MANIFEST = 'pegasus-workflows.toml';

/**
 * Writes the files below `target`, which must be absent or an empty folder.
 *
 * @param busy folders that must stay the very folders they are, such as the working directory
 * @throws PegasusError CONFLICT when the target is occupied
 */
export async function writeProject(
  target: string,
  files: ReadonlyMap<string, string>,
  busy: readonly string[],
): Promise<void> {
  await refuseOccupied(target);
  const replaceable = !busy.some((folder) => isWithin(target, folder));
  if (replaceable && (await moveIntoPlace(target, files))) return;
  await writeInPlace(target, files);
}

/** Whether the system allowed it; a place that somebody filled meanwhile is refused as before. */
async function moveIntoPlace(target: string, files: ReadonlyMap<string, string>): Promise<boolean> {
  const draft = path.join(path.dirname(target), `.${path.basename(target)}.${process.pid}.tmp`);
  try {
    await writeFiles(draft, files);
    failpoint('init.before-move');
    await rename(draft, target);
    return true;
  } catch (error) {
    await refuseOccupied(target);
    if (isCode(error, 'EBUSY', 'EPERM', 'EACCES', 'EROFS', 'EEXIST')) return false;
    throw error;
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

async function writeInPlace(target: string, files: ReadonlyMap<string, string>): Promise<void> {
  const inOrder = [...files].sort(([a], [b]) => Number(a === MANIFEST) - Number(b === MANIFEST));
  try {
    await writeFiles(target, new Map(inOrder));
  } catch (error) {
    // The folder was empty: all that is in it now is ours.
    const ours = new Set([...files.keys()].map((file) => file.split('/')[0]!));
    await Promise.all([...ours].map((name) => rm(path.join(target, name), { recursive: true, force: true })));
    throw error;
  }
}

async function writeFiles(folder: string, files: ReadonlyMap<string, string>): Promise<void> {
  for (const [file, text] of files) {
    const place = path.join(folder, file);
    await mkdir(path.dirname(place), { recursive: true });
    await writeFile(place, text);
  }
}

async function refuseOccupied(target: string): Promise<void> {
  let entries: string[];
  try {
    entries = await readdir(target);
  } catch (error) {
    if (isCode(error, 'ENOENT')) return;
    if (isCode(error, 'ENOTDIR'))
      throw new PegasusError('CONFLICT', `${target} is a file.`, {
        hint: 'Name another place: --dir <dir>.',
      });
    throw error;
  }
  if (entries.length > 0)
    throw new PegasusError('CONFLICT', `${target} is not empty; nothing was written.`, {
      hint: 'Name an empty or new folder: --dir <dir>.',
    });
}
