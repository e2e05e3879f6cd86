import { createHash } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { closedTo } from '../sandbox/code-roots.js';

/**
 * Private directories of worker processes, in the system's temporary directory, so that a worker's environment names
 * no folder of the platform. Their prefix tells which runner directory they belong to, so a supervisor can clear what
 * a killed predecessor left.
 */
export class WorkerHomes {
  readonly #prefix: string;
  /** A worker with a user id of its own has to get to its directory. */
  readonly #base = [tmpdir(), '/tmp'].find((dir) => closedTo(dir) === undefined) ?? tmpdir();

  constructor(runnerDir: string) {
    const id = createHash('sha256').update(resolve(runnerDir)).digest('hex').slice(0, 12);
    this.#prefix = `pegasus-worker-${id}-`;
  }

  /** A fresh directory that only this user can enter. */
  make(): string {
    return mkdtempSync(join(this.#base, this.#prefix));
  }

  /** Removes one; a worker that still writes there is not an error. */
  async remove(home: string): Promise<void> {
    await rm(home, { recursive: true, force: true }).catch(() => undefined);
  }

  /** Removes all that a predecessor left. Call before the first `make`. */
  async clear(): Promise<void> {
    const names = await readdir(this.#base).catch(() => []);
    const left = names.filter((name) => name.startsWith(this.#prefix));
    await Promise.all(left.map((name) => this.remove(join(this.#base, name))));
  }
}
