import { Server, type Socket } from 'node:net';
import { PegasusError } from '@pegasus-workflows/contracts';
import { type Logger } from '@pegasus-workflows/kit';
import { type EgressPolicy } from '@pegasus-workflows/kit/egress';
import { egressConnect, type Connect } from '../egress/connect.js';
import { WorkerHttp } from '../egress/worker-http.js';
import { OWN_NETWORK } from '../own-network-ports.js';

/**
 * The way out for commands whose network has nothing in it: an HTTP proxy that listens in there and connects from out
 * here, to where the platform's policy lets it. Names are resolved, and addresses checked, on this side.
 */
const MAX_CONNECTIONS = 256;

/** Run by Node inside, before the command: it makes the listening socket in there and hands it out here. */
export const HAND_OUT_PORT = `
const server = require('node:net').createServer();
process.once('disconnect', () => process.exit(0));
server.listen({ host: '127.0.0.1', port: ${OWN_NETWORK.http}, exclusive: true }, () =>
  process.send('port', server, {}, (error) => error && process.exit(1)));
`;

const PROXY = `http://127.0.0.1:${OWN_NETWORK.http}`;
/** By which programs find it. */
export const PROXY_ENVIRONMENT: Readonly<Record<string, string>> = {
  http_proxy: PROXY,
  https_proxy: PROXY,
  HTTP_PROXY: PROXY,
  HTTPS_PROXY: PROXY,
  ALL_PROXY: PROXY,
  NODE_USE_ENV_PROXY: '1',
};

/**
 * Serves what comes in at a socket that was handed out.
 *
 * @param handle as it came over IPC; anything but a listening socket is ignored
 * @param hosts the only names that it connects to; any where it is not given
 * @returns ends it, and every connection of it
 */
export function serveProxy(
  handle: unknown,
  policy: EgressPolicy,
  logger: Logger,
  hosts?: readonly string[],
): () => void {
  if (!(handle instanceof Server)) return () => undefined;
  const connect = egressConnect(policy);
  const proxy = new WorkerHttp([], hosts ? onlyTo(hosts, connect) : connect, logger);
  const open = new Set<Socket>();
  handle.maxConnections = MAX_CONNECTIONS;
  handle.on('connection', (socket) => {
    open.add(socket);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => open.delete(socket));
    proxy.accept(socket);
  });
  return () => {
    handle.close();
    for (const socket of open) socket.destroy();
  };
}

function onlyTo(hosts: readonly string[], connect: Connect): Connect {
  const names = new Set(hosts.map((host) => host.toLowerCase()));
  return async (host, port) => {
    if (names.has(host.toLowerCase())) return connect(host, port);
    throw new PegasusError(
      'EXTERNAL_ADDRESS_REFUSED',
      'The agent may connect to the hosts of its own alone.',
    );
  };
}
