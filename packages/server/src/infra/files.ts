import { open, stat } from 'node:fs/promises';

/** What the stores of files have in common. */

/** When a file was written last; `undefined` when it is not there. */
export async function writtenAt(path: string): Promise<Date | undefined> {
  return (await stat(path).catch(ignoreErrno('ENOENT')))?.mtime;
}

/** Makes a rename or link in `directory` survive a power cut. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** A catch handler that lets one errno pass as `undefined`. */
export function ignoreErrno(code: string): (error: unknown) => undefined {
  return (error) => {
    if (error instanceof Error && 'code' in error && error.code === code) return undefined;
    throw error;
  };
}
