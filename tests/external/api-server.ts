import { createServer, type IncomingHttpHeaders, type IncomingMessage, type Server } from 'node:http';
import { type AddressInfo } from 'node:net';

export interface SeenRequest {
  method: string;
  path: string;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

/** What a path answers; `hang` never does, `break` cuts the connection once the request has been read. */
export type Reply =
  { status: number; headers?: Record<string, string>; body?: string | Buffer } | 'hang' | 'break';

/** An outside API: remembers what it got, and answers path by path as it is asked to. */
export class ApiServer implements AsyncDisposable {
  readonly seen: SeenRequest[] = [];
  readonly #replies = new Map<string, (request: SeenRequest, nth: number) => Reply | Promise<Reply>>();

  private constructor(private readonly server: Server) {}

  static async start(): Promise<ApiServer> {
    const server = createServer();
    const api = new ApiServer(server);
    server.on('request', (request: IncomingMessage, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', async () => {
        const { method = '', url: path = '', headers } = request;
        const seen = { method, path, headers, body: Buffer.concat(chunks) };
        api.seen.push(seen);
        const [name] = path.split('?');
        const reply =
          (await api.#replies.get(name!)?.(seen, api.of(name!).length)) ?? json(200, { ok: true });
        if (reply === 'break') request.socket.destroy();
        else if (reply !== 'hang') response.writeHead(reply.status, reply.headers).end(reply.body);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return api;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** What a path answers to its n-th request, from 1. */
  on(path: string, reply: (request: SeenRequest, nth: number) => Reply | Promise<Reply>): void {
    this.#replies.set(path, reply);
  }

  of(path: string): SeenRequest[] {
    return this.seen.filter((request) => request.path.split('?')[0] === path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((done) => this.server.close(done));
  }
}

export function json(status: number, body: unknown, headers: Record<string, string> = {}): Reply {
  return { status, headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) };
}
