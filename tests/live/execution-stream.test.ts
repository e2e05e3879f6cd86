import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import {
  type Execution,
  type History,
  type HistoryEvent,
  type ResetAnswer,
} from '@pegasus-workflows/contracts';
import { createLogger } from '@pegasus-workflows/kit';
import { type Capability } from '../../packages/server/src/infra/capability.js';
import { LogReader } from '../../packages/server/src/logs/reader.js';
import { createLive } from '../../packages/server/src/live/routes.js';
import { startHarness, startWorker, type Harness } from '../executions/support.js';
import { forEachDialect } from '../server/support.js';
import { eventsOf, nextOf, type Told } from './sse.js';

/** One execution's stream, on real runs: the timeline as Temporal has it, and the end last. */

const temporal = inject('temporal');

forEachDialect('the stream of an execution', (open) => {
  let harness: Harness;
  let live: Capability;
  let stopWorker: () => Promise<void>;
  let tenantId: string;
  let workflowId: string;

  beforeAll(async () => {
    harness = await startHarness(temporal, await open());
    const parts = { db: harness.db, temporal: harness.port, logger: createLogger('test') };
    live = createLive(parts, harness.engine, new LogReader(parts));
    live.mount(harness.app);
    const published = await harness.publish();
    ({ tenantId, workflowId } = published);
    stopWorker = await startWorker(temporal, published.taskQueue);
  });
  afterAll(async () => {
    await stopWorker?.();
    await harness?.close();
  });

  const run = async (input: Record<string, unknown>, over: object = {}): Promise<Execution> =>
    (await harness.call(tenantId, 'POST', `${workflowId}/run`, { input, ...over })).body.data;
  const at = (id: string, rest: string) => `${workflowId}/executions/${id}/${rest}`;
  const post = <T = Execution>(id: string, what: string, body: unknown) =>
    harness.call<T>(tenantId, 'POST', at(id, what), body);
  const connect = (id: string, lastId?: string, method = 'GET') =>
    harness.app.request(`/api/v1/workflows/${at(id, 'stream')}`, {
      method,
      headers: { 'x-tenant': tenantId, ...(lastId === undefined ? {} : { 'last-event-id': lastId }) },
    });
  const all = async (response: Response) => {
    const told: Told[] = [];
    for await (const one of eventsOf(response)) told.push(one);
    return told;
  };
  const timeline = (told: readonly Told[]): HistoryEvent[] =>
    told.flatMap(({ event, data }) => (event === 'history' ? (data.events as HistoryEvent[]) : []));
  const historyOf = async (id: string) =>
    (await harness.call<History>(tenantId, 'GET', at(id, 'history'))).body.data.events;

  it('1: tells the timeline as it happens, then the end, and is over', async () => {
    const { id } = await run({ do: 'converse' });
    const events = eventsOf(await connect(id));
    const first = await nextOf(events, ({ event }) => event === 'execution');
    expect(first.data).toMatchObject({ id, status: 'RUNNING', input: { do: 'converse' } });
    await post(id, 'signal', { name: 'add', args: [3] });
    const told: Told[] = [];
    const isSignal = (one: Told) => timeline([one]).some(({ type }) => type === 'WorkflowExecutionSignaled');
    told.push(await nextOf(events, isSignal));
    await post(id, 'signal', { name: 'finish' });
    for await (const one of events) told.push(one);
    expect(told.at(-1)).toMatchObject({ event: 'execution', data: { id, status: 'COMPLETED', result: 3 } });
    expect(timeline(told).at(-1)?.type).toBe('WorkflowExecutionCompleted');
    expect(timeline(await all(await connect(id)))).toEqual(await historyOf(id));
  });

  it('2: a client that is cut after every event is told each once, and 204 at the end', async () => {
    const { id } = await run({ do: 'converse' });
    for (const name of ['add', 'add', 'finish'])
      await post(id, 'signal', name === 'add' ? { name, args: [1] } : { name });
    const told: Told[] = [];
    for (;;) {
      const response = await connect(id, told.at(-1)?.id);
      if (response.status === 204) break;
      const events = eventsOf(response);
      const { value } = await events.next();
      if (value) told.push(value);
      await events.return();
    }
    expect(timeline(told)).toEqual(await historyOf(id));
    const ends = told.filter(({ data }) => data.status === 'COMPLETED');
    expect(ends).toHaveLength(1);
    expect(told.at(-1)).toBe(ends[0]);
  });

  it('follows a run that continues as new, and one that is reset', async () => {
    const { id } = await run({ do: 'continue', links: 2 });
    const told = await all(await connect(id));
    expect(told.at(-1)?.data.status).toBe('COMPLETED');
    const { id: reset } = await run({ do: 'converse' });
    const events = eventsOf(await connect(reset));
    await nextOf(events, (one) => timeline([one]).some(({ type }) => type === 'WorkflowTaskCompleted'));
    const done = await post<ResetAnswer>(reset, 'reset', { to: 'first-workflow-task' });
    expect(done.status).toBe(200);
    const { temporalRunId } = done.body.data;
    const begun = await nextOf(events, ({ data }) => data.runId === temporalRunId);
    expect(begun.data.events[0]).toMatchObject({ id: '1', type: 'WorkflowExecutionStarted' });
    await post(reset, 'signal', { name: 'finish' });
    const end = await nextOf(events, ({ data }) => data.status === 'COMPLETED');
    expect(end.data.temporalRunId).toBe(temporalRunId);
  });

  it('waits for one that is held, ends with one that never starts, and knows only its tenant’s', async () => {
    const { id } = await run({ do: 'converse' }, { delay: 3_600 });
    const events = eventsOf(await connect(id));
    expect((await events.next()).value).toMatchObject({ event: 'execution', data: { status: 'QUEUED' } });
    await post(id, 'cancel', undefined);
    expect((await events.next()).value).toMatchObject({ event: 'execution', data: { status: 'CANCELLED' } });
    expect((await events.next()).done).toBe(true);
    expect((await connect(workflowId)).status).toBe(404);
    expect((await connect(id, 'nowhere')).status).toBe(400);
    const head = await connect(id, undefined, 'HEAD');
    expect([head.status, head.headers.get('content-type')]).toEqual([200, 'text/event-stream']);
  });

  it('3: streams that have ended, read to the end or cut, leave nothing that the server waits for when it ends', async () => {
    const { id } = await run({ do: 'converse' });
    const cut = eventsOf(await connect(id));
    await cut.next();
    await cut.return();
    await post(id, 'signal', { name: 'finish' });
    await all(await connect(id));
    const jobs = [live.start?.()].flat();
    expect(jobs).toHaveLength(1);
    for (const job of jobs) await job?.stop();
  });
});
