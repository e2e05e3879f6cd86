import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PegasusClient, isPegasusDecodeError, isPegasusTimeoutError } from './index.js';
import {
  breakConnection,
  executionRow,
  json,
  localServer,
  uuid,
  type Answer,
  type LocalServer,
} from './testing-support/local-server.js';

describe('executions', () => {
  let server: LocalServer;
  let client: PegasusClient;
  beforeEach(async () => {
    server = await localServer();
    client = new PegasusClient({ baseUrl: server.url, token: 'vnd_secret' });
  });
  afterEach(() => server.close());

  const row = (status: string) => json(200, { data: executionRow({ status }) });
  const page = (ids: number[]): Answer =>
    json(200, { data: ids.map((n) => executionRow({ id: uuid(n) })), meta: { count: ids.length } });
  const collect = async (pageSize: number) => {
    const ids: string[] = [];
    for await (const { id } of client.executions.pages(uuid(1), { pageSize })) ids.push(id);
    return ids;
  };

  it('pages by the last id, as far as the loop goes', async () => {
    // The third is short although there is more: its rows were large.
    server.answer(page([1, 2]), page([3, 4]), page([5]), page([6, 7]), page([]));
    expect(await collect(2)).toEqual([1, 2, 3, 4, 5, 6, 7].map(uuid));
    const cursors = server.requests.map(({ url }) => new URL(url, server.url).searchParams.get('before'));
    expect(cursors).toEqual([null, uuid(2), uuid(4), uuid(5), uuid(7)]);
    server.answer(page([1, 2]), page([3, 4]));
    for await (const { id } of client.executions.pages(uuid(1), { pageSize: 2 })) if (id === uuid(2)) break;
    expect(server.requests).toHaveLength(6);
  });

  it('tells what a dry run would have changed', async () => {
    const at = '2026-01-01T00:00:00.000Z';
    const sms = { method: 'sms.send', capability: 'SendSms', args: { to: '+3247' }, wouldReturn: null, at };
    server.answer(json(200, { data: [sms], meta: { count: 1 } }));
    expect(await client.executions.mutations(uuid(1), uuid(2))).toEqual([sms]);
    expect(server.requests[0]!.url).toBe(`/api/v1/workflows/${uuid(1)}/executions/${uuid(2)}/mutations`);
  });

  it('ends on an empty page, and on a server that ignores the cursor', async () => {
    server.answer(page([1, 2]), page([]));
    expect(await collect(2)).toEqual([1, 2].map(uuid));
    server.answer(page([1, 2]));
    expect(isPegasusDecodeError(await collect(2).catch((error: unknown) => error))).toBe(true);
  });

  it('waits for a terminal status, polling where the server does not hold, and over a restart', async () => {
    server.answer(row('QUEUED'), row('RUNNING'), breakConnection, row('RUNNING'), row('TIMED_OUT'));
    const statuses: string[] = [];
    const onStatus = ({ status }: { status: string }) => void statuses.push(status);
    const execution = await client.executions.wait(uuid(1), uuid(2), { onStatus });
    expect(execution.status).toBe('TIMED_OUT');
    expect(statuses).toEqual(['QUEUED', 'RUNNING', 'TIMED_OUT']);
    expect(server.requests[0]!.url).toMatch(/\?waitSeconds=25$/);
  });

  it('stops waiting at the limit or when aborted', async () => {
    server.answer(row('RUNNING'));
    const late: unknown = await client.executions
      .wait(uuid(1), uuid(2), { timeoutMs: 50 })
      .catch((error: unknown) => error);
    expect(isPegasusTimeoutError(late) && late.message).toContain('still RUNNING');
    const reason = new Error('enough');
    const controller = new AbortController();
    const onStatus = () => controller.abort(reason);
    const waiting = client.executions.wait(uuid(1), uuid(2), { signal: controller.signal, onStatus });
    await expect(waiting).rejects.toBe(reason);
  });

  it('cancels, retries and reads the history', async () => {
    server.answer(json(202, { data: executionRow() }));
    await client.executions.cancel(uuid(1), uuid(2));
    server.answer(json(201, { data: executionRow({ id: uuid(3) }) }));
    expect((await client.executions.retry(uuid(1), uuid(2))).id).toBe(uuid(3));
    const event = { id: '1', type: 'WorkflowExecutionStarted', timestamp: '2026-01-01T00:00:00.000Z' };
    server.answer(json(200, { data: { events: [event] } }));
    expect((await client.executions.history(uuid(1), uuid(2))).events).toEqual([event]);
    expect(server.requests.map(({ method, url }) => `${method} ${url.split('/').at(-1)}`)).toEqual([
      'POST cancel',
      'POST retry',
      'GET history',
    ]);
    expect(server.requests[1]!.headers['idempotency-key']).toBeTruthy();
  });

  it('filters by status and time, on every page', async () => {
    server.answer(page([1, 2]), page([3]), page([]));
    const filters = {
      status: ['FAILED', 'TIMED_OUT'],
      since: new Date('2026-01-01T00:00:00Z'),
      until: '2026-02-01T00:00:00Z',
    } as const;
    for await (const { id } of client.executions.pages(uuid(1), { pageSize: 2, ...filters }))
      expect(id).toBeTruthy();
    const [first, second] = server.requests.map(({ url }) =>
      Object.fromEntries(new URL(url, server.url).searchParams),
    );
    const sent = {
      limit: '2',
      status: 'FAILED,TIMED_OUT',
      since: '2026-01-01T00:00:00.000Z',
      until: '2026-02-01T00:00:00Z',
    };
    expect([first, second]).toEqual([sent, { ...sent, before: uuid(2) }]);
    server.answer(page([]));
    await client.executions.list(uuid(1), { status: 'QUEUED' });
    expect(server.requests.at(-1)!.url).toMatch(/\?status=QUEUED$/);
  });

  it('signals with one key over every attempt, and takes a key of the caller', async () => {
    server.answer(breakConnection, json(202, { data: executionRow() }));
    expect((await client.executions.signal(uuid(1), uuid(2), 'approve', ['yes', 2])).status).toBe('RUNNING');
    expect(server.requests.map(({ body }) => JSON.parse(body) as unknown)).toEqual([
      { name: 'approve', args: ['yes', 2] },
      { name: 'approve', args: ['yes', 2] },
    ]);
    const keys = server.requests.map(({ headers }) => headers['idempotency-key']);
    expect(keys[0]).toBeTruthy();
    expect(keys[1]).toBe(keys[0]);
    await client.executions.signal(uuid(1), uuid(2), 'approve', [], { idempotencyKey: 'mine' });
    expect(server.requests.at(-1)!.headers['idempotency-key']).toBe('mine');
  });

  it('updates with one key over every attempt, and tells what became of one that was slow', async () => {
    const slow = { updateId: 'mine', completed: false };
    server.answer(breakConnection, json(202, { data: slow }));
    const options = { idempotencyKey: 'mine', waitSeconds: 1 };
    expect(await client.executions.update(uuid(1), uuid(2), 'rename', ['a'], options)).toEqual(slow);
    expect(server.requests.map(({ headers }) => headers['idempotency-key'])).toEqual(['mine', 'mine']);
    expect(JSON.parse(server.requests.at(-1)!.body)).toEqual({ name: 'rename', args: ['a'], waitSeconds: 1 });
    const done = { updateId: 'a/b', completed: true, result: 'a' };
    server.answer(json(200, { data: done }));
    expect(await client.executions.updateOutcome(uuid(1), uuid(2), 'a/b', { waitSeconds: 5 })).toEqual(done);
    expect(server.requests.at(-1)!.url).toMatch(/\/updates\/a%2Fb\?waitSeconds=5$/);
  });

  it('terminates and pauses once, and resets with one key over every attempt', async () => {
    server.answer(json(202, { data: executionRow() }));
    await client.executions.terminate(uuid(1), uuid(2), { reason: 'it hangs' });
    expect(server.requests.at(-1)).toMatchObject({ method: 'POST', body: '{"reason":"it hangs"}' });
    const paused = { scope: 'activities', activities: [{ activityId: '1', activityType: 'send' }] };
    server.answer(json(200, { data: paused }));
    expect(await client.executions.pause(uuid(1), uuid(2))).toEqual(paused);
    server.answer(breakConnection);
    await expect(client.executions.unpause(uuid(1), uuid(2))).rejects.toMatchObject({
      name: 'PegasusConnectionError',
    });
    const before = server.requests.length;
    const reset = { execution: executionRow(), temporalRunId: 'r', eventId: '4' };
    server.answer(breakConnection, json(200, { data: reset }));
    const answer = await client.executions.reset(uuid(1), uuid(2), { to: 'first-workflow-task' });
    expect(answer).toMatchObject({ temporalRunId: 'r', eventId: '4' });
    const [first, second] = server.requests.slice(before);
    expect(first!.headers['idempotency-key']).toBe(second!.headers['idempotency-key']);
  });

  it('queries, and says what to do about a query that was rejected', async () => {
    server.answer(json(200, { data: { result: { open: 3 } } }));
    expect(await client.executions.query(uuid(1), uuid(2), 'progress', [1])).toEqual({ open: 3 });
    expect(server.requests[0]).toMatchObject({ method: 'POST', body: '{"name":"progress","args":[1]}' });
    server.answer(json(422, { error: 'There is no query "nope".', code: 'QUERY_REJECTED' }));
    await expect(client.executions.query(uuid(1), uuid(2), 'nope')).rejects.toMatchObject({
      code: 'QUERY_REJECTED',
      exitCode: 1,
      hint: expect.stringContaining('handlers'),
    });
    expect(server.requests).toHaveLength(2);
  });

  it('reads the handlers, and a whole history as it came', async () => {
    const handlers = {
      signals: [{ name: 'approve', description: 'Lets it go on.' }],
      queries: [],
      updates: [],
    };
    server.answer(json(200, { data: handlers }));
    expect(await client.executions.handlers(uuid(1), uuid(2))).toEqual(handlers);
    const history = { events: [{ eventId: '1', eventType: 'EVENT_TYPE_WORKFLOW_EXECUTION_STARTED' }] };
    const run = { workflowType: 'hello', temporalWorkflowId: 'wf/1', temporalRunId: uuid(3) };
    const exported = { ...run, name: 'hello', version: '1.0.0', history };
    server.answer(json(200, { data: exported }));
    expect(await client.executions.exportHistory(uuid(1), uuid(2))).toEqual(exported);
    expect(
      server.requests.map(({ method, url }) => `${method} ${url.split('/').slice(-2).join('/')}`),
    ).toEqual([`GET ${uuid(2)}/handlers`, 'GET history/export']);
  });
});
