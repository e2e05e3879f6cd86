import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import { type AddressInfo } from 'node:net';
import { type WebhookMessage } from '@pegasus-workflows/contracts';

/** One call that a receiver has got. */
export interface ReceivedCall {
  path: string;
  headers: IncomingHttpHeaders;
  text: string;
  message: WebhookMessage;
}

/** What a receiver answers; `hang` never does, `break` cuts the connection after it has read everything. */
export type Behaviour = { status: number; headers?: Record<string, string> } | 'hang' | 'break';

/** A partner's HTTP server that remembers what it was told, and behaves as it is asked to, path by path. */
export class TestReceiver implements AsyncDisposable {
  readonly calls: ReceivedCall[] = [];
  readonly #behaviours = new Map<string, (nth: number) => Behaviour>();

  private constructor(private readonly server: Server) {}

  static async start(): Promise<TestReceiver> {
    const server = createServer();
    const receiver = new TestReceiver(server);
    server.on('request', (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const path = request.url ?? '/';
        const text = Buffer.concat(chunks).toString();
        receiver.calls.push({ path, headers: request.headers, text, message: JSON.parse(text) });
        const behaviour = receiver.#behaviours.get(path)?.(receiver.of(path).length) ?? { status: 204 };
        if (behaviour === 'break') request.socket.destroy();
        else if (behaviour !== 'hang') response.writeHead(behaviour.status, behaviour.headers).end();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return receiver;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  url(path: string): string {
    return `http://127.0.0.1:${this.port}${path}`;
  }

  /** What a path answers to its n-th call, from 1. */
  behave(path: string, behaviour: (nth: number) => Behaviour): void {
    this.#behaviours.set(path, behaviour);
  }

  of(path: string): ReceivedCall[] {
    return this.calls.filter((call) => call.path === path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((done) => this.server.close(done));
  }
}
