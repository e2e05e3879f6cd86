import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { type Execution, type Handlers, type History, type QueryAnswer } from '@pegasus-workflows/contracts';
import { executions } from '../../packages/server/src/infra/schema.js';
import { QUERIES_AT_ONCE } from '../../packages/server/src/executions/queries.js';
import { forEachDialect } from '../server/support.js';
import { eventually } from '../support/wait.js';
import { FakeTemporal } from './fake-temporal.js';
import { startHarness, startWorker, type Harness, type Reply } from './support.js';

/** Signal, query and handlers: on real runs with a worker, and on a Temporal that fails when told to. */

const temporal = inject('temporal');

forEachDialect('conversations with runs', (open) => {
  let harness: Harness;
  let stopWorker: () => Promise<void>;
  let tenantId: string;
  let workflowId: string;

  beforeAll(async () => {
    harness = await startHarness(temporal, await open());
    const published = await harness.publish();
    ({ tenantId, workflowId } = published);
    stopWorker = await startWorker(temporal, published.taskQueue);
  });
  afterAll(async () => {
    await stopWorker?.();
    await harness?.close();
  });

  async function run(input: Record<string, unknown>): Promise<Execution> {
    const reply = await harness.call(tenantId, 'POST', `${workflowId}/run`, { input });
    expect(reply.status).toBe(201);
    return reply.body.data;
  }
  const at = (id: string, rest: string) => `${workflowId}/executions/${id}/${rest}`;
  const signal = (id: string, body: unknown, key?: string) =>
    harness.call(tenantId, 'POST', at(id, 'signal'), body, key ? { 'idempotency-key': key } : {});
  const query = (id: string, body: unknown) =>
    harness.call<QueryAnswer>(tenantId, 'POST', at(id, 'query'), body);
  const ended = async (id: string) => {
    const path = `${workflowId}/executions/${id}?waitSeconds=55`;
    return (await harness.call(tenantId, 'GET', path)).body.data;
  };
  function expectFailure(reply: Reply<unknown>, status: number, code: string, sentence: string | RegExp) {
    expect({ status: reply.status, code: reply.body.code }, JSON.stringify(reply.body)).toEqual({
      status,
      code,
    });
    expect(reply.body.error).toMatch(sentence);
    expect(reply.body.error).not.toMatch(/\n/);
  }

  describe('signal', () => {
    it('1: counts once however often it is sent with one key, at once or later, also after the run has ended', async () => {
      const { id } = await run({ do: 'converse' });
      const key = `order-${randomUUID()}`;
      const replies = await Promise.all([1, 2, 3].map(() => signal(id, { name: 'add', args: [5] }, key)));
      expect(replies.map(({ status }) => status)).toEqual([202, 202, 202]);
      expect(replies[0]!.body.data).toMatchObject({ id, status: 'RUNNING' });
      expect((await signal(id, { name: 'add', args: [5] }, key)).status).toBe(202);
      expect((await signal(id, { name: 'add', args: [2] })).status).toBe(202);
      expect((await query(id, { name: 'total' })).body.data).toEqual({ result: 7 });
      const last = `last-${randomUUID()}`;
      expect((await signal(id, { name: 'finish' }, last)).status).toBe(202);
      expect(await ended(id)).toMatchObject({ status: 'COMPLETED', result: 7 });
      expect(await signal(id, { name: 'finish' }, last)).toMatchObject({
        status: 202,
        body: { data: { status: 'COMPLETED' } },
      });
      expectFailure(
        await signal(id, { name: 'finish' }),
        409,
        'EXECUTION_NOT_OPEN',
        'The execution is COMPLETED; only an open one takes signals.',
      );
    });

    it('1: counts once over a run that continues as new', async () => {
      const { id } = await run({ do: 'sum-over-links' });
      const key = `order-${randomUUID()}`;
      await signal(id, { name: 'add', args: [5] }, key);
      await eventually(async () => {
        const { events } = (await harness.call<History>(tenantId, 'GET', at(id, 'history'))).body.data;
        expect(events.map(({ type }) => type)).not.toContain('WorkflowExecutionSignaled');
      });
      expect((await signal(id, { name: 'add', args: [5] }, key)).status).toBe(202);
      expect((await query(id, { name: 'total' })).body.data).toEqual({ result: 5 });
      await harness.call(tenantId, 'POST', at(id, 'cancel'));
    });

    it('1: refuses one key for two different signals', async () => {
      const { id } = await run({ do: 'converse' });
      const key = `order-${randomUUID()}`;
      await signal(id, { name: 'add', args: [5] }, key);
      for (const other of [{ name: 'add', args: [6] }, { name: 'finish' }])
        expectFailure(await signal(id, other, key), 409, 'CONFLICT', /use a new key/);
      await signal(id, { name: 'finish' });
      expect(await ended(id)).toMatchObject({ result: 5 });
    });

    it('refuses what is not a signal, and argument lists that are too large', async () => {
      const { id } = await run({ do: 'converse' });
      const cases: [unknown, number, string, RegExp][] = [
        ['{"name":', 400, 'VALIDATION_ERROR', /not valid JSON/],
        [{}, 400, 'VALIDATION_ERROR', /^name: is required/],
        [{ name: '' }, 400, 'VALIDATION_ERROR', /^name: must be the name of a handler/],
        [{ name: 'x'.repeat(201) }, 400, 'VALIDATION_ERROR', /^name: must be at most 200/],
        [{ name: 7 }, 400, 'VALIDATION_ERROR', /^name: expected string/],
        [{ name: 'add', args: { a: 1 } }, 400, 'VALIDATION_ERROR', /^args: expected array/],
        [{ name: 'add', args: Array(21).fill(0) }, 400, 'VALIDATION_ERROR', /^args: must be at most 20/],
        [{ name: 'add', arg: [] }, 400, 'VALIDATION_ERROR', /unknown field "arg"/],
        [{ name: 'add', args: ['x'.repeat(17_000_000)] }, 413, 'PAYLOAD_TOO_LARGE', /at most 16777216 bytes/],
      ];
      for (const [body, status, code, sentence] of cases) {
        expectFailure(await signal(id, body), status, code, sentence);
        expectFailure(await query(id, body), status, code, sentence);
      }
      expectFailure(await signal(id, { name: 'add' }, 'é'), 400, 'VALIDATION_ERROR', /^Idempotency-Key/);
      await signal(id, { name: 'finish' });
      expect(await ended(id)).toMatchObject({ result: 0 });
    });
  });

  describe('query', () => {
    it('answers with what the handler returns, of an open run and of an ended one', async () => {
      const { id } = await run({ do: 'converse' });
      await signal(id, { name: 'add', args: [4] });
      expect((await query(id, { name: 'total', args: [10] })).body.data).toEqual({ result: 40 });
      expect((await query(id, { name: '__stack_trace' })).body.data.result).toMatch(/at .*converse/s);
      await signal(id, { name: 'finish' });
      await ended(id);
      expect(await query(id, { name: 'total' })).toMatchObject({
        status: 200,
        body: { data: { result: 4 } },
      });
    });

    it('refuses an unknown name with the known ones, and tells in one line what a handler threw', async () => {
      const { id } = await run({ do: 'converse' });
      expectFailure(
        await query(id, { name: 'progress' }),
        422,
        'QUERY_REJECTED',
        'This run has no query "progress"; it answers to total, broken and __stack_trace.',
      );
      const thrown = await query(id, { name: 'broken' });
      expectFailure(
        thrown,
        422,
        'QUERY_REJECTED',
        /^The query "broken" was rejected: the till is shut for good; vnd_\[redacted\]\.$/,
      );
      await signal(id, { name: 'finish' });
      const silent = await run({ do: 'echo' });
      await ended(silent.id);
      expectFailure(
        await query(silent.id, { name: 'total' }),
        422,
        'QUERY_REJECTED',
        'This run has no query "total"; it answers only to __stack_trace.',
      );
    });

    it('lists the handlers of the author', async () => {
      const { id } = await run({ do: 'converse' });
      const { status, body } = await harness.call<Handlers>(tenantId, 'GET', at(id, 'handlers'));
      expect({ status, data: body.data }).toEqual({
        status: 200,
        data: {
          signals: [{ name: 'add', description: 'Adds to the total.' }, { name: 'finish' }],
          queries: [{ name: 'total', description: 'What was added so far.' }, { name: 'broken' }],
          updates: [{ name: 'rename' }],
        },
      });
      await signal(id, { name: 'finish' });
    });

    it('1: keeps the artifact in demand while it waits for a worker, and lets it go afterwards', async () => {
      const mine = await harness.publish({ tenantId });
      const { body } = await harness.call(tenantId, 'POST', `${mine.workflowId}/run`, {
        input: { do: 'echo' },
      });
      const inDemand = () =>
        harness.engine.demand.snapshot().artifacts.some(({ taskQueue }) => taskQueue === mine.taskQueue);
      const stop = await startWorker(temporal, mine.taskQueue);
      const path = `${mine.workflowId}/executions/${body.data.id}`;
      await harness.call(tenantId, 'GET', `${path}?waitSeconds=55`);
      await stop();
      await eventually(async () => {
        await harness.engine.reconcile();
        expect(inDemand()).toBe(false);
      });
      const asked = harness.call<Handlers>(tenantId, 'GET', `${path}/handlers`);
      await eventually(() => expect(inDemand()).toBe(true));
      await harness.engine.reconcile();
      expect(inDemand()).toBe(true);
      const stopAgain = await startWorker(temporal, mine.taskQueue);
      expect((await asked).status).toBe(200);
      await stopAgain();
      await harness.engine.reconcile();
      expect(inDemand()).toBe(false);
    });
  });

  describe('when there is nobody to talk to', () => {
    it('tells that a run never started, or is no longer kept', async () => {
      const row = (over: Partial<typeof executions.$inferInsert>) =>
        harness.insertExecution({ tenantId, workflowId, ...over });
      const queued = await row({ status: 'QUEUED' });
      expectFailure(
        await signal(queued, { name: 'add' }),
        409,
        'EXECUTION_NOT_OPEN',
        /QUEUED; it takes signals once/,
      );
      expectFailure(
        await query(queued, { name: 'total' }),
        409,
        'EXECUTION_NOT_OPEN',
        /QUEUED; it can be asked once/,
      );
      const failed = await row({ finishedAt: new Date() });
      expectFailure(
        await signal(failed, { name: 'add' }),
        409,
        'EXECUTION_NOT_OPEN',
        /is FAILED; only an open/,
      );
      expectFailure(
        await query(failed, { name: 'total' }),
        409,
        'EXECUTION_NOT_OPEN',
        /FAILED and never started/,
      );
      const gone = await row({ startedAt: new Date(), finishedAt: new Date(), temporalRunId: randomUUID() });
      expectFailure(
        await query(gone, { name: 'total' }),
        404,
        'NOT_FOUND',
        /^Temporal no longer keeps the run/,
      );
      await harness.db.system((tx) => tx.delete(executions));
    });

    it('tells an outage from a worker that is missing, and bounds what one tenant asks at once', async () => {
      const fake = new FakeTemporal();
      const off = await startHarness(temporal, harness, { wrap: () => fake });
      const mine = await off.publish();
      const { body } = await off.call(mine.tenantId, 'POST', `${mine.workflowId}/run`);
      const path = `${mine.workflowId}/executions/${body.data.id}`;
      const ask = () => off.call(mine.tenantId, 'POST', `${path}/query`, { name: 'total' });
      expectFailure(
        await ask(),
        502,
        'TEMPORAL_QUERY_FAILED',
        /no worker of this version answered. Try again.$/,
      );
      let answer = (): void => {};
      const held = new Promise<void>((resolve) => (answer = resolve));
      fake.query = async () => {
        await held;
        return { kind: 'answered', result: 1 };
      };
      const early: Reply<unknown>[] = [];
      const asked = Array.from({ length: QUERIES_AT_ONCE + 1 }, async () => {
        const reply = await ask();
        early.push(reply);
        return reply.status;
      });
      await eventually(() => expect(early).toHaveLength(1));
      expectFailure(early[0]!, 429, 'CONCURRENCY_LIMIT', /20 queries under way/);
      answer();
      expect((await Promise.all(asked)).filter((status) => status === 200)).toHaveLength(QUERIES_AT_ONCE);
      expect((await ask()).status).toBe(200);
      fake.down = true;
      const sent = await off.call(mine.tenantId, 'POST', `${path}/signal`, { name: 'add' });
      expectFailure(sent, 502, 'TEMPORAL_SIGNAL_FAILED', /did not take the signal; try again/);
      fake.down = false;
      fake.end(body.data.temporalWorkflowId!, { status: 'COMPLETED', result: null });
      const late = await off.call(mine.tenantId, 'POST', `${path}/signal`, { name: 'add' });
      expectFailure(late, 409, 'EXECUTION_NOT_OPEN', /only an open one takes signals/);
      await off.close();
    });

    it('2: waits for a run that is just being started', async () => {
      const fake = new FakeTemporal();
      let start = (): void => {};
      const held = new Promise<void>((resolve) => (start = resolve));
      const startRun = fake.start.bind(fake);
      fake.start = async (request) => {
        await held;
        return startRun(request);
      };
      const slow = await startHarness(temporal, harness, { wrap: () => fake });
      const mine = await slow.publish();
      const running = slow.call(mine.tenantId, 'POST', `${mine.workflowId}/run`);
      const [row] = await eventually(async () => {
        const rows = await slow.rows(mine.tenantId);
        expect(rows).toHaveLength(1);
        return rows;
      });
      const path = `${mine.workflowId}/executions/${row!.id}/signal`;
      const signalled = slow.call(mine.tenantId, 'POST', path, { name: 'add', args: [1] });
      start();
      expect((await running).status).toBe(201);
      expect((await signalled).status).toBe(202);
      const sent = [...fake.runs.values()].flatMap(({ signals }) => [...signals.values()]);
      expect(sent).toMatchObject([{ name: 'add', args: [1] }]);
      await slow.close();
    });
  });
});
