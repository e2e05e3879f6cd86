import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import {
  type AgentWorkspace,
  type Dispatch,
  type DispatchEvent,
  type DispatchQuestion,
} from '@pegasus-workflows/contracts';
import { type SubagentEvent, type SubagentResult } from '@pegasus-workflows/contracts/agents';

const AT = '2026-01-01T00:00:00.000Z';
const DISPATCHES = '/api/v1/agents/dispatches';

/** The server's part of dispatches over HTTP, for tests in which the test itself is the agent. */
export class AgentsApi implements AsyncDisposable {
  readonly dispatches: Dispatch[] = [];
  readonly asked: string[] = [];
  workspaces: AgentWorkspace[] = [{ name: 'shop', hostId: 'host-1', models: ['small'], seenAt: AT }];
  /** Keys under which something was dispatched. */
  get keys(): string[] {
    return [...this.#byKey.keys()];
  }
  /** Answered in place of everything, while it is set. */
  refusal: { status: number; code: string; error: string } | undefined;
  readonly #byKey = new Map<string, Dispatch>();
  readonly #events = new Map<string, DispatchEvent[]>();
  readonly #watchers = new Map<string, Set<ServerResponse>>();
  readonly #server = createServer((request, response) => void this.#answer(request, response));

  static async start(): Promise<AgentsApi> {
    const api = new AgentsApi();
    await new Promise<void>((resolve) => api.#server.listen(0, '127.0.0.1', resolve));
    return api;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Changes a dispatch, and tells whoever watches it. */
  change(id: string, change: Partial<Dispatch>): void {
    const dispatch = Object.assign(this.#of(id)!, change);
    this.#tell(id, 'dispatch', dispatch);
    if (dispatch.state !== 'ENDED') return;
    for (const watcher of this.#watchers.get(id) ?? []) watcher.end();
  }

  ask(id: string, question: Omit<DispatchQuestion, 'askedAt'>): void {
    this.change(id, { state: 'WAITING', question: { ...question, askedAt: AT } });
  }

  happen(id: string, type: 'subagent.tool_call', toolName: string): void {
    const events = this.#events.get(id)!;
    const about = { taskId: id, role: this.#of(id)!.task.role, personaSlug: 'hiroshi', timestamp: AT };
    const event: SubagentEvent = { type, ...about, toolName, toolCallId: `c${events.length + 1}` };
    events.push({ n: events.length + 1, event });
    this.#tell(id, 'event', events.at(-1)!, events.length);
  }

  end(id: string, result: Partial<SubagentResult> = {}): void {
    const { task } = this.#of(id)!;
    const counts = { toolCallCount: 1, tokensIn: 10, tokensOut: 2, durationMs: 30 };
    const about = { taskId: task.id, role: task.role, personaSlug: 'hiroshi' };
    const whole = { ...about, status: 'shipped' as const, summary: task.prompt, filesChanged: [], ...counts };
    this.change(id, { state: 'ENDED', question: null, endedAt: AT, result: { ...whole, ...result } });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #of(id: string): Dispatch | undefined {
    return this.dispatches.find((dispatch) => dispatch.id === id);
  }

  #tell(id: string, event: string, data: unknown, place?: number): void {
    for (const watcher of this.#watchers.get(id) ?? []) watcher.write(message(event, data, place));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '', 'http://localhost');
    const body: unknown = JSON.parse((await text(request)) || '{}');
    this.asked.push(`${request.method} ${url.pathname}`);
    const send = (status: number, document: unknown): void => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(document));
    };
    if (this.refusal) return send(this.refusal.status, this.refusal);
    if (url.pathname === '/api/v1/agents/workspaces')
      return send(200, { data: this.workspaces, meta: { count: this.workspaces.length } });
    if (url.pathname === DISPATCHES)
      return send(201, {
        data: this.#dispatch(body as Dispatch, String(request.headers['idempotency-key'])),
      });
    const [, id = '', what] = /^\/api\/v1\/agents\/dispatches\/([^/]+)(?:\/(\w+))?$/.exec(url.pathname) ?? [];
    const dispatch = this.#of(id);
    if (!dispatch) return send(404, { error: 'There is no such dispatch.', code: 'NOT_FOUND' });
    if (what === 'stream') return this.#stream(dispatch, response);
    if (what === 'cancel' && dispatch.state === 'ENDED')
      return send(409, { error: 'It has ended.', code: 'CONFLICT' });
    if (what === 'cancel') this.end(id, { status: 'cancelled' });
    if (what === 'answer') this.change(id, { state: 'RUNNING', question: null });
    if (what === 'answer') this.asked.push(JSON.stringify(body));
    send(200, { data: dispatch });
  }

  #dispatch({ task, workspace }: Dispatch, key: string): Dispatch {
    const known = this.#byKey.get(key);
    if (known) return known;
    const id = randomUUID();
    const none = {
      isolation: null,
      question: null,
      result: null,
      parentExecutionId: null,
      createdByUserId: null,
    };
    const dispatch: Dispatch = {
      ...{ id, workspace, model: null, merge: 'leave', state: 'QUEUED', tokensIn: 0, tokensOut: 0 },
      ...{ queuedAt: AT, startedAt: null, endedAt: null, ...none },
      task: { ...task, id: task.id ?? id },
    };
    this.#byKey.set(key, dispatch);
    this.#events.set(id, []);
    this.dispatches.push(dispatch);
    return dispatch;
  }

  #stream(dispatch: Dispatch, response: ServerResponse): void {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(message('dispatch', dispatch));
    for (const event of this.#events.get(dispatch.id) ?? []) response.write(message('event', event, event.n));
    if (dispatch.state === 'ENDED') return void response.end();
    const watchers = this.#watchers.get(dispatch.id) ?? new Set();
    this.#watchers.set(dispatch.id, watchers.add(response));
    response.on('close', () => watchers.delete(response));
  }
}

function message(event: string, data: unknown, place?: number): string {
  return `${place === undefined ? '' : `id: ${place}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
