import { createServer, type IncomingHttpHeaders, type ServerResponse, type Server } from 'node:http';
import { type AddressInfo } from 'node:net';

export const ACCOUNT_SID = `AC${'0123456789abcdef'.repeat(2)}`;
export const AUTH_TOKEN = 'twilio-auth-token-of-the-tests';

export interface TwilioRequest {
  path: string;
  headers: IncomingHttpHeaders;
  form: Record<string, string>;
}

/** What it does with one request instead of taking the message over. */
export type Behaviour =
  | { status: number; code?: number; headers?: Record<string, string> }
  | 'break'
  | 'nonsense'
  | { wait: Promise<void> };

/** An HTTP server with the shapes of Twilio's Messages resource. */
export class TwilioServer implements AsyncDisposable {
  readonly requests: TwilioRequest[] = [];
  /** Asked for every request whose credentials are right; undefined takes the message over. */
  behave: (request: TwilioRequest) => Behaviour | undefined = () => undefined;

  private constructor(private readonly server: Server) {}

  static async start(): Promise<TwilioServer> {
    const server = createServer();
    const twilio = new TwilioServer(server);
    server.on('request', (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const form = Object.fromEntries(new URLSearchParams(Buffer.concat(chunks).toString()));
        const seen = { path: request.url ?? '/', headers: request.headers, form };
        twilio.requests.push(seen);
        void twilio.#answer(seen, response);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return twilio;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  to(number: string): TwilioRequest[] {
    return this.requests.filter(({ form }) => form['To'] === number);
  }

  async #answer(request: TwilioRequest, response: ServerResponse): Promise<void> {
    const expected = `Basic ${Buffer.from(`${ACCOUNT_SID}:${AUTH_TOKEN}`).toString('base64')}`;
    if (request.headers.authorization !== expected) return refuse(response, 401, 20003);
    const behaviour = this.behave(request);
    if (behaviour === 'break') return void response.socket?.destroy();
    if (behaviour === 'nonsense') return void response.writeHead(201).end('<html>');
    if (behaviour && 'status' in behaviour) {
      return refuse(response, behaviour.status, behaviour.code, behaviour.headers);
    }
    if (behaviour) await behaviour.wait;
    const { To: to, From: from, Body: body } = request.form;
    const sid = `SM${String(this.requests.length).padStart(32, '0')}`;
    response.writeHead(201, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ sid, status: 'queued', to, from: from ?? null, body, error_code: null }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((done) => this.server.close(done));
  }
}

function refuse(
  response: ServerResponse,
  status: number,
  code?: number,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(
    code === undefined
      ? 'no'
      : JSON.stringify({
          code,
          message: 'A sentence of Twilio with +4915112345678 in it',
          more_info: `https://www.twilio.com/docs/errors/${code}`,
          status,
        }),
  );
}
