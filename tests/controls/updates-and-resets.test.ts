import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import {
  type Execution,
  type History,
  type PauseAnswer,
  type ResetAnswer,
  type UpdateAnswer,
} from '@pegasus-workflows/contracts';
import { startHarness, startWorker, type Harness, type Reply } from '../executions/support.js';
import { FakeTemporal } from '../executions/fake-temporal.js';
import { forEachDialect } from '../server/support.js';
import { eventually } from '../support/wait.js';

/** Update, terminate, reset and pause: on real runs with a worker, and on a Temporal that fails when told to. */

const temporal = inject('temporal');

forEachDialect('interfering with runs', (open) => {
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
  const post = <T = Execution>(id: string, what: string, body?: unknown, key?: string): Promise<Reply<T>> =>
    harness.call<T>(tenantId, 'POST', at(id, what), body, key ? { 'idempotency-key': key } : {});
  const update = (id: string, body: unknown, key?: string) => post<UpdateAnswer>(id, 'update', body, key);
  const outcome = (id: string, updateId: string, waitSeconds = 0) =>
    harness.call<UpdateAnswer>(
      tenantId,
      'GET',
      at(id, `updates/${encodeURIComponent(updateId)}?waitSeconds=${waitSeconds}`),
    );
  const ended = async (id: string) => {
    const path = `${workflowId}/executions/${id}?waitSeconds=55`;
    return (await harness.call(tenantId, 'GET', path)).body.data;
  };
  const eventsOf = async (id: string) =>
    (await harness.call<History>(tenantId, 'GET', at(id, 'history'))).body.data.events;
  const total = async (id: string) =>
    (await post<{ result: unknown }>(id, 'query', { name: 'total' })).body.data.result;
  function expectFailure(reply: Reply<unknown>, status: number, code: string, sentence: string | RegExp) {
    expect({ status: reply.status, code: reply.body.code }, JSON.stringify(reply.body)).toEqual({
      status,
      code,
    });
    expect(reply.body.error).toMatch(sentence);
    expect(reply.body.error).not.toMatch(/\n/);
  }

  describe('update', () => {
    it('1: answers with what the handler returns; a repeated key is the same update', async () => {
      const { id } = await run({ do: 'negotiate' });
      const key = `order ${randomUUID()}`;
      const replies = await Promise.all([1, 2].map(() => update(id, { name: 'rename', args: ['a'] }, key)));
      for (const reply of replies)
        expect(reply).toMatchObject({
          status: 200,
          body: { data: { updateId: key, completed: true, result: 'a' } },
        });
      const again = await update(id, { name: 'rename', args: ['b'] }, key);
      expect(again.body.data).toMatchObject({ completed: true, result: 'a' });
      expect((await outcome(id, key)).body.data).toEqual({ updateId: key, completed: true, result: 'a' });
      expectFailure(await outcome(id, 'another'), 404, 'NOT_FOUND', /no update of this id/);
      await post(id, 'signal', { name: 'finish' });
      await ended(id);
      expect((await update(id, { name: 'rename', args: ['a'] }, key)).body.data).toMatchObject({
        result: 'a',
      });
      expectFailure(
        await update(id, { name: 'rename', args: ['a'] }),
        409,
        'EXECUTION_NOT_OPEN',
        'The execution is COMPLETED; only an open one takes updates.',
      );
    });

    it('2: says that a slow one is under way, and tells its outcome when it has one', async () => {
      const { id } = await run({ do: 'negotiate' });
      const slow = await update(id, { name: 'settle', args: ['paid'], waitSeconds: 0 }, 'slow');
      expect(slow).toMatchObject({ status: 202, body: { data: { updateId: 'slow', completed: false } } });
      expect(await outcome(id, 'slow')).toMatchObject({ status: 202, body: { data: { completed: false } } });
      const waiting = outcome(id, 'slow', 50);
      await post(id, 'signal', { name: 'finish' });
      expect(await waiting).toMatchObject({ status: 200, body: { data: { result: 'paid: settled' } } });
      expect(await ended(id)).toMatchObject({ status: 'COMPLETED' });
    });

    it('tells what was thrown and refused, and which names there are', async () => {
      const { id } = await run({ do: 'negotiate' });
      expectFailure(
        await update(id, { name: 'rename', args: [''] }),
        422,
        'UPDATE_REJECTED',
        /^The run did not carry the update out: .*a name is needed/,
      );
      expectFailure(
        await update(id, { name: 'rename', args: ['bad'] }),
        422,
        'UPDATE_REJECTED',
        /^The run did not carry the update out: the register is closed \(.*workflows.ts:\d+\)\.$/,
      );
      expectFailure(
        await update(id, { name: 'paint' }),
        422,
        'UPDATE_REJECTED',
        'This run has no update "paint"; it takes rename, settle.',
      );
      await post(id, 'signal', { name: 'finish' });
      await ended(id);
    });
  });

  describe('terminate', () => {
    it('ends a run that does not listen, and only once', async () => {
      const { id } = await run({ do: 'ignore-cancel' });
      const reply = await post(id, 'terminate', { reason: 'it hangs' });
      expect(reply.status).toBe(202);
      expect(await ended(id)).toMatchObject({ status: 'FAILED', errorMessage: 'Terminated: it hangs' });
      expectFailure(await post(id, 'terminate'), 409, 'EXECUTION_NOT_OPEN', /is FAILED; only an open one/);
    });

    it('ends one that waits for its time', async () => {
      const { body } = await harness.call(tenantId, 'POST', `${workflowId}/run`, { delay: 3_600 });
      const reply = await post(body.data.id, 'terminate');
      expect(reply.body.data).toMatchObject({
        status: 'FAILED',
        startedAt: null,
        errorMessage: 'Terminated: no reason given',
      });
    });
  });

  describe('reset', () => {
    it('1: goes on from an earlier point as the same execution, and ends by the run that goes on', async () => {
      const { id, temporalRunId } = await run({ do: 'converse' });
      await post(id, 'signal', { name: 'add', args: [5] });
      await eventually(async () => expect(await total(id)).toBe(5));
      const reply = await post<ResetAnswer>(id, 'reset', { to: 'first-workflow-task', reapply: 'none' });
      expect(reply.status, JSON.stringify(reply.body)).toBe(200);
      const { execution, temporalRunId: next, eventId } = reply.body.data;
      expect(next).not.toBe(temporalRunId);
      expect(execution).toMatchObject({ id, status: 'RUNNING', temporalRunId: next });
      expect(eventId).toBe('4');
      expect(await total(id)).toBe(0);
      await harness.engine.reconcile();
      expect((await harness.call(tenantId, 'GET', `${workflowId}/executions/${id}`)).body.data.status).toBe(
        'RUNNING',
      );
      await post(id, 'signal', { name: 'add', args: [2] });
      await post(id, 'signal', { name: 'finish' });
      expect(await ended(id)).toMatchObject({ status: 'COMPLETED', result: 2, temporalRunId: next });
      expectFailure(
        await post(id, 'reset', { to: 'first-workflow-task' }),
        409,
        'EXECUTION_NOT_RESETTABLE',
        /Retry starts a new run/,
      );
    });

    it('lowers an event id to a workflow task that had ended, and delivers signals again unless told not to', async () => {
      const { id } = await run({ do: 'converse' });
      // A signal that comes before the first workflow task has ended is part of it.
      await eventually(async () =>
        expect((await eventsOf(id)).map(({ type }) => type)).toContain('WorkflowTaskCompleted'),
      );
      await post(id, 'signal', { name: 'add', args: [5] });
      await eventually(async () => expect(await total(id)).toBe(5));
      const key = randomUUID();
      const reply = await post<ResetAnswer>(id, 'reset', { toEventId: 5 }, key);
      expect(reply.body.data.eventId).toBe('4');
      await eventually(async () => expect(await total(id)).toBe(5));
      expectFailure(
        await post(id, 'reset', { toEventId: 2 }),
        409,
        'EXECUTION_NOT_RESETTABLE',
        /no workflow task has ended up to event 2/,
      );
      expectFailure(
        await post(id, 'reset', { to: 'last-continued-as-new' }),
        409,
        'EXECUTION_NOT_RESETTABLE',
        /did not continue an earlier one as new/,
      );
      for (const body of [{}, { to: 'last-workflow-task', toEventId: 4 }])
        expectFailure(await post(id, 'reset', body), 400, 'VALIDATION_ERROR', /give either toEventId or to/);
      await post(id, 'terminate');
    });

    it('goes back to before a run continued as new', async () => {
      const { id } = await run({ do: 'sum-over-links', links: 1 });
      await post(id, 'signal', { name: 'add', args: [5] });
      await eventually(async () => {
        const types = (await eventsOf(id)).map(({ type }) => type);
        expect(types).not.toContain('WorkflowExecutionSignaled');
        expect(types).toContain('WorkflowTaskCompleted');
      });
      const reply = await post<ResetAnswer>(id, 'reset', { to: 'last-continued-as-new', reapply: 'none' });
      expect(reply.status, JSON.stringify(reply.body)).toBe(200);
      await post(id, 'terminate', { reason: 'done with' });
      expect(await ended(id)).toMatchObject({ errorMessage: 'Terminated: done with' });
    });
  });

  it('pauses the activities that are pending, shows it, and lets them go on', async () => {
    const { id } = await run({ do: 'retry-tomorrow' });
    const pendingOf = async () =>
      (await harness.call<History>(tenantId, 'GET', at(id, 'history'))).body.data.pendingActivities?.[0];
    await eventually(async () => expect(await pendingOf()).toMatchObject({ attempt: 2, state: 'SCHEDULED' }));
    const paused = await post<PauseAnswer>(id, 'pause', { reason: 'shop is shut' });
    expect(paused.status, JSON.stringify(paused.body)).toBe(200);
    expect(paused.body.data.activities).toEqual([{ activityId: '1', activityType: 'fail' }]);
    await eventually(async () => expect((await pendingOf())?.state).toBe('PAUSED'));
    expectFailure(await post(id, 'pause'), 409, 'EXECUTION_NOT_PAUSABLE', /none pending that is not paused/);
    expect((await post<PauseAnswer>(id, 'unpause')).body.data.activities).toHaveLength(1);
    await eventually(async () => expect((await pendingOf())?.state).not.toBe('PAUSED'));
    await post(id, 'terminate');
  });

  it('fails with 502 and the way out when Temporal cannot be reached', async () => {
    const fake = new FakeTemporal();
    const off = await startHarness(temporal, harness, { wrap: () => fake });
    const mine = await off.publish();
    const { body } = await off.call(mine.tenantId, 'POST', `${mine.workflowId}/run`);
    const path = `${mine.workflowId}/executions/${body.data.id}`;
    const call = (what: string, sent?: unknown) => off.call(mine.tenantId, 'POST', `${path}/${what}`, sent);
    expectFailure(
      await call('update', { name: 'rename' }),
      502,
      'TEMPORAL_UPDATE_FAILED',
      /no worker of this version accepted it. Try again, with the same Idempotency-Key/,
    );
    fake.down = true;
    expectFailure(await call('update', { name: 'x' }), 502, 'TEMPORAL_UPDATE_FAILED', /cannot be reached/);
    expectFailure(await call('terminate'), 502, 'TEMPORAL_CONTROL_FAILED', /cannot be reached. Try again.$/);
    expectFailure(
      await call('reset', { to: 'last-workflow-task' }),
      502,
      'TEMPORAL_CONTROL_FAILED',
      /cannot be reached. Try again.$/,
    );
    expectFailure(await call('pause'), 502, 'TEMPORAL_CONTROL_FAILED', /cannot be reached. Try again.$/);
    await off.close();
  });
});
