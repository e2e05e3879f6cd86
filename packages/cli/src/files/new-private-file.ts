import { open, rm, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { PegasusError } from '@pegasus-workflows/contracts/errors';
import { unwritable } from './file-errors.js';
import { isCode } from './write-atomically.js';

/**
 * A file for a secret that is still to come: made at once, readable by its owner alone, and never in place of another,
 * so that a secret is asked for only when there is a place for it. Either {@link keep} or {@link discard} ends it.
 */
export class NewPrivateFile {
  private constructor(
    readonly path: string,
    private readonly handle: FileHandle,
  ) {}

  /**
   * @param given below the working folder; undefined makes none
   * @throws PegasusError CONFLICT when it is there, INTERNAL_ERROR when it cannot be made
   */
  static async create(cwd: string, given: string | undefined): Promise<NewPrivateFile | undefined> {
    if (given === undefined) return undefined;
    const file = path.resolve(cwd, given);
    try {
      return new NewPrivateFile(file, await open(file, 'wx', 0o600));
    } catch (error) {
      if (!isCode(error, 'EEXIST')) throw unwritable(file, error, 'Give a file in a folder that is there.');
      throw new PegasusError('CONFLICT', `${file} is there already; it is not overwritten.`, {
        cause: error,
        hint: 'Give another file, or move that one away.',
      });
    }
  }

  /** Writes one line, to the disk. */
  async keep(secret: string): Promise<void> {
    try {
      await this.handle.writeFile(`${secret}\n`);
      await this.handle.sync();
    } finally {
      await this.handle.close();
    }
  }

  async discard(): Promise<void> {
    await this.handle.close();
    await rm(this.path, { force: true });
  }
}
