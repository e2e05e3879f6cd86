import { type Server } from 'node:http';
import { type Socket } from 'node:net';
import { serve } from '@hono/node-server';

/** Where requests come in; made by {@link listen}. */
export interface Listener {
  /** The one that was asked for; for 0, the one that the system has chosen. */
  port: number;
  /**
   * Takes no new connection. Resolves when every request that has begun is answered: long polls and live streams are
   * for their owners to end.
   */
  close(): Promise<void>;
}

/** An upload may take as long as its URL lives. */
const REQUEST_TIMEOUT_MS = 900_000;
/** Longer than clients keep an idle connection, so that it is they who close it and no request meets a closed one. */
const KEEP_ALIVE_MS = 75_000;
const LOOK_AGAIN_MS = 50;

/** Resolves once connections are taken; rejects when the address is not to be had. */
export function listen(
  fetch: Parameters<typeof serve>[0]['fetch'],
  { host, port }: { host: string; port: number },
): Promise<Listener> {
  return new Promise((resolve, reject) => {
    const sockets = new Set<Socket>();
    const server = serve({ fetch, hostname: host, port }, (taken) =>
      resolve({ port: taken.port, close: () => closeInOrder(server, sockets) }),
    ) as Server;
    server.requestTimeout = REQUEST_TIMEOUT_MS;
    server.keepAliveTimeout = KEEP_ALIVE_MS;
    server.on('connection', (socket: Socket) => {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
    });
    server.once('error', reject);
  });
}

async function closeInOrder(server: Server, sockets: ReadonlySet<Socket>): Promise<void> {
  const closeIdle = (): void => {
    server.closeIdleConnections();
    // Opened ahead of a request that may never come, as browsers and Node's fetch do: Node does not count it as idle.
    for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy();
  };
  // A connection becomes idle when its last answer is out, which nothing tells.
  const looking = setInterval(closeIdle, LOOK_AGAIN_MS);
  try {
    await new Promise<void>((done) => server.close(() => done()));
  } finally {
    clearInterval(looking);
  }
}
