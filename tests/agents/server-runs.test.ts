import { randomUUID } from 'node:crypto';
import {
  dispatchQueue,
  dispatchRunId,
  temporalWorkflowId,
  type Dispatch,
} from '@pegasus-workflows/contracts';
import { eq } from 'drizzle-orm';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { schema } from '../../packages/server/src/index.js';
import { TemporalError, type TemporalPort } from '../../packages/server/src/infra/temporal.js';
import { over, temporalClient } from '../executions/support.js';
import { forEachDialect, openAnyDialect, testServer, type TestServer } from '../server/support.js';
import { eventually } from '../support/wait.js';
import { workflowRow } from '../support/workflow-row.js';
import { workOn } from './support/dispatch-worker.js';
import { agentStage, eventAt, questionOf, resultOf, type AgentStage } from './support/dispatches.js';

/** Runs of dispatches on the real Temporal, whose host is a plain worker that listens: started, told, ended. */
const temporal = inject('temporal');

forEachDialect('runs of dispatches', (open) => {
  let server: TestServer;
  let stage: AgentStage;
  let port: TemporalPort;
  let tenantId: string;
  const stops: (() => Promise<void>)[] = [];

  beforeAll(async () => {
    server = await testServer(await open());
    port = server.services.temporal;
    tenantId = server.tenants.a.id;
    stage = agentStage(server);
    const workspaces = ['shop', 'empty'].map((name) => ({ tenantId, name }));
    expect(await stage.host({ workspaces })).toMatchObject({ status: 204 });
    stops.push(await workOn(temporal, dispatchQueue(tenantId, 'shop')));
  });
  afterAll(async () => {
    for (const stop of stops) await stop();
    await server?.close();
  });

  const runOf = (id: string) => dispatchRunId(tenantId, id);
  const post = async (id: string, what: string, body?: unknown) =>
    expect((await stage.asA('POST', `/${id}/${what}`, { body })).status).toBe(202);
  const told = async (id: string): Promise<any[]> => {
    const answer = await port.query(runOf(id), { name: 'told', args: [] }, { deadlineMs: 30_000 });
    if (answer?.kind !== 'answered') throw new Error(`the run said ${JSON.stringify(answer)}`);
    return answer.result as any[];
  };
  const end = (id: string, how: object) =>
    port.signal(runOf(id), { name: 'end', args: [how], requestId: randomUUID() });
  const closed = (id: string) =>
    eventually(async () => expect((await port.describe(runOf(id)))?.status).not.toBe('RUNNING'));
  const started = async (workspace = 'shop'): Promise<Dispatch> => {
    const dispatch = await stage.dispatch({ workspace });
    await stage.drain();
    return dispatch;
  };
  const orders = async (id: string) =>
    server.services.db.system((tx) =>
      tx.select().from(schema.agentOrders).where(eq(schema.agentOrders.dispatchId, id)),
    );
  const items = () =>
    server.services.db.system((tx) =>
      tx.select().from(schema.outbox).where(eq(schema.outbox.topic, 'DISPATCH')),
    );
  /** Silent for long enough to be asked about. */
  const later = async (pass: () => Promise<void>, ms = 61_000) => {
    server.turnClock(ms);
    try {
      await pass();
    } finally {
      server.resetClock();
    }
  };

  it('are started with what was asked for, on the queue of the workspace', async () => {
    const { id, task } = await started();
    const run = await port.describe(runOf(id));
    expect(run).toMatchObject({ status: 'RUNNING', taskQueue: dispatchQueue(tenantId, 'shop') });
    expect(await told(id)).toEqual([
      { dispatchId: id, tenantId, workspace: 'shop', task, model: null, merge: 'leave', parentSessionId: id },
    ]);
    expect(await items()).toEqual([]);
    await end(id, { result: null });
  });

  it('are told answers, pauses and cancellations once, in order (runs invariants 2, 4)', async () => {
    const { id } = await started();
    const question = questionOf();
    await stage.reported(id, 1, { state: 'WAITING', question });
    await post(id, 'answer', { questionId: question.id, answer: 'approved' });
    for (const what of ['pause', 'resume', 'pause']) await post(id, what);
    await stage.drain();
    const answer = { questionId: question.id, answer: 'approved' };
    await eventually(async () =>
      expect((await told(id)).slice(1)).toEqual([
        { answer },
        { pause: null },
        { resume: null },
        { pause: null },
      ]),
    );
    // As after a crash between the signal and the note of it.
    await server.services.db.system((tx) => tx.update(schema.agentOrders).set({ sentAt: null }));
    await server.services.db.system((tx) =>
      tx.insert(schema.outbox).values({ tenantId, topic: 'DISPATCH', refId: id }).onConflictDoNothing(),
    );
    await stage.drain();
    expect(await told(id)).toHaveLength(5);
    expect((await orders(id)).every(({ sentAt }) => sentAt !== null)).toBe(true);
    await post(id, 'cancel');
    await stage.drain();
    await closed(id);
    // Cancelled by its own run; the host did not say so.
    await later(() => stage.agents.reconciler.pass());
    expect(await stage.get(id)).toMatchObject({ state: 'ENDED', result: { status: 'cancelled' } });
  });

  it('end at once when they are cancelled and no host has taken them (runs invariant 5)', async () => {
    const { id } = await started('empty');
    expect(await port.describe(runOf(id))).toMatchObject({ status: 'RUNNING' });
    await post(id, 'cancel');
    await stage.drain();
    expect(await stage.get(id)).toMatchObject({
      state: 'ENDED',
      result: { status: 'cancelled', summary: 'It was cancelled before an agent host had taken it.' },
    });
    expect(await port.describe(runOf(id))).toMatchObject({ status: 'TERMINATED' });
    expect(await items()).toEqual([]);
  });

  it('are asked for again while Temporal is away, and given up when it refuses (runs invariant 3)', async () => {
    let answer: (() => never) | undefined = () => {
      throw new TemporalError('no answer in time', 'unknown');
    };
    const wrapped = over(port, {
      start: (request) => (answer ? answer() : port.start(request)),
      describe: async (...call) => (answer ? answer() : port.describe(...call)),
    });
    const other = agentStage(server, { temporal: wrapped });
    const { id } = await stage.dispatch();
    await other.drain();
    expect(await stage.get(id)).toMatchObject({ state: 'QUEUED' });
    expect(await items()).toMatchObject([
      { attempts: 0, lastError: expect.stringMatching(/did not confirm/) },
    ]);
    answer = undefined;
    await later(() => other.drain(), 5_000);
    expect((await told(id))[0]).toMatchObject({ dispatchId: id });
    await end(id, {});

    answer = () => {
      throw new TemporalError('the namespace takes none', 'refused');
    };
    const refused = await stage.dispatch();
    await other.drain();
    expect(await stage.get(refused.id)).toMatchObject({
      state: 'ENDED',
      result: { status: 'failed', summary: 'Temporal refused the start: the namespace takes none' },
    });
  });

  it('are cancelled although a cancellation comes while they are started (runs invariant 1)', async () => {
    const { id } = await stage.dispatch({ workspace: 'empty' });
    let cancelling: Promise<unknown> | undefined;
    const wrapped = over(port, {
      start: async (request) => {
        cancelling ??= post(id, 'cancel');
        await cancelling;
        return port.start(request);
      },
    });
    await agentStage(server, { temporal: wrapped }).drain();
    await stage.drain();
    expect(await stage.get(id)).toMatchObject({ state: 'ENDED', result: { status: 'cancelled' } });
    expect(await port.describe(runOf(id))).toMatchObject({ status: 'TERMINATED' });
  });

  it('that have closed without a report end with what they returned (reconciler invariant 3)', async () => {
    const good = await started();
    const odd = await started();
    const failed = await started();
    const terminated = await started('empty');
    const open = await started('empty');
    const events = [eventAt(1), eventAt(2), eventAt(3)];
    await stage.reported(failed.id, 3, { events, tokensIn: 7 });
    const result = resultOf({ taskId: good.id, summary: 'It is done, and nobody was told.' });
    await end(good.id, { result });
    await end(odd.id, { result: { status: 'shipped' } });
    await end(failed.id, { error: 'the disk is full' });
    const run = await port.describe(runOf(terminated.id));
    await port.terminate(runOf(terminated.id), run!.runId, 'by an operator');
    for (const { id } of [good, odd, failed, terminated]) await closed(id);
    // Nobody has been silent for long.
    await stage.agents.reconciler.pass();
    expect(await stage.get(good.id)).toMatchObject({ state: 'QUEUED' });
    await later(() => stage.agents.reconciler.pass());
    expect((await stage.get(good.id)).result).toEqual(result);
    expect((await stage.get(odd.id)).result).toMatchObject({
      ...{ status: 'failed', personaSlug: 'coder', summary: expect.stringMatching(/not a result/) },
    });
    expect((await stage.get(failed.id)).result).toMatchObject({
      ...{ status: 'failed', personaSlug: 'hiroshi', toolCallCount: 2, tokensIn: 7 },
      summary: expect.stringMatching(/^Its run failed: the disk is full/),
    });
    expect((await stage.get(terminated.id)).result).toMatchObject({
      ...{ status: 'failed', summary: 'Its run was terminated: by an operator' },
    });
    expect(await stage.get(open.id)).toMatchObject({ state: 'QUEUED' });
    await post(open.id, 'cancel');
    await stage.drain();
  });

  it('stay as they are while Temporal is away, and fail once it has long not known them (reconciler invariants 1, 2)', async () => {
    const { id } = await started('empty');
    const away = over(port, {
      describe: () => Promise.reject(new TemporalError('no answer in time', 'unknown')),
    });
    const other = agentStage(server, { temporal: away });
    await later(() => expect(other.agents.reconciler.pass()).rejects.toThrow('no answer in time'), 3_600_000);
    expect(await stage.get(id)).toMatchObject({ state: 'QUEUED' });
    const empty = agentStage(server, {
      temporal: over(port, { describe: () => Promise.resolve(undefined) }),
    });
    await later(() => empty.agents.reconciler.pass());
    expect(await stage.get(id)).toMatchObject({ state: 'QUEUED' });
    await later(() => empty.agents.reconciler.pass(), 130_000);
    expect(await stage.get(id)).toMatchObject({
      state: 'ENDED',
      result: { status: 'failed', summary: expect.stringMatching(/^Temporal no longer knows its run/) },
    });
    const run = await port.describe(runOf(id));
    await port.terminate(runOf(id), run!.runId, 'the test is over');
  });

  it('tell the execution that dispatched them that they have ended (parents invariant 1)', async () => {
    const executionId = randomUUID();
    const row = workflowRow({ tenantId, name: `w-${executionId.slice(0, 8)}`, version: '1.0.0' });
    const workflowId = temporalWorkflowId(tenantId, row.name, executionId);
    const taskQueue = `test/${executionId}`;
    await server.services.db.system(async (tx) => {
      await tx.insert(schema.workflows).values(row);
      await tx.insert(schema.executions).values({
        ...{ id: executionId, tenantId, workflowId: row.id, status: 'RUNNING', triggerSource: 'USER' },
        temporalWorkflowId: workflowId,
      });
    });
    await port.start({
      workflowId,
      requestId: executionId,
      workflowType: 'parent',
      taskQueue,
      argument: null,
    });
    const mine = await stage.dispatch();
    const gone = await stage.dispatch();
    await server.services.db.system(async (tx) => {
      const { agentDispatches } = schema;
      const parentOf = (id: string, parentExecutionId: string) =>
        tx.update(agentDispatches).set({ parentExecutionId }).where(eq(agentDispatches.id, id));
      await parentOf(mine.id, executionId);
      await parentOf(gone.id, randomUUID());
    });
    stops.push(await workOn(temporal, taskQueue));
    for (const { id } of [mine, gone]) await post(id, 'cancel');
    await stage.drain();
    const close = await port.waitForClose(workflowId, { signal: AbortSignal.timeout(30_000) });
    expect(close).toMatchObject({ status: 'COMPLETED', result: { dispatchId: mine.id } });
    const left = await server.services.db.system((tx) =>
      tx.select().from(schema.outbox).where(eq(schema.outbox.topic, 'DISPATCH_ENDED')),
    );
    expect(left).toEqual([]);
  });
});

it('what a run is told is in Temporal with the tenant’s key alone', async () => {
  const server = await testServer(await openAnyDialect(), temporal, { PEGASUS_PAYLOAD_ENCRYPTION: 'on' });
  const { client, close } = await temporalClient(temporal);
  try {
    const stage = agentStage(server);
    const tenantId = server.tenants.a.id;
    await stage.host();
    const task = { role: 'coder', prompt: 'a-word-of-the-prompt', permissionMode: 'ask' } as const;
    const { id } = await stage.dispatch({ task });
    await stage.drain();
    const question = questionOf({ id: 'a-word-of-the-question' });
    await stage.reported(id, 1, { state: 'WAITING', question });
    await stage.asA('POST', `/${id}/answer`, { body: { questionId: question.id, answer: 'refused' } });
    await stage.drain();
    const { events } = await client.workflow.getHandle(dispatchRunId(tenantId, id)).fetchHistory();
    const payloads = events!.flatMap(
      ({
        workflowExecutionStartedEventAttributes: begun,
        workflowExecutionSignaledEventAttributes: signal,
      }) => begun?.input?.payloads ?? signal?.input?.payloads ?? [],
    );
    expect(payloads).toHaveLength(2);
    for (const { data } of payloads) expect(Buffer.from(data!).toString()).not.toContain('a-word-of');
    // The same, by those who have the key.
    const exported = await server.services.temporal.exportHistory(dispatchRunId(tenantId, id), 1024 * 1024);
    if (typeof exported !== 'object') throw new Error('the run has no history');
    const text = Buffer.from(exported.eventsJson).toString();
    const read = [...text.matchAll(/"data":\s*"([\w+/=]+)"/g)].map(([, data]) =>
      Buffer.from(data!, 'base64').toString(),
    );
    expect(read.join()).toContain('a-word-of-the-prompt');
    const run = await server.services.temporal.describe(dispatchRunId(tenantId, id));
    await server.services.temporal.terminate(dispatchRunId(tenantId, id), run!.runId, 'the test is over');
  } finally {
    await close();
    await server.close();
  }
});
