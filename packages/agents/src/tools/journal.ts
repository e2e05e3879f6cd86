import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { sha256 } from './workspace.js';

/**
 * Job: remembers which call has written what, so that a call that is made again after a crash does nothing twice.
 *
 * Boundary: one file for each call that writes, in a folder that no tool writes to. The dispatch forgets its calls when
 * it ends.
 *
 * Invariants
 * 1. A call's entry is on disk before its effect is.
 * 2. An entry says what the file was and what it is to be, so that whoever finds it can tell which of the two there is.
 */
const entrySchema = z.object({
  callId: z.string(),
  path: z.string(),
  /** Digest of the file before; null where there was none. */
  before: z.string().nullable(),
  after: z.string(),
  /** What the tool said, and says again. */
  text: z.string(),
});
export type JournalEntry = z.output<typeof entrySchema>;

export class CallJournal {
  constructor(private readonly folder: string) {}

  /** Invariant 1. */
  async write(entry: JournalEntry): Promise<void> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    const path = this.#file(entry.callId);
    const temporary = `${path}.new`;
    const handle = await open(temporary, 'w', 0o600);
    try {
      await handle.writeFile(JSON.stringify(entry));
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
  }

  async find(callId: string): Promise<JournalEntry | undefined> {
    try {
      return entrySchema.parse(JSON.parse(await readFile(this.#file(callId), 'utf8')));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  /** The dispatch has ended: nobody will make its calls again. */
  async clear(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }

  /** A model names its calls, and may name them anything. */
  #file(callId: string): string {
    return join(this.folder, `${sha256(callId)}.json`);
  }
}
