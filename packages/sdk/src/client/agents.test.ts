import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PegasusClient, isPegasusApiError, isPegasusTimeoutError, type WatchedDispatch } from './index.js';
import {
  breakConnection,
  json,
  localServer,
  uuid,
  type Answer,
  type LocalServer,
} from './testing-support/local-server.js';

const AT = '2026-01-01T00:00:00.000Z';
const task = {
  id: uuid(1),
  role: 'coder',
  prompt: 'Mend the flaky test.',
  permissionMode: 'acceptEdits',
} as const;
const result = {
  taskId: uuid(1),
  role: 'coder',
  personaSlug: 'hiroshi',
  status: 'shipped',
  summary: 'Mended.',
  filesChanged: ['a.ts'],
  toolCallCount: 1,
  tokensIn: 10,
  tokensOut: 2,
  durationMs: 30,
};
const dispatch = {
  id: uuid(1),
  workspace: 'shop',
  model: null,
  merge: 'leave',
  isolation: null,
  task,
  state: 'RUNNING',
  question: null,
  result: null,
  tokensIn: 0,
  tokensOut: 0,
  parentExecutionId: null,
  createdByUserId: null,
  queuedAt: AT,
  startedAt: AT,
  endedAt: null,
};
const ended = { ...dispatch, state: 'ENDED', result, endedAt: AT };
const { task: _task, question: _question, result: _result, ...rest } = dispatch;
const summary = { ...rest, role: 'coder', permissionMode: 'acceptEdits', title: 'Mend', status: null };
const about = { taskId: uuid(1), role: 'coder', personaSlug: 'hiroshi', timestamp: AT };
const toolCall = (n: number): object => ({
  n,
  event: { type: 'subagent.tool_call', ...about, toolName: 'read', toolCallId: `c${n}` },
});

let server: LocalServer;
let client: PegasusClient;
beforeEach(async () => {
  server = await localServer();
  client = new PegasusClient({ baseUrl: server.url, token: 'vnd_secret' });
});
afterEach(() => server.close());

const one = (data: object): Answer => json(200, { data });
const many = (...rows: object[]): Answer => json(200, { data: rows, meta: { count: rows.length } });
const asked = () => server.requests.map(({ method, url }) => `${method} ${url}`);
const sse = (event: string, data: object, id = ''): string =>
  `${id && `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
/** Server-sent events; `cut` breaks the connection behind them, `hold` leaves it open. */
const stream =
  (text: string, end: 'end' | 'cut' | 'hold' = 'end'): Answer =>
  async (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    await new Promise<void>((resolve) => response.write(text, () => resolve()));
    if (end === 'end') response.end();
    if (end === 'cut') response.destroy();
  };

describe('dispatches', () => {
  it('call what the contract says, and decode what it answers', async () => {
    const workspace = { name: 'shop', hostId: 'h1', models: ['small'], seenAt: AT };
    server.answer(
      one(dispatch),
      many(summary),
      one(dispatch),
      many(toolCall(3)),
      one(dispatch),
      one(dispatch),
      one(dispatch),
      one(dispatch),
      many(workspace),
    );
    const { id: _, ...nameless } = task;
    const request = { task: nameless, workspace: 'shop' };
    expect(await client.agents.dispatch(request, { idempotencyKey: 'k1' })).toEqual(dispatch);
    expect(await client.agents.list({ state: 'RUNNING', role: 'coder', before: undefined })).toEqual([
      summary,
    ]);
    expect(await client.agents.get(uuid(1))).toEqual(dispatch);
    expect(await client.agents.events(uuid(1), { after: 2, limit: 1 })).toEqual([toolCall(3)]);
    await client.agents.answer(uuid(1), { questionId: 'q', answer: 'approved' });
    await client.agents.cancel(uuid(1));
    await client.agents.pause(uuid(1));
    await client.agents.resume(uuid(1));
    expect(await client.agents.workspaces()).toEqual([workspace]);
    const path = '/api/v1/agents/dispatches';
    expect(asked()).toEqual([
      `POST ${path}`,
      `GET ${path}?state=RUNNING&role=coder`,
      `GET ${path}/${uuid(1)}`,
      `GET ${path}/${uuid(1)}/events?after=2&limit=1`,
      `POST ${path}/${uuid(1)}/answer`,
      `POST ${path}/${uuid(1)}/cancel`,
      `POST ${path}/${uuid(1)}/pause`,
      `POST ${path}/${uuid(1)}/resume`,
      'GET /api/v1/agents/workspaces',
    ]);
    expect(server.requests[0]?.headers['idempotency-key']).toBe('k1');
    expect(JSON.parse(server.requests[0]!.body)).toEqual(request);
    expect(JSON.parse(server.requests[4]!.body)).toEqual({ questionId: 'q', answer: 'approved' });
  });

  it('read fields of tomorrow, in the task too', async () => {
    server.answer(one({ ...dispatch, tomorrow: 1, task: { ...task, tomorrow: 1 } }));
    expect(await client.agents.get(uuid(1))).toEqual(dispatch);
  });

  it('are dispatched under one key however often that is tried; a cancellation is tried once', async () => {
    const busy = json(503, { error: 'Later.', code: 'SERVICE_UNAVAILABLE' });
    server.answer(busy, breakConnection, one(dispatch));
    await client.agents.dispatch({ task, workspace: 'shop' });
    const keys = server.requests.map(({ headers }) => headers['idempotency-key']);
    expect([keys.length, new Set(keys).size]).toEqual([3, 1]);
    server.answer(busy);
    const failed: unknown = await client.agents.cancel(uuid(1)).catch((error: unknown) => error);
    expect(isPegasusApiError(failed)).toBe(true);
    expect(server.requests).toHaveLength(4);
  });
});

describe('a dispatch that is watched', () => {
  it('goes on after a lost connection where it was, and ends with the dispatch that has ended', async () => {
    server.answer(
      stream(sse('dispatch', dispatch) + sse('event', toolCall(1), '1'), 'cut'),
      stream(sse('event', toolCall(2), '2') + sse('dispatch', ended, '2'), 'hold'),
    );
    const seen: WatchedDispatch[] = [];
    for await (const watched of client.agents.watch(uuid(1))) seen.push(watched);
    expect(seen.map((watched) => (watched.type === 'event' ? watched.n : watched.dispatch.state))).toEqual([
      'RUNNING',
      1,
      2,
      'ENDED',
    ]);
    expect(server.requests.map(({ headers }) => headers['last-event-id'])).toEqual([undefined, '1']);
  });

  it('ends with the refusal of the server, and with the reason of its signal', async () => {
    server.answer(json(404, { error: 'There is no such dispatch.', code: 'NOT_FOUND' }));
    await expect(client.agents.watch(uuid(1)).next()).rejects.toThrow('There is no such dispatch.');
    server.answer(stream(sse('dispatch', dispatch), 'hold'));
    const leaving = new AbortController();
    const loop = async (): Promise<void> => {
      for await (const _watched of client.agents.watch(uuid(1), { signal: leaving.signal }))
        leaving.abort(new Error('enough'));
    };
    await expect(loop()).rejects.toThrow('enough');
  });

  it('is waited for until it ends, or until the time is up', async () => {
    server.answer(stream(sse('dispatch', dispatch) + sse('dispatch', ended)));
    const states: string[] = [];
    const waited = await client.agents.wait(uuid(1), { onChange: ({ state }) => states.push(state) });
    expect([waited.result, states]).toEqual([result, ['RUNNING', 'ENDED']]);
    server.answer(stream(sse('dispatch', dispatch), 'hold'));
    const late: unknown = await client.agents
      .wait(uuid(1), { timeoutMs: 200 })
      .catch((error: unknown) => error);
    expect(isPegasusTimeoutError(late)).toBe(true);
    expect(String(late)).toContain('is still RUNNING after 200 ms');
  });

  it('that had ended before is read', async () => {
    server.answer((_request, response) => void response.writeHead(204).end(), one(ended));
    expect(await client.agents.wait(uuid(1))).toEqual(ended);
  });
});
