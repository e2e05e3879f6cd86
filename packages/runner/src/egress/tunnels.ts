/**
 * Job: raw connections to the world for a worker whose own network has none.
 *
 * The worker reserves one (`POST /tunnels`), for a host and a port; it is opened here, if the policy allows, and gets
 * an address of 127.0.0.0/8. The worker's next connection to that address, on the tunnels' port, is joined with it.
 * So clients of any protocol work as they are, and need not know: `worker/own-network.ts` puts it under `net.Socket`.
 *
 * Invariants
 * 1. A reservation serves one connection, within `CLAIM_MS`.
 * 2. At most `MAX_CONNECTIONS` are reserved or in use by one worker.
 * 3. When the worker is gone, so is every connection of it.
 */
import { type Socket } from 'node:net';
import { type Connect } from './connect.js';
import { join } from './join.js';

const CLAIM_MS = 15_000;
const MAX_CONNECTIONS = 512;
/** 127.64.0.1 and up: far from what anybody listens on. */
const FIRST = (127 << 24) | (64 << 16) | 1;
const COUNT = 1 << 22;

export class Tunnels {
  readonly #reserved = new Map<string, { upstream: Socket; timer: NodeJS.Timeout }>();
  readonly #upstreams = new Set<Socket>();
  #opening = 0;
  #next = 0;

  constructor(private readonly connect: Connect) {}

  /**
   * Opens a connection and keeps it for the worker.
   *
   * @returns the address at which the worker claims it
   * @throws what {@link Connect} throws; Error with code EMFILE beyond the bound
   */
  async reserve(host: string, port: number): Promise<string> {
    if (this.#upstreams.size + this.#opening >= MAX_CONNECTIONS)
      throw Object.assign(new Error('too many connections'), { code: 'EMFILE' });
    this.#opening += 1;
    let upstream: Socket;
    try {
      upstream = await this.connect(host, port);
    } finally {
      this.#opening -= 1;
    }
    const address = this.#address();
    this.#upstreams.add(upstream);
    const timer = setTimeout(() => upstream.destroy(), CLAIM_MS);
    this.#reserved.set(address, { upstream, timer });
    upstream.once('close', () => {
      clearTimeout(timer);
      this.#upstreams.delete(upstream);
      if (this.#reserved.get(address)?.upstream === upstream) this.#reserved.delete(address);
    });
    return address;
  }

  /** A connection of the worker: joined with what was reserved at its address, else refused. */
  claim(socket: Socket): void {
    const address = socket.localAddress ?? '';
    const found = this.#reserved.get(address);
    if (!found) {
      socket.destroy();
      return;
    }
    this.#reserved.delete(address);
    clearTimeout(found.timer);
    join(socket, found.upstream);
  }

  close(): void {
    for (const upstream of this.#upstreams) upstream.destroy();
  }

  #address(): string {
    const number = FIRST + (this.#next++ % COUNT);
    return [24, 16, 8, 0].map((shift) => (number >>> shift) & 0xff).join('.');
  }
}
