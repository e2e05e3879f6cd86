import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/** Below the ports that Linux, macOS and Windows give to outgoing connections. */
const [FIRST, LAST] = [10_240, 32_767];
const ATTEMPTS = 20;

/**
 * A port of `host` that was free a moment ago. Whoever listens there does so seconds later: one that the system had
 * chosen might have become the near end of somebody's connection by then.
 */
export async function freePort(host: string): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const port = randomInt(FIRST, LAST + 1);
    if (await isPortFree(host, port)) return port;
  }
  const port = await tryListen(host, 0);
  if (port === undefined) throw new Error(`no free port on ${host}`);
  return port;
}

/** Whether a port of `host` can be listened on now. */
export async function isPortFree(host: string, port: number): Promise<boolean> {
  return (await tryListen(host, port)) !== undefined;
}

/** The first free port of `host` from `from` on, within the next hundred; undefined when all are taken. */
export async function nextFreePort(host: string, from: number): Promise<number | undefined> {
  for (let port = from; port < from + 100 && port <= 65_535; port++) {
    if (await isPortFree(host, port)) return port;
  }
  return undefined;
}

function tryListen(host: string, port: number): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve(undefined);
      else reject(error);
    });
    server.listen({ host, port, exclusive: true }, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : undefined));
    });
  });
}
