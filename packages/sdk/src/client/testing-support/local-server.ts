import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';

export interface SeenRequest {
  method: string;
  url: string;
  headers: IncomingMessage['headers'];
  body: string;
}
/** Answers one request; `destroy` breaks the connection instead. */
export type Answer = (request: SeenRequest, response: ServerResponse) => void | Promise<void>;

export interface LocalServer {
  url: string;
  requests: SeenRequest[];
  /** Answers from here on, one each; the last one stays. */
  answer(...answers: Answer[]): void;
  close(): Promise<void>;
}

/** A real HTTP server on a free port that records what it is asked. */
export async function localServer(): Promise<LocalServer> {
  const requests: SeenRequest[] = [];
  let queue: Answer[] = [];
  const server = createServer((request, response) => {
    void (async () => {
      const seen = {
        method: request.method ?? '',
        url: request.url ?? '',
        headers: request.headers,
        body: await text(request),
      };
      requests.push(seen);
      const answer = queue.length > 1 ? queue.shift() : queue[0];
      await (answer ?? json(500, { error: 'no answer set', code: 'INTERNAL_ERROR' }))(seen, response);
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    answer: (...answers) => (queue = answers),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

export function json(status: number, body: unknown, headers: Record<string, string> = {}): Answer {
  return (_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(JSON.stringify(body));
  };
}
export const breakConnection: Answer = (_request, response) => void response.destroy();
/** Takes the request and never answers. */
export const hang: Answer = () => undefined;

const ID = '11111111-1111-4111-8111-111111111111';
const NOW = '2026-01-01T00:00:00.000Z';

export function workflowRow(overrides: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    id: ID,
    tenantId: ID,
    name: 'hello',
    version: '1.0.0',
    visibility: 'TENANT',
    manifest: { name: 'hello', version: '1.0.0', entryPoints: ['hello/workflow:hello'], diagram: 'graph TD' },
    createdByUserId: null,
    forkedFromWorkflowId: null,
    forkedFromVersion: null,
    artifactSha256: 'a'.repeat(64),
    artifactSizeBytes: 3,
    executable: true,
    createdAt: NOW,
    updatedAt: NOW,
    ...overrides,
  };
}

export function executionRow(overrides: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    id: ID,
    tenantId: ID,
    workflowId: ID,
    status: 'RUNNING',
    input: null,
    result: null,
    errorMessage: null,
    temporalWorkflowId: null,
    temporalRunId: null,
    triggeredByUserId: null,
    triggerSource: 'USER',
    triggeredByTriggerId: null,
    dryRun: false,
    queuedAt: NOW,
    startedAt: null,
    finishedAt: null,
    createdAt: NOW,
    updatedAt: NOW,
    ...overrides,
  };
}

/** The n-th of a row of distinct UUIDs. */
export function uuid(n: number): string {
  return `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;
}
