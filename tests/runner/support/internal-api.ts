import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import { type AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import {
  closedRunsSchema,
  quarantineReportSchema,
  runnerLogBatchSchema,
  type DemandedArtifact,
  type PayloadKeySet,
  type QuarantineReport,
} from '@pegasus-workflows/contracts';

/** A server that speaks the runner's half of `/internal/v1`, with a demand that the test sets. */
export class InternalApi {
  readonly token = 'runner-token-of-the-test';
  /** Answers of the artifact route, by sha256. */
  readonly zips = new Map<string, Buffer>();
  /** Every download that was asked for, by sha256. */
  readonly downloads: string[] = [];
  /** What workers have said, in the order of its arrival. */
  readonly said: string[] = [];
  /** Workflow ids of runs that the supervisor has told to have closed. */
  readonly closed: string[] = [];
  /** Every report of a crash loop; so many of the first are answered with 503. */
  readonly quarantines: QuarantineReport[] = [];
  refuseQuarantines = 0;
  /** What every tenant's payloads are encrypted with: nothing, unless a test says so. */
  payloadKeys: PayloadKeySet = { currentId: null, keys: [] };
  #server: Server | undefined;
  #port = 0;
  #cursor = 0;
  #artifacts: DemandedArtifact[] = [];
  #polls = new Set<() => void>();

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Listens; on the same port as before after a `stop`. */
  async start(): Promise<void> {
    this.#server = createServer((request, response) => this.#answer(request, response));
    this.#server.listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  /** Gone, with every connection cut. */
  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (!server) return;
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  }

  demand(...artifacts: DemandedArtifact[]): void {
    this.#artifacts = artifacts;
    this.#cursor++;
    for (const wake of this.#polls) wake();
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    if (request.headers.authorization !== `Bearer ${this.token}`) {
      response.writeHead(401).end();
      return;
    }
    const url = new URL(request.url ?? '/', this.url);
    if (url.pathname === '/internal/v1/demand') this.#answerDemand(url, response);
    else if (request.method === 'POST') void this.#take(url.pathname, request, response);
    else if (/^\/internal\/v1\/tenants\/[^/]+\/payload-keys$/.test(url.pathname)) {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(this.payloadKeys));
    } else this.#answerArtifact(url.pathname, response);
  }

  async #take(path: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await json(request).catch(() => undefined);
    if (body === undefined) return;
    if (path === '/internal/v1/closed-runs') {
      for (const { workflowId } of closedRunsSchema.parse(body).runs) this.closed.push(workflowId);
      response.writeHead(204).end();
      return;
    }
    if (path === '/internal/v1/quarantines') {
      this.quarantines.push(quarantineReportSchema.parse(body));
      response.writeHead(this.quarantines.length > this.refuseQuarantines ? 204 : 503).end();
      return;
    }
    if (path === '/internal/v1/eager-tasks') {
      // As from a server that has none: every run starts in the ordinary way.
      response.writeHead(404).end();
      return;
    }
    const { entries } = runnerLogBatchSchema.parse(body);
    for (const { message, attributes } of entries)
      this.said.push(`${message} ${JSON.stringify(attributes ?? {})}`);
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ stored: entries.length }));
  }

  #answerDemand(url: URL, response: ServerResponse): void {
    const send = (): void => {
      this.#polls.delete(send);
      clearTimeout(timer);
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ cursor: String(this.#cursor), artifacts: this.#artifacts }));
    };
    const timer = setTimeout(send, Number(url.searchParams.get('waitSeconds')) * 1000);
    response.on('close', () => {
      this.#polls.delete(send);
      clearTimeout(timer);
    });
    if (url.searchParams.get('cursor') === String(this.#cursor)) this.#polls.add(send);
    else send();
  }

  #answerArtifact(path: string, response: ServerResponse): void {
    const sha256 = /^\/internal\/v1\/artifacts\/[^/]+\/([0-9a-f]{64})$/.exec(path)?.[1];
    const zip = sha256 === undefined ? undefined : this.zips.get(sha256);
    if (!sha256 || !zip) {
      response.writeHead(404).end();
      return;
    }
    this.downloads.push(sha256);
    response.writeHead(200, { 'content-type': 'application/zip' }).end(zip);
  }
}
