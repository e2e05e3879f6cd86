import { randomUUID } from 'node:crypto';
import { link, open, rename, rm } from 'node:fs/promises';

/** Replaces a file's content at once: a reader sees the old or the new whole, and a crash leaves one of them. */
export async function writeFileAtomic(path: string, content: string, mode: number): Promise<void> {
  const staged = await writeStaged(path, content, mode);
  await rename(staged, path);
}

/** Like {@link writeFileAtomic}, but the first writer wins: false, and nothing changed, when the file exists. */
export async function createFileAtomic(path: string, content: string, mode: number): Promise<boolean> {
  const staged = await writeStaged(path, content, mode);
  try {
    await link(staged, path);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(staged, { force: true });
  }
}

async function writeStaged(path: string, content: string, mode: number): Promise<string> {
  const staged = `${path}.${randomUUID()}`;
  const handle = await open(staged, 'wx', mode);
  try {
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
  return staged;
}

/** A name that was made or changed in a folder survives a loss of power only once the folder is written. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
