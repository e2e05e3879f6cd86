import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  PegasusClient,
  isPegasusApiError,
  isPegasusClientError,
  isPegasusConnectionError,
  isPegasusDecodeError,
  isPegasusTimeoutError,
} from './index.js';
import {
  breakConnection,
  executionRow,
  hang,
  json,
  localServer,
  uuid,
  workflowRow,
  type LocalServer,
} from './testing-support/local-server.js';

const TOKEN = 'vnd_very-secret-token';
const busy = json(503, { error: 'busy', code: 'SERVICE_UNAVAILABLE' }, { 'retry-after': '0' });

describe('one call of the client', () => {
  let server: LocalServer;
  let client: PegasusClient;
  beforeEach(async () => {
    server = await localServer();
    client = new PegasusClient({ baseUrl: `${server.url}/`, token: TOKEN, userAgent: 'test/1' });
  });
  afterEach(() => server.close());

  const failure = async (promise: Promise<unknown>) => {
    const error: unknown = await promise.then(
      () => undefined,
      (caught: unknown) => caught,
    );
    // Invariant 1, for every failure there is.
    expect(inspect(error, { depth: 10, showHidden: true })).not.toContain(TOKEN);
    expect(JSON.stringify(error)).not.toContain(TOKEN);
    return error;
  };

  it('sends the token, and passes over fields it does not know', async () => {
    const manifest = { ...(workflowRow()['manifest'] as object), futureField: 1 };
    server.answer(json(200, { data: workflowRow({ manifest, anotherField: true }), extra: 1 }));
    const workflow = await client.workflows.get(uuid(1));
    expect(workflow.name).toBe('hello');
    expect(server.requests[0]).toMatchObject({ method: 'GET', url: `/api/v1/workflows/${uuid(1)}` });
    expect(server.requests[0]!.headers.authorization).toBe(`Bearer ${TOKEN}`);
    expect(server.requests[0]!.headers['user-agent']).toMatch(/^test\/1 pegasus-workflows-sdk\//);
  });

  it('names the field of an answer that is not as agreed', async () => {
    server.answer(json(200, { data: executionRow({ status: 'PAUSED' }) }));
    const error = await failure(client.executions.get(uuid(1), uuid(2)));
    expect(isPegasusDecodeError(error) && error.field).toBe('data.status');
    server.answer((_request, response) => void response.end('<html>'));
    expect(isPegasusDecodeError(await failure(client.workflows.list()))).toBe(true);
  });

  it('reports an error body whole, with a hint and an exit code', async () => {
    const body = { error: 'Two problems.', code: 'ARTIFACT_INVALID', problems: ['a', 'b'] };
    server.answer(json(422, body));
    const error = await failure(client.workflows.fork(uuid(1)));
    expect(error).toMatchObject({
      name: 'PegasusApiError',
      status: 422,
      message: 'Two problems.',
      exitCode: 2,
    });
    expect(error).toMatchObject({ code: 'ARTIFACT_INVALID', problems: ['a', 'b'], retryable: false });
    expect(isPegasusApiError(error) && error.hint).toContain('nothing was stored');
  });

  it('makes an error of an answer that is no error body, and of an unknown code', async () => {
    server.answer((_request, response) => void response.writeHead(500).end('<html>oops'));
    expect(await failure(client.workflows.fork(uuid(1)))).toMatchObject({ code: 'HTTP_500', status: 500 });
    server.answer(json(418, { error: 'tea', code: 'TEAPOT' }));
    expect(await failure(client.workflows.list())).toMatchObject({ code: 'TEAPOT', exitCode: 1 });
  });

  it('repeats what is safe to repeat (invariant 2)', async () => {
    server.answer(busy, breakConnection, json(200, { data: [], meta: { count: 0 } }));
    expect(await client.workflows.list()).toEqual([]);
    expect(server.requests).toHaveLength(3);
  });

  it('starts one run however often it asks: each repeat has the same Idempotency-Key', async () => {
    server.answer(breakConnection, busy, json(201, { data: executionRow() }));
    await client.workflows.run(uuid(1), { input: { a: 1 } });
    const keys = server.requests.map((request) => request.headers['idempotency-key']);
    expect(keys).toHaveLength(3);
    expect(new Set(keys).size).toBe(1);
    expect(keys[0]).toBeTruthy();
    server.answer(json(201, { data: executionRow() }));
    await client.workflows.run(uuid(1));
    expect(server.requests[3]!.headers['idempotency-key']).not.toBe(keys[0]);
  });

  it('asks once for what may not be repeated, or stays the same on every repeat (invariant 2)', async () => {
    server.answer(busy);
    await failure(client.executions.cancel(uuid(1), uuid(2)));
    await failure(client.workflows.fork(uuid(1)));
    expect(server.requests).toHaveLength(2);
    const data = executionRow({ status: 'FAILED' });
    server.answer(
      json(502, { error: 'no start', code: 'TEMPORAL_START_FAILED', correlationId: 'c-1', data }),
    );
    const error = await failure(client.workflows.run(uuid(1)));
    expect(error).toMatchObject({ code: 'TEMPORAL_START_FAILED', correlationId: 'c-1', data });
    expect(server.requests).toHaveLength(3);
  });

  it('gives up after maxRetries', async () => {
    server.answer(busy);
    const impatient = new PegasusClient({ baseUrl: server.url, token: TOKEN, maxRetries: 1 });
    await failure(impatient.workflows.list());
    expect(server.requests).toHaveLength(2);
  });

  it('fails at once, saying how long, when the server asks for more patience than there is (invariant 3)', async () => {
    server.answer(json(429, { error: 'slow down', code: 'CONCURRENCY_LIMIT' }, { 'retry-after': '3600' }));
    const error = await failure(client.workflows.list());
    expect(error).toMatchObject({ status: 429, retryAfterMs: 3_600_000 });
    expect(server.requests).toHaveLength(1);
  });

  it('ends at once when aborted: in flight, between attempts, before the start (invariant 4)', async () => {
    const reason = new Error('changed my mind');
    const inFlight = new AbortController();
    server.answer(() => inFlight.abort(reason));
    expect(await failure(client.workflows.list({ signal: inFlight.signal }))).toBe(reason);

    const between = new AbortController();
    server.answer((request, response) => {
      response.once('close', () => between.abort(reason));
      return json(
        503,
        { error: 'busy', code: 'SERVICE_UNAVAILABLE' },
        { 'retry-after': '30' },
      )(request, response);
    });
    expect(await failure(client.workflows.list({ signal: between.signal }))).toBe(reason);
    expect(server.requests).toHaveLength(2);

    expect(await failure(client.workflows.list({ signal: AbortSignal.abort(reason) }))).toBe(reason);
    expect(server.requests).toHaveLength(2);
  });

  it('limits each attempt in time, the body included', async () => {
    server.answer(hang);
    const error = await failure(client.executions.cancel(uuid(1), uuid(2), { timeoutMs: 50 }));
    expect(isPegasusTimeoutError(error) && error.timeoutMs).toBe(50);
    server.answer((_request, response) => void response.writeHead(200).write('{'));
    expect(isPegasusTimeoutError(await failure(client.workflows.fork(uuid(1), { timeoutMs: 50 })))).toBe(
      true,
    );
  });

  it('says so when nobody listens', async () => {
    await server.close();
    const quick = new PegasusClient({ baseUrl: server.url, token: TOKEN, maxRetries: 0 });
    const error = await failure(quick.workflows.list());
    expect(isPegasusConnectionError(error) && error.message).toContain('ECONNREFUSED');
    expect(error).toMatchObject({ exitCode: 6, retryable: true });
    server = await localServer();
  });

  it('never takes the token across a redirect (invariant 1)', async () => {
    const elsewhere = await localServer();
    server.answer((_request, response) => void response.writeHead(302, { location: elsewhere.url }).end());
    const quick = new PegasusClient({ baseUrl: server.url, token: TOKEN, maxRetries: 0 });
    expect(isPegasusConnectionError(await failure(quick.workflows.list()))).toBe(true);
    expect(elsewhere.requests).toHaveLength(0);
    await elsewhere.close();
  });

  it('knows its errors across two copies of the package', async () => {
    server.answer(json(404, { error: 'no', code: 'NOT_FOUND' }));
    const error = await failure(client.workflows.get(uuid(1)));
    // Same brand, another prototype chain: what a second bundled copy's error looks like.
    const [brand] = Object.getOwnPropertySymbols(error);
    const stranger = Object.assign(new Error('x'), { [brand!]: 'api' });
    expect(isPegasusApiError(stranger)).toBe(true);
    expect(isPegasusClientError(stranger)).toBe(true);
    expect(isPegasusApiError(new Error('x'))).toBe(false);
  });

  it('asks a token function before every attempt', async () => {
    let n = 0;
    const renewing = new PegasusClient({ baseUrl: server.url, token: async () => `token-${++n}` });
    server.answer(busy, json(200, { data: [], meta: { count: 0 } }));
    await renewing.workflows.list();
    const sent = server.requests.map((request) => request.headers.authorization);
    expect(sent).toEqual(['Bearer token-1', 'Bearer token-2']);
  });

  it('asks for health without the token', async () => {
    server.answer(json(200, { status: 'ok' }));
    expect(await client.health()).toMatchObject({ status: 'ok' });
    expect(server.requests[0]!.headers.authorization).toBeUndefined();
  });
});
