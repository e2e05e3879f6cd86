/**
 * Job: the places where one worker reaches its supervisor.
 *
 * Boundary: accepts connections; what is spoken on them is the handler's. With a network of its own, the worker makes
 * the listening sockets in there before any code of a tenant and hands them out over Node's IPC, which is then closed
 * for good (`worker/own-network.ts`); nobody outside of that network can connect to them. Without one, the
 * supervisor listens on a port of 127.0.0.1 that the whole machine can reach.
 *
 * Invariants
 * 1. IPC carries the three sockets and nothing else; after the third, and after anything unexpected, it is closed.
 * 2. A worker never has more than `MAX_CONNECTIONS` connections to one port.
 * 3. Closed ports accept nothing, and what was accepted is destroyed.
 */
import { type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, Server, type AddressInfo, type Socket } from 'node:net';
import { z } from 'zod';
import { OWN_NETWORK, PORT_NAMES, type PortName } from '../own-network-ports.js';

/** A place where one worker process reaches its supervisor; nobody else does, where the host can enforce it. */
export interface WorkerPort {
  /** `host:port` as the worker dials it. */
  readonly address: string;
  onConnection(handler: (socket: Socket) => void): void;
  close(): void;
}

export interface WorkerPorts {
  /** Temporal's. */
  readonly gateway: WorkerPort;
  /** HTTP: the platform's API, artifacts, and the way out. */
  readonly http: WorkerPort;
  /** Raw connections to the world, by reservation; only where the worker has a network of its own. */
  readonly tunnel: WorkerPort | undefined;
}

const MAX_CONNECTIONS = 512;
const handedOverSchema = z.object({ type: z.literal('port'), name: z.enum(PORT_NAMES) });

/** Takes over the sockets that a worker with its own network hands out. Rejects when it hands out anything else. */
export function portsFromWorker(child: ChildProcess, exited: Promise<unknown>): Promise<WorkerPorts> {
  return new Promise((resolve, reject) => {
    const ports = new Map<PortName, WorkerPort>();
    let settled = false;
    const settle = (error?: Error): void => {
      if (settled) return;
      settled = true;
      child.removeListener('message', onMessage);
      if (child.connected) child.disconnect();
      if (!error) return resolve(portsOf(ports));
      for (const port of ports.values()) port.close();
      reject(error);
    };
    const onMessage = (raw: unknown, handle: unknown): void => {
      const parsed = handedOverSchema.safeParse(raw);
      if (!parsed.success || !(handle instanceof Server) || ports.has(parsed.data.name)) {
        settle(new Error('the worker handed out something else than its ports'));
        return;
      }
      const { name } = parsed.data;
      ports.set(name, portOf(handle, `127.0.0.1:${OWN_NETWORK[name]}`));
      if (ports.size === PORT_NAMES.length) settle();
    };
    child.on('message', onMessage);
    child.once('disconnect', () =>
      settle(new Error('the worker closed its channel before its ports were there')),
    );
    void exited.then(() => settle(new Error('the worker process ended')));
  });
}

function portsOf(ports: ReadonlyMap<PortName, WorkerPort>): WorkerPorts {
  return { gateway: ports.get('gateway')!, http: ports.get('http')!, tunnel: ports.get('tunnel')! };
}

/** Listens for a worker that shares this machine's network. */
export async function portsOnLoopback(): Promise<WorkerPorts> {
  const [gateway, http] = await Promise.all([listen(), listen()]);
  return { gateway, http, tunnel: undefined };
}

async function listen(): Promise<WorkerPort> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return portOf(server, `127.0.0.1:${(server.address() as AddressInfo).port}`);
}

function portOf(server: Server, address: string): WorkerPort {
  const sockets = new Set<Socket>();
  server.maxConnections = MAX_CONNECTIONS;
  // Who has said all may still listen: a tunnel carries any protocol.
  Object.assign(server, { allowHalfOpen: true });
  server.on('error', () => server.close());
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => sockets.delete(socket));
  });
  return {
    address,
    onConnection: (handler) => server.on('connection', handler),
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
