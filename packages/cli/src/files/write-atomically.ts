import { randomBytes } from 'node:crypto';
import { type Stats } from 'node:fs';
import {
  chown,
  lstat,
  mkdir,
  readdir,
  readlink,
  realpath,
  rename,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import path from 'node:path';
import { failpoint } from '@pegasus-workflows/kit/failpoints';

export interface WriteOptions {
  /** Permission bits of the new file; without, those of the file it replaces, else 0644. */
  mode?: number;
  /** Permission bits of folders that have to be made. */
  folderMode?: number;
  /** Named in failpoints: `<name>.after-draft` is between the whole new file and its taking the old one's place. */
  name: string;
}

/**
 * Replaces a file: a reader, and whoever looks after a crash, sees the old one or the new one. A link stays a link; what
 * it points at is replaced. Drafts that a killed process left behind are removed: call it under {@link withFileLock},
 * so that none of them is alive.
 */
export async function writeAtomically(file: string, text: string, options: WriteOptions): Promise<void> {
  const target = await linkTarget(file);
  await mkdir(path.dirname(target), { recursive: true, mode: options.folderMode });
  const replaced = await statIfThere(target);
  const draft = `${target}.${randomBytes(6).toString('hex')}.draft`;
  await removeDrafts(target);
  try {
    const mode = options.mode ?? (replaced ? replaced.mode & 0o777 : 0o644);
    await writeFile(draft, text, { mode, flag: 'wx', flush: true });
    if (replaced) await keepOwner(draft, replaced);
    failpoint(`${options.name}.after-draft`);
    await rename(draft, target);
  } catch (error) {
    await rm(draft, { force: true }).catch(() => undefined);
    throw error;
  }
}

/** Where a path leads, also when nothing is there yet. */
export async function linkTarget(file: string): Promise<string> {
  try {
    return await realpath(file);
  } catch (error) {
    if (!isCode(error, 'ENOENT')) throw error;
  }
  const link = await lstat(file).catch(() => undefined);
  return link?.isSymbolicLink() ? path.resolve(path.dirname(file), await readlink(file)) : file;
}

async function removeDrafts(target: string): Promise<void> {
  const folder = path.dirname(target);
  const mine = new RegExp(`^\\.[0-9a-f]{12}\\.draft$`);
  for (const name of await readdir(folder))
    if (name.startsWith(path.basename(target)) && mine.test(name.slice(path.basename(target).length)))
      await rm(path.join(folder, name), { force: true });
}

/** Root that edits a person's file must not take it away from them. */
async function keepOwner(draft: string, { uid, gid }: Stats): Promise<void> {
  if (process.getuid?.() === 0 && uid !== 0) await chown(draft, uid, gid);
}

async function statIfThere(file: string): Promise<Stats | undefined> {
  try {
    return await stat(file);
  } catch (error) {
    if (isCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** Whether an error is the file system's, with this code. */
export function isCode(error: unknown, ...codes: string[]): boolean {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code));
}
