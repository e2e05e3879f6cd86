import { randomBytes, randomUUID } from 'node:crypto';
import { getEventListeners } from 'node:events';
import { afterAll, describe, expect, inject, it } from 'vitest';
import { artifactTaskQueue, temporalWorkflowId } from '@pegasus-workflows/contracts';
import { connectTemporal, type TemporalPort } from '@pegasus-workflows/server';
import { eventually } from '../support/wait.js';
import { FakeTemporal } from './fake-temporal.js';

/** What every TemporalPort does: the real one, and the fake that other tests put in its place. */

const implementations: [string, () => TemporalPort][] = [
  ['the real one', () => connectTemporal(inject('temporal'))],
  ['the fake', () => new FakeTemporal()],
];

describe.each(implementations)('%s', (_name, make) => {
  const port = make();
  afterAll(() => port.close());

  function request() {
    const id = randomUUID();
    const tenantId = randomUUID();
    return {
      workflowId: temporalWorkflowId(tenantId, 'demo', id),
      requestId: id,
      workflowType: 'nobody',
      taskQueue: artifactTaskQueue(tenantId, randomBytes(32).toString('hex')),
      argument: { executionId: id, input: null },
    };
  }
  const signal = () => AbortSignal.timeout(20_000);
  const all = async (runs: AsyncIterable<{ workflowId: string }>) => {
    const found: { workflowId: string }[] = [];
    for await (const run of runs) found.push(run);
    return found;
  };

  it('answers', async () => {
    await port.ping();
  });

  it('starts a run once, however often it is asked, also after its end', async () => {
    const wanted = request();
    const first = await port.start(wanted);
    expect(await port.start(wanted)).toEqual(first);
    expect(await port.start({ ...wanted, requestId: randomUUID() })).toEqual(first);
    await port.terminate(wanted.workflowId, first.runId, 'enough');
    expect(await port.start({ ...wanted, requestId: randomUUID() })).toEqual(first);
    expect((await port.describe(wanted.workflowId))?.status).toBe('TERMINATED');
  });

  it('refuses a start that cannot be, with certainty', async () => {
    await expect(port.start({ ...request(), workflowType: '' })).rejects.toMatchObject({
      name: 'TemporalError',
      certainty: 'refused',
    });
  });

  it('describes an open run, and shows it among the open ones', async () => {
    const wanted = request();
    const { runId } = await port.start(wanted);
    expect(await port.describe(wanted.workflowId)).toMatchObject({
      runId,
      status: 'RUNNING',
      taskQueue: wanted.taskQueue,
    });
    await eventually(async () =>
      expect(await all(port.listOpen())).toContainEqual(
        expect.objectContaining({ workflowId: wanted.workflowId, runId, taskQueue: wanted.taskQueue }),
      ),
    );
    expect(await port.cancel(wanted.workflowId, 'r')).toBe('requested');
    await port.terminate(wanted.workflowId, runId, 'done with');
  });

  it('waits for the close, then tells it at once, and shows it among the closed ones', async () => {
    const wanted = request();
    const { runId } = await port.start(wanted);
    const waiting = port.waitForClose(wanted.workflowId, { signal: signal(), runId });
    await port.terminate(wanted.workflowId, runId, 'for a reason');
    const close = await waiting;
    expect(close).toMatchObject({ status: 'TERMINATED', reason: 'for a reason', runId });
    expect(await port.waitForClose(wanted.workflowId, { signal: signal() })).toEqual(close);
    expect(await port.cancel(wanted.workflowId, 'r')).toBe('closed');
    await eventually(async () =>
      expect(await all(port.listClosedSince(new Date(close!.closedAt.getTime() - 1)))).toContainEqual(
        expect.objectContaining({ workflowId: wanted.workflowId, status: 'TERMINATED' }),
      ),
    );
    expect((await port.history(wanted.workflowId, { withPending: true }))!.events[0]).toMatchObject({
      id: '1',
      type: 'WorkflowExecutionStarted',
    });
  });

  it('takes signals as long as a run is open', async () => {
    const wanted = request();
    const { runId } = await port.start(wanted);
    const message = { name: 'go', args: [{ a: 1 }], requestId: 'r' };
    expect(await port.signal(wanted.workflowId, message)).toBe('sent');
    expect(await port.signal(wanted.workflowId, message)).toBe('sent');
    await port.terminate(wanted.workflowId, runId, 'done with');
    expect(await port.signal(wanted.workflowId, { ...message, requestId: 's' })).toBe('closed');
  });

  it('exports a history whole, or says that it is too large', async () => {
    const wanted = request();
    const { runId } = await port.start(wanted);
    const exported = await port.exportHistory(wanted.workflowId, 100_000);
    expect(exported).toMatchObject({ runId, workflowType: 'nobody' });
    const { eventsJson } = exported as { eventsJson: string };
    expect((JSON.parse(eventsJson) as unknown[])[0]).toMatchObject({
      eventId: '1',
      eventType: 'EVENT_TYPE_WORKFLOW_EXECUTION_STARTED',
    });
    expect(await port.exportHistory(wanted.workflowId, 10)).toBe('too-large');
    await port.terminate(wanted.workflowId, runId, 'done with');
  });

  it('gives a query up when no worker comes in time', async () => {
    const wanted = request();
    const { runId } = await port.start(wanted);
    const asked = port.query(wanted.workflowId, { name: 'state', args: [] }, { deadlineMs: 700 });
    await expect(asked).rejects.toMatchObject({
      name: 'TemporalError',
      message: expect.stringContaining('no worker of this version answered'),
    });
    await port.terminate(wanted.workflowId, runId, 'done with');
  });

  it('terminates the newest run of an id, once', async () => {
    const wanted = request();
    await port.start(wanted);
    expect(await port.controls.terminateNewest(wanted.workflowId, 'stuck')).toBe('terminated');
    expect(await port.controls.terminateNewest(wanted.workflowId, 'stuck')).toBe('closed');
    const close = await port.waitForClose(wanted.workflowId, { signal: signal() });
    expect(close).toMatchObject({ status: 'TERMINATED', reason: 'stuck' });
  });

  it('gives an update up when no worker accepts it in time, and resets nothing that has done nothing', async () => {
    const wanted = request();
    await port.start(wanted);
    const { controls } = port;
    const message = { name: 'rename', args: ['x'], updateId: 'u' };
    const asked = controls.update(wanted.workflowId, message, { acceptMs: 700, waitMs: 0 });
    await expect(asked).rejects.toMatchObject({ name: 'TemporalError', certainty: 'unknown' });
    const plan = { to: 'last-workflow-task', reapply: 'all', reason: 'r', requestId: 'r' } as const;
    expect(await controls.reset(wanted.workflowId, plan)).toMatchObject({
      kind: 'impossible',
      reason: expect.stringContaining('no workflow task has ended'),
    });
    const continued = { ...plan, to: 'last-continued-as-new' } as const;
    expect(await controls.reset(wanted.workflowId, continued)).toMatchObject({
      kind: 'impossible',
      reason: expect.stringContaining('did not continue'),
    });
    const pause = { reason: 'r', requestId: 'r' };
    const nothing = { kind: 'done', scope: 'activities', activities: [] };
    expect(await controls.pause(wanted.workflowId, pause)).toEqual(nothing);
    expect(await controls.unpause(wanted.workflowId, pause)).toEqual(nothing);
    await controls.terminateNewest(wanted.workflowId, 'done with');
    expect(await controls.update(wanted.workflowId, message, { acceptMs: 5_000, waitMs: 0 })).toEqual({
      kind: 'closed',
    });
    expect(await controls.reset(wanted.workflowId, plan)).toEqual({ kind: 'closed' });
    expect(await controls.pause(wanted.workflowId, pause)).toEqual({ kind: 'closed' });
  });

  it('ends a wait when told to', async () => {
    const wanted = request();
    const { runId } = await port.start(wanted);
    const stop = new AbortController();
    const waiting = port.waitForClose(wanted.workflowId, { signal: stop.signal, runId });
    stop.abort();
    await expect(waiting).rejects.toMatchObject({ name: 'AbortError' });
    await port.terminate(wanted.workflowId, runId, 'done with');
  });

  it('knows nothing of a run that never was', async () => {
    const { workflowId } = request();
    expect(await port.describe(workflowId)).toBeUndefined();
    expect(await port.history(workflowId, { withPending: false })).toBeUndefined();
    expect(await port.history(workflowId, { withPending: true })).toBeUndefined();
    expect(await port.exportHistory(workflowId, 1_000)).toBeUndefined();
    expect(await port.signal(workflowId, { name: 'go', args: [], requestId: 'r' })).toBe('unknown');
    expect(await port.query(workflowId, { name: 'state', args: [] }, { deadlineMs: 20_000 })).toBeUndefined();
    expect(await port.waitForClose(workflowId, { signal: signal() })).toBeUndefined();
    expect(await port.cancel(workflowId, 'r')).toBe('unknown');
    await port.terminate(workflowId, randomUUID(), 'no matter');
    const { controls } = port;
    expect(await controls.terminateNewest(workflowId, 'no matter')).toBe('unknown');
    const limits = { acceptMs: 5_000, waitMs: 0 };
    expect(await controls.update(workflowId, { name: 'x', args: [], updateId: 'u' }, limits)).toEqual({
      kind: 'unknown',
    });
    expect(await controls.pollUpdate(workflowId, 'u', { waitMs: 0 })).toEqual({ kind: 'unknown' });
    const plan = { to: 'last-workflow-task', reapply: 'all', reason: 'r', requestId: 'r' } as const;
    expect(await controls.reset(workflowId, plan)).toEqual({ kind: 'unknown' });
    expect(await controls.pause(workflowId, { reason: 'r', requestId: 'r' })).toEqual({ kind: 'unknown' });
  });
});

it('a call that has ended, aborted or not, leaves nothing at the signal that it was given', async () => {
  const port = connectTemporal(inject('temporal'));
  try {
    const aborting = new AbortController();
    const { signal } = aborting;
    const unknown = { runId: randomUUID(), onlyClosed: true, signal };
    expect(await port.waitForClose(`nobody/${randomUUID()}`, unknown)).toBeUndefined();
    expect(getEventListeners(signal, 'abort')).toEqual([]);
    const waiting = port.schedules.nextTick(`nobody/${randomUUID()}`, signal);
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    aborting.abort();
    await expect(waiting).rejects.toThrow();
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  } finally {
    await port.close();
  }
});
