import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import {
  LIMITS,
  type Execution,
  type Handlers,
  type History,
  type HistoryExport,
  type QueryAnswer,
} from '@pegasus-workflows/contracts';
import { historyFromJson } from '@pegasus-workflows/project/temporal-json';
import { type executions } from '../../packages/server/src/infra/schema.js';
import { TemporalError } from '../../packages/server/src/infra/temporal.js';
import { expectGolden } from '../server/golden.js';
import { forEachDialect, openAnyDialect } from '../server/support.js';
import { eventually } from '../support/wait.js';
import { FakeTemporal } from './fake-temporal.js';
import { over, startHarness, startWorker, type Harness } from './support.js';

/** The timeline and the export of real runs; both when Temporal fails; and the wire of all execution calls, byte by byte. */

const temporal = inject('temporal');

forEachDialect('histories', (open) => {
  let harness: Harness;
  let stopWorker: () => Promise<void>;
  let tenantId: string;
  let workflowId: string;

  beforeAll(async () => {
    harness = await startHarness(temporal, await open());
    const published = await harness.publish({ version: '1.2.0' });
    ({ tenantId, workflowId } = published);
    stopWorker = await startWorker(temporal, published.taskQueue);
  });
  afterAll(async () => {
    await stopWorker?.();
    await harness?.close();
  });

  async function run(input: Record<string, unknown>): Promise<Execution> {
    return (await harness.call(tenantId, 'POST', `${workflowId}/run`, { input })).body.data;
  }
  const get = <T>(id: string, rest: string, by: Harness = harness) =>
    by.call<T>(tenantId, 'GET', `${workflowId}/executions/${id}/${rest}`);
  const ended = (id: string) =>
    harness.call(tenantId, 'GET', `${workflowId}/executions/${id}?waitSeconds=55`);
  const cancel = (id: string) => harness.call(tenantId, 'POST', `${workflowId}/executions/${id}/cancel`);

  it('tells of an activity between two attempts: which, how many, its last failure, when it goes on', async () => {
    const { id } = await run({ do: 'retry-tomorrow' });
    const { events, pendingActivities } = await eventually(async () => {
      const { data } = (await get<History>(id, 'history')).body;
      expect(data.pendingActivities?.[0]?.nextAttemptAt).toBeDefined();
      return data;
    });
    const scheduled = events.find(({ type }) => type === 'ActivityTaskScheduled')!;
    expect(pendingActivities).toEqual([
      {
        scheduledEventId: scheduled.id,
        activityType: 'fail',
        state: 'SCHEDULED',
        attempt: 2,
        maximumAttempts: 3,
        lastFailure: expect.stringMatching(/^the shop is shut \(executions\/support\.ts:\d+\)$/),
        nextAttemptAt: expect.stringMatching(/Z$/),
      },
    ]);
    expect(Date.parse(pendingActivities![0]!.nextAttemptAt!)).toBeGreaterThan(
      Date.parse(scheduled.timestamp),
    );
    const blind = await startHarness(temporal, harness, {
      wrap: (port) =>
        over(port, {
          history: (workflow) => port.history(workflow, { withPending: false }),
        }),
    });
    expect((await get<History>(id, 'history', blind)).body.data).toEqual({ events });
    await blind.close();
    await cancel(id);
    expect((await ended(id)).body.data.status).toBe('CANCELLED');
    expect((await get<History>(id, 'history')).body.data).not.toHaveProperty('pendingActivities');
  });

  it('links events to those they answer, and names what they are about', async () => {
    const { id } = await run({ do: 'timer-and-child' });
    await harness.call(tenantId, 'POST', `${workflowId}/executions/${id}/signal`, { name: 'finish' });
    expect((await ended(id)).body.data.status).toBe('COMPLETED');
    const { events } = (await get<History>(id, 'history')).body.data;
    const of = (type: string) => events.find((event) => event.type === type)!;
    const started = of('TimerStarted');
    expect(started).toMatchObject({ name: '1', firesAt: expect.stringMatching(/Z$/) });
    expect(Date.parse(started.firesAt!) - Date.parse(started.timestamp)).toBe(100);
    expect(of('TimerFired')).toMatchObject({ name: '1', scheduledEventId: started.id });
    const child = of('StartChildWorkflowExecutionInitiated');
    expect(child).toMatchObject({ name: 'scripted' });
    for (const type of ['ChildWorkflowExecutionStarted', 'ChildWorkflowExecutionCompleted'])
      expect(of(type)).toMatchObject({ name: 'scripted', scheduledEventId: child.id });
    expect(of('WorkflowExecutionSignaled')).toMatchObject({ name: 'finish' });
    const activity = of('ActivityTaskScheduled');
    expect(of('ActivityTaskCompleted')).toMatchObject({
      activityType: 'echo',
      scheduledEventId: activity.id,
    });
    expect(activity).not.toHaveProperty('scheduledEventId');
  });

  it('exports every event of every page, as Temporal itself reads it back', async () => {
    const { id, temporalWorkflowId: temporalId } = await run({ do: 'many-timers', count: 400 });
    expect((await ended(id)).body.data.status).toBe('COMPLETED');
    const { status, body } = await get<HistoryExport>(id, 'history/export');
    expect(status).toBe(200);
    const { history, ...about } = body.data;
    expect(about).toEqual({
      workflowType: 'scripted',
      temporalWorkflowId: temporalId,
      temporalRunId: (await ended(id)).body.data.temporalRunId,
      name: 'scripted',
      version: '1.2.0',
    });
    const read = historyFromJson(history);
    expect(read.events!.map(({ eventId }) => String(eventId))).toEqual(
      history.events.map((_, i) => String(i + 1)),
    );
    expect(history.events.length).toBeGreaterThan(800);
    const [first] = read.events![0]!.workflowExecutionStartedEventAttributes!.input!.payloads!;
    expect(JSON.parse(Buffer.from(first!.data!).toString())).toEqual({
      executionId: id,
      input: { do: 'many-timers', count: 400 },
    });
  });

  it('says why there is nothing to export', async () => {
    const insert = (values: Partial<typeof executions.$inferInsert>) =>
      harness.insertExecution({ tenantId, workflowId, finishedAt: new Date(), ...values });
    const never = await get(await insert({}), 'history/export');
    expect(never).toMatchObject({ status: 409, body: { code: 'EXECUTION_NOT_OPEN' } });
    expect(never.body.error).toMatch(/is FAILED and its run has not started, so there is no history/);
    const gone = await get(await insert({ startedAt: new Date() }), 'history/export');
    expect(gone).toMatchObject({
      status: 404,
      body: { code: 'NOT_FOUND', error: 'Temporal no longer keeps the history of this execution.' },
    });
    const { id } = await run({ do: 'echo' });
    await harness.engine.settled();
    const large = await startHarness(temporal, harness, {
      wrap: (port) => over(port, { exportHistory: (workflow) => port.exportHistory(workflow, 10) }),
    });
    expect(await get(id, 'history/export', large)).toMatchObject({
      status: 413,
      body: { code: 'PAYLOAD_TOO_LARGE', error: expect.stringContaining(String(LIMITS.historyExportBytes)) },
    });
    await large.close();
    const outage = () => Promise.reject(new TemporalError('it cannot be reached', 'unknown'));
    const down = await startHarness(temporal, harness, {
      wrap: (port) => over(port, { exportHistory: outage, history: outage }),
    });
    for (const rest of ['history', 'history/export'])
      expect(await get(id, rest, down)).toMatchObject({
        status: 502,
        body: { code: 'TEMPORAL_HISTORY_UNAVAILABLE' },
      });
    await down.close();
  });
});

describe('golden answers', () => {
  it('of executions', async () => {
    const harness = await startHarness(temporal, await openAnyDialect());
    const { tenantId, workflowId, taskQueue } = await harness.publish({ version: '1.2.0' });
    const call = <T>(method: string, rest: string, body?: unknown) =>
      harness.call<T>(tenantId, method, `${workflowId}/${rest}`, body);
    const start = async (input: Record<string, unknown>) =>
      (await call<Execution>('POST', 'run', { input })).body;
    const stop = await startWorker(temporal, taskQueue);
    const waiting = await start({ do: 'retry-tomorrow' });
    await expectGolden('execution', waiting);
    const history = await eventually(async () => {
      const { body } = await call<History>('GET', `executions/${waiting.data.id}/history`);
      expect(body.data.pendingActivities?.[0]?.nextAttemptAt).toBeDefined();
      return body;
    });
    await expectGolden('execution-history', history);
    const { id } = (await start({ do: 'converse' })).data;
    await expectGolden(
      'execution-query',
      (await call<QueryAnswer>('POST', `executions/${id}/query`, { name: 'total' })).body,
    );
    await expectGolden('execution-handlers', (await call<Handlers>('GET', `executions/${id}/handlers`)).body);
    await call('POST', `executions/${id}/signal`, { name: 'finish' });
    await call('GET', `executions/${id}?waitSeconds=55`);
    await expectGolden('execution-list', (await call<Execution[]>('GET', 'executions')).body);
    await call('POST', `executions/${waiting.data.id}/cancel`);
    await call('GET', `executions/${waiting.data.id}?waitSeconds=55`);
    await stop();
    // A real export has clocks, hosts and versions in every event.
    const still = await startHarness(temporal, harness, { wrap: () => new FakeTemporal() });
    const mine = await still.publish({ version: '1.2.0' });
    const path = `${mine.workflowId}/executions`;
    const began = await still.call(mine.tenantId, 'POST', `${mine.workflowId}/run`);
    const exported = await still.call<HistoryExport>(
      mine.tenantId,
      'GET',
      `${path}/${began.body.data.id}/history/export`,
    );
    await expectGolden('execution-history-export', exported.body);
    await still.close();
    await harness.close();
  });
});
