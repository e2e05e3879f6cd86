import { createServer, type Socket } from 'node:net';

/** A place where one worker process reaches its supervisor; nobody else does, where the host can enforce it. */
export interface WorkerPort {
  /** `host:port` as the worker dials it. */
  readonly address: string;
  onConnection(handler: (socket: Socket) => void): void;
  close(): void;
}

export interface WorkerPorts {
  readonly gateway: WorkerPort;
}

/** A port on this machine's loopback. */
export function loopbackPort(): Promise<WorkerPort> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      if (address === null || typeof address === 'string') return reject(new Error('no port'));
      resolve({
        address: `127.0.0.1:${address.port}`,
        onConnection: (handler) => void server.on('connection', handler),
        close: () => void server.close(),
      });
    });
  });
}
