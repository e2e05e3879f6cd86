/**
 * Job: what a worker whose network has nothing in it does to be reached, and to reach out.
 *
 * Boundary: runs before any code of a tenant. It enforces nothing: who undoes it has a network with nothing in it.
 */
import { request } from 'node:http';
import { createServer, Socket, type LookupFunction, type TcpNetConnectOpts } from 'node:net';
import { z } from 'zod';
import { OWN_NETWORK, PORT_NAMES, type PortName } from '../own-network-ports.js';

/** Makes the listening sockets in here and hands them to the supervisor. Resolves when it has closed Node's IPC. */
export async function handOutPorts(): Promise<void> {
  const closed = new Promise<void>((resolve) => process.once('disconnect', resolve));
  await Promise.all(PORT_NAMES.map(handOut));
  await closed;
}

function handOut(name: PortName): Promise<void> {
  const server = createServer();
  // A tunnel is claimed by the address that was dialled.
  const host = name === 'tunnel' ? '0.0.0.0' : '127.0.0.1';
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port: OWN_NETWORK[name], exclusive: true }, () => {
      process.send!({ type: 'port', name }, server, {}, (error) => {
        server.close();
        if (error) reject(error);
        else resolve();
      });
    });
  });
}

/**
 * From here on every TCP connection of this thread to another place goes by a tunnel that the supervisor opens, or
 * refuses. It is put under `net.Socket`, where the clients of all protocols meet: `fetch`, `http`, `https`, drivers of
 * databases; names are resolved by the supervisor.
 */
export function tunnelConnections(): void {
  const connect = Socket.prototype.connect as (this: Socket, ...args: unknown[]) => Socket;
  Socket.prototype.connect = function (this: Socket, ...args: unknown[]): Socket {
    const [options, listener] = connectArguments(args);
    const target = targetOf(options);
    if (!target) return connect.apply(this, args);
    const { localAddress: _address, localPort: _port, ...rest } = options as Partial<TcpNetConnectOpts>;
    const tunnel = {
      ...rest,
      host: 'tunnel.invalid',
      port: OWN_NETWORK.tunnel,
      family: 4,
      autoSelectFamily: false,
      lookup: reserveInstead(target),
    };
    return connect.call(this, tunnel, listener);
  } as typeof Socket.prototype.connect;
}

/** `connect(options, listener)`, `connect(port, host, listener)`, `connect(path)`, or what `net.connect` made of them. */
function connectArguments(args: unknown[]): [options: Record<string, unknown>, listener: unknown] {
  const [first, second] = args;
  if (Array.isArray(first)) return [(first[0] ?? {}) as Record<string, unknown>, first[1]];
  const listener = args.findLast((arg) => typeof arg === 'function');
  if (typeof first === 'object' && first !== null) return [first as Record<string, unknown>, listener];
  if (typeof first === 'string' && !/^\d+$/.test(first)) return [{ path: first }, listener];
  return [{ port: first, ...(typeof second === 'string' ? { host: second } : {}) }, listener];
}

interface Target {
  host: string;
  port: number;
}

/** Where a connection is to go; nowhere for a path, and for the supervisor's own ports. */
function targetOf({ path, host, port }: Record<string, unknown>): Target | undefined {
  if (path !== undefined && path !== null) return undefined;
  const target = { host: typeof host === 'string' && host !== '' ? host : 'localhost', port: Number(port) };
  const ours = target.port === OWN_NETWORK.gateway || target.port === OWN_NETWORK.http;
  // What is no port is for Node to refuse, in its own words.
  return !Number.isInteger(target.port) || (ours && target.host === '127.0.0.1') ? undefined : target;
}

const reservedSchema = z.object({ address: z.ipv4() });
const refusedSchema = z.object({ error: z.string(), code: z.string() });

function reserveInstead(target: Target): LookupFunction {
  return (_name, { all }, done) => {
    reserve(target).then(
      (address) => (all ? done(null, [{ address, family: 4 }]) : done(null, address, 4)),
      (error: NodeJS.ErrnoException) => done(error, '', 4),
    );
  };
}

async function reserve({ host, port }: Target): Promise<string> {
  const answer = await post('/tunnels/', JSON.stringify({ host, port }));
  const reserved = reservedSchema.safeParse(answer);
  if (reserved.success) return reserved.data.address;
  const refused = refusedSchema.safeParse(answer);
  const { error, code } = refused.success
    ? refused.data
    : { error: 'the supervisor does not answer', code: 'ECONNREFUSED' };
  throw Object.assign(new Error(error), { code, syscall: 'connect', address: host, port });
}

function post(path: string, body: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const sent = request(
      { host: '127.0.0.1', port: OWN_NETWORK.http, path, method: 'POST', agent: false },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        response.on('error', reject);
        response.on('end', () => {
          try {
            resolve(JSON.parse(text));
          } catch (error) {
            reject(error as Error);
          }
        });
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}
