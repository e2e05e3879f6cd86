import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { syncFolder, writeFileAtomic } from '@pegasus-workflows/kit/files';
import { failpoint } from '@pegasus-workflows/kit/failpoints';
import { sha256 } from '../digest.js';
import { ToolError } from './tool-error.js';

/**
 * Job: remembers which call has done what, so that a call that is made again after a crash does nothing twice.
 *
 * Boundary: one file for each call that changes something, in a folder that no tool writes to. The dispatch forgets its
 * calls when it ends, and names them: two calls of one name are taken for one.
 *
 * Invariants
 * 1. A call's entry is on disk before its effect is.
 * 2. An entry says what the file was and what it is to be, so that whoever finds it can tell which of the two there is.
 * 3. What cannot be told apart so (a command, a request) is done at most once: it is noted as begun before, and as done,
 *    with what it said, after. A call that was begun and not done is an error for good.
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

/** What a call that is made at most once came to. */
const outcomeSchema = z.object({ text: z.string(), filesChanged: z.array(z.string()) });
export type OnceOutcome = z.output<typeof outcomeSchema>;
const onceSchema = z.object({
  callId: z.string(),
  /** Digest of what it does. */
  does: z.string(),
  outcome: outcomeSchema.optional(),
});

/** Thrown by what is done once, for when it is certain that nothing was done: the call may be made again. */
export class NothingDone extends Error {
  constructor(readonly told: ToolError) {
    super(told.message);
  }
}

export class CallJournal {
  constructor(private readonly folder: string) {}

  /** Invariant 1. */
  async write(entry: JournalEntry): Promise<void> {
    await this.#put(this.#file(entry.callId), entry);
  }

  async find(callId: string): Promise<JournalEntry | undefined> {
    return this.#get(this.#file(callId), entrySchema);
  }

  /**
   * Does something that cannot be done twice (invariant 3); says again what it said, when it was done.
   * @param what what the call does: another thing under the same name is another call
   * @param work throws {@link NothingDone} when nothing was done
   * @throws ToolError INTERRUPTED when it was begun and nobody knows how far it came
   */
  async once(callId: string, what: string, work: () => Promise<OnceOutcome>): Promise<OnceOutcome> {
    const path = this.#file(callId, 'once');
    const does = sha256(what);
    const known = await this.#get(path, onceSchema);
    if (known?.does === does) {
      if (known.outcome) return known.outcome;
      throw new ToolError(
        'INTERRUPTED',
        'This call was begun before, was interrupted, and may have done a part of its work, or all of it. It was not made again: look at what is there before you decide to make it anew.',
      );
    }
    await this.#put(path, { callId, does });
    failpoint('agents.once.begun');
    try {
      const outcome = await work();
      failpoint('agents.once.worked');
      await this.#put(path, { callId, does, outcome });
      return outcome;
    } catch (error) {
      if (!(error instanceof NothingDone)) throw error;
      await rm(path, { force: true });
      throw error.told;
    }
  }

  /** The dispatch has ended: nobody will make its calls again. */
  async clear(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }

  /** On disk when it resolves, its name included. */
  async #put(path: string, value: object): Promise<void> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    await writeFileAtomic(path, JSON.stringify(value), 0o600);
    await syncFolder(this.folder);
  }

  async #get<T>(path: string, schema: z.ZodType<T>): Promise<T | undefined> {
    try {
      return schema.parse(JSON.parse(await readFile(path, 'utf8')));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  /** A model names its calls, and may name them anything. */
  #file(callId: string, kind = 'write'): string {
    return join(this.folder, `${sha256(callId)}${kind === 'write' ? '' : `.${kind}`}.json`);
  }
}
