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
    server.answer(page([1, 2]), page([3, 4]), page([5]));
    expect(await collect(2)).toEqual([1, 2, 3, 4, 5].map(uuid));
    const cursors = server.requests.map(({ url }) => new URL(url, server.url).searchParams.get('before'));
    expect(cursors).toEqual([null, uuid(2), uuid(4)]);
    server.answer(page([1, 2]), page([3, 4]));
    for await (const { id } of client.executions.pages(uuid(1), { pageSize: 2 })) if (id === uuid(2)) break;
    expect(server.requests).toHaveLength(4);
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
});
