import type { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { RootsListChangedNotificationSchema } from '@modelcontextprotocol/sdk/types.js';
import { realpath } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { PegasusError } from '@pegasus-workflows/contracts';

/** How long a client may take to say what its roots are, in milliseconds. */
const ANSWER_MS = 30_000;

/**
 * The folders that the client offers as roots: asked for when they are first needed, and again after it said that they
 * changed. Real paths of the file roots that exist here; undefined for a client that offers none.
 */
export class ClientRoots {
  #known: Promise<string[] | undefined> | undefined;

  constructor(private readonly server: Server) {
    server.setNotificationHandler(RootsListChangedNotificationSchema, () => {
      this.#known = undefined;
    });
  }

  /** @throws PegasusError SERVICE_UNAVAILABLE when the client has roots but does not tell them: nothing is guessed */
  async list(): Promise<string[] | undefined> {
    if (!this.server.getClientCapabilities()?.roots) return undefined;
    this.#known ??= this.#ask();
    const asked = this.#known;
    try {
      return await asked;
    } catch (error) {
      if (this.#known === asked) this.#known = undefined;
      throw new PegasusError('SERVICE_UNAVAILABLE', 'This client offers roots but did not say which.', {
        hint: 'Nothing was read or written. Try again.',
        cause: error,
      });
    }
  }

  async #ask(): Promise<string[] | undefined> {
    const { roots } = await this.server.listRoots(undefined, { timeout: ANSWER_MS });
    if (roots.length === 0) return undefined;
    const real = await Promise.all(roots.map(({ uri }) => folderOf(uri)));
    return real.filter((folder) => folder !== undefined);
  }
}

async function folderOf(uri: string): Promise<string | undefined> {
  try {
    return await realpath(fileURLToPath(uri));
  } catch {
    return undefined;
  }
}
