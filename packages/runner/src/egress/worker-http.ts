/**
 * Job: the HTTP server that one worker finds at its `http` port: routes of the supervisor by prefix, and a proxy to
 * the world (`CONNECT`, and absolute-form `http://`) under the platform's egress policy.
 *
 * Boundary: never listens; it is handed the connections of one worker. Whom a request belongs to is known by that, not
 * by anything in it.
 *
 * Invariants
 * 1. A path is matched after it was resolved as URLs are, so that no `..` and no `%2e` reaches another prefix.
 * 2. A refusal is one sentence; the log has its host, at most `MAX_LOGGED` for a worker.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type Socket } from 'node:net';
import { type Duplex } from 'node:stream';
import { type Logger } from '@pegasus-workflows/kit';
import { type Connect } from './connect.js';
import { join } from './join.js';
import { passOn } from './pass-on.js';
import { refusalOf, type Refusal } from './refusal.js';

const MAX_HEADER_BYTES = 32 * 1024;
const MAX_LOGGED = 100;

/** What answers requests under a prefix. `url` has the resolved path and query. */
export interface WorkerRoute {
  /** Begins and ends with a slash. */
  prefix: string;
  handle: (request: IncomingMessage, response: ServerResponse, url: URL) => Promise<void> | void;
}

export class WorkerHttp {
  readonly #server: Server;
  #refusals = 0;

  constructor(
    private readonly routes: readonly WorkerRoute[],
    private readonly connect: Connect,
    private readonly logger: Logger,
  ) {
    this.#server = createServer({ maxHeaderSize: MAX_HEADER_BYTES }, (request, response) => {
      void this.#answer(request, response).catch((error: unknown) => {
        this.logger.debug({ err: error }, 'a request of a worker ended early');
        fail(response, { status: 502, code: 'EPIPE', message: 'The other side did not answer.' });
      });
    });
    this.#server.on('connect', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      void this.#tunnel(request, socket, head);
    });
  }

  /** Serves one connection of the worker. */
  accept(socket: Socket): void {
    this.#server.emit('connection', socket);
  }

  /** Notes a refusal in the log; see invariant 2. */
  refused(host: string, refusal: Refusal): void {
    if (refusal.status !== 403 || (this.#refusals += 1) > MAX_LOGGED) return;
    this.logger.warn({ host: host.slice(0, 253) }, 'a connection of tenant code was refused');
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const asked = request.url ?? '/';
    if (/^https?:\/\//i.test(asked)) return this.#proxy(request, response, asked);
    const url = parseUrl(asked, 'http://worker.invalid');
    const route = url && this.routes.find(({ prefix }) => url.pathname.startsWith(prefix));
    if (!url || !route) {
      fail(
        response,
        { status: 400, code: 'EINVAL', message: 'There is nothing at this path for a worker.' },
        404,
      );
      return;
    }
    await route.handle(request, response, url);
  }

  async #proxy(request: IncomingMessage, response: ServerResponse, asked: string): Promise<void> {
    const url = parseUrl(asked);
    if (url?.protocol !== 'http:') {
      const message =
        'The proxy takes http:// requests as they are; for https:// it has to be asked by CONNECT.';
      fail(response, { status: 400, code: 'EINVAL', message });
      return;
    }
    const host = bare(url.hostname);
    const port = Number(url.port || 80);
    let socket: Socket;
    try {
      socket = await this.connect(host, port);
    } catch (error) {
      const refusal = refusalOf(error, host, port);
      this.refused(host, refusal);
      fail(response, refusal);
      return;
    }
    response.once('close', () => socket.destroy());
    await passOn(request, response, url, { socket });
  }

  async #tunnel(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const url = parseUrl(`https://${request.url ?? ''}`);
    const host = bare(url?.hostname ?? '');
    const port = Number(url?.port || 443);
    socket.on('error', () => socket.destroy());
    try {
      const upstream = await this.connect(host, port);
      if (socket.destroyed) {
        upstream.destroy();
        return;
      }
      socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      if (head.length > 0) upstream.write(head);
      join(socket, upstream);
    } catch (error) {
      const refusal = refusalOf(error, host, port);
      this.refused(host, refusal);
      const body = `${refusal.message}\n`;
      socket.end(
        `HTTP/1.1 ${refusal.status} Refused\r\ncontent-type: text/plain; charset=utf-8\r\n` +
          `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
      );
    }
  }
}

function parseUrl(text: string, base?: string): URL | undefined {
  try {
    return new URL(text, base);
  } catch {
    return undefined;
  }
}

function bare(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, '');
}

/** Answers with a refusal, where nothing has been answered yet. */
export function fail(response: ServerResponse, refusal: Refusal, status: number = refusal.status): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  response.writeHead(status, { 'content-type': 'application/json', connection: 'close' });
  response.end(JSON.stringify({ error: refusal.message, code: refusal.code }));
}
