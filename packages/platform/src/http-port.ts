import { PegasusError } from '@pegasus-workflows/contracts';
import { freePort, isPortFree, nextFreePort } from './process/ports.js';

/** Where a platform on one machine listens unless told otherwise. */
export const DEFAULT_PORT = 4800;

export interface ChosenPort {
  port: number;
  /** The wanted port, when it was taken. */
  movedFrom: number | undefined;
}

/**
 * Decides the port of the HTTP API. A taken one moves to the next free one, unless a person asked for it.
 * @throws PegasusError CONFLICT when an explicit port is taken, or the next hundred are.
 */
export async function choosePort(
  host: string,
  wanted: number = DEFAULT_PORT,
  explicit = false,
): Promise<ChosenPort> {
  if (wanted === 0) return { port: await freePort(host), movedFrom: undefined };
  if (await isPortFree(host, wanted)) return { port: wanted, movedFrom: undefined };
  if (explicit)
    throw new PegasusError('CONFLICT', `port ${wanted} of ${host} is taken`, {
      hint: 'choose another --port, or leave it out to have a free one found',
    });
  const port = await nextFreePort(host, wanted + 1);
  if (port === undefined)
    throw new PegasusError('CONFLICT', `ports ${wanted} to ${wanted + 100} of ${host} are all taken`, {
      hint: 'choose one with --port',
    });
  return { port, movedFrom: wanted };
}
