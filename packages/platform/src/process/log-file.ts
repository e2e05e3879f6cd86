import { open, rename, stat, type FileHandle } from 'node:fs/promises';

const ROTATE_BYTES = 32 * 1024 * 1024;
const TAIL_BYTES = 64 * 1024;

/** A log opened for one run of a process. */
export interface LogFile {
  /** To be handed to a child as standard output and error; close it once the child has it. */
  handle: FileHandle;
  /** Where this run's output begins, in bytes. */
  offset: number;
}

/** Opens a log for appending; one that has grown past 32 MiB becomes `<name>.1` first. */
export async function openLog(path: string): Promise<LogFile> {
  const size = await stat(path).then(
    (found) => found.size,
    () => 0,
  );
  if (size > ROTATE_BYTES) await rename(path, `${path}.1`);
  const handle = await open(path, 'a', 0o600);
  return { handle, offset: (await handle.stat()).size };
}

/** The last lines of a log that were written from `offset` on, oldest first. */
export async function tailLog(path: string, offset: number, lines: number): Promise<string[]> {
  try {
    const handle = await open(path, 'r');
    try {
      const { size } = await handle.stat();
      const start = Math.max(offset, size - TAIL_BYTES);
      if (size <= start) return [];
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(size - start), 0, size - start, start);
      return buffer.toString('utf8', 0, bytesRead).split('\n').filter(Boolean).slice(-lines);
    } finally {
      await handle.close();
    }
  } catch {
    return [];
  }
}
