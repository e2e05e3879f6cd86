import { randomUUID } from 'node:crypto';
import {
  DISPATCHES_OPEN_MAX,
  dispatchSchema,
  dispatchSummarySchema,
  type Dispatch,
} from '@pegasus-workflows/contracts';
import { eq } from 'drizzle-orm';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { schema } from '../../packages/server/src/index.js';
import { expectGolden } from '../server/golden.js';
import { failure, forEachDialect, testServer, type TestServer } from '../server/support.js';
import {
  agentStage,
  eventAt,
  questionOf,
  reportOf,
  resultOf,
  type AgentStage,
} from './support/dispatches.js';

/** The calls on dispatches and a host's reports, without any run: what is taken in, shown, changed and refused. */
forEachDialect('dispatches', (open) => {
  let server: TestServer;
  let stage: AgentStage;

  beforeAll(async () => {
    server = await testServer(await open());
    stage = agentStage(server);
    expect(await stage.host()).toMatchObject({ status: 204 });
  });
  afterAll(() => server?.close());

  const ofB = (method: string, path: string, body?: unknown) =>
    server.call(method, stage.base + path, { key: server.tenants.b.key, body });
  const orders = () => server.services.db.system((tx) => tx.select().from(schema.agentOrders));

  it('go their way as their host tells, and are shown in the shapes of the contract', async () => {
    const made = await stage.dispatch({ model: 'large', merge: 'auto' });
    expect(dispatchSchema.parse(made)).toEqual(made);
    expect(made).toMatchObject({
      ...{ state: 'QUEUED', model: 'large', merge: 'auto', workspace: 'shop', startedAt: null },
      task: { id: made.id, role: 'coder' },
      createdByUserId: server.tenants.a.principalId,
    });
    const question = questionOf({ id: 'call_2' });
    const events = [eventAt(1), eventAt(3)];
    const running = await stage.reported(made.id, 1, { events, tokensIn: 10 });
    expect(running).toMatchObject({ state: 'RUNNING', tokensIn: 10, startedAt: expect.any(String) });
    const waiting = await stage.reported(made.id, 2, { state: 'WAITING', question, tokensIn: 20 });
    expect(waiting).toMatchObject({ state: 'WAITING', question, tokensIn: 20 });
    await expectGolden('dispatch-waiting', { data: waiting });
    const result = resultOf({ taskId: made.id });
    const ended = await stage.reported(made.id, 3, { state: 'ENDED', result });
    expect(ended).toMatchObject({ state: 'ENDED', result, question: null, tokensIn: 100, tokensOut: 10 });
    await expectGolden('dispatch', { data: ended });
    const { body } = await stage.asA('GET', '?limit=1');
    expect(dispatchSummarySchema.parse(body.data[0])).toEqual(body.data[0]);
    await expectGolden('dispatch-list', body);
    const page = await stage.asA('GET', `/${made.id}/events`);
    expect(page.body.data).toEqual(events);
    await expectGolden('dispatch-events', page.body);
    expect((await stage.asA('GET', `/${made.id}/events?after=1`)).body.data).toEqual([events[1]]);
    expect((await stage.asA('GET', `/${made.id}/events?limit=1`)).body.data).toEqual([events[0]]);
  });

  it('are refused without a workspace that there is, and without a model that it has', async () => {
    const dispatch = (body: unknown) => stage.asA('POST', '', { body });
    expect(await dispatch(stage.request({ workspace: 'barn' }))).toEqual(
      failure(404, 'NOT_FOUND', 'There is no workspace barn; there is shop.'),
    );
    expect(await dispatch(stage.request({ model: 'huge' }))).toEqual(
      failure(
        400,
        'VALIDATION_ERROR',
        /^model: the workspace shop has no model of this name; there are small, large/,
      ),
    );
    expect(await ofB('POST', '', stage.request())).toEqual(
      failure(404, 'NOT_FOUND', /no agent host offers any/),
    );
    const task = stage.request().task;
    expect(await dispatch({ workspace: 'shop', task: { ...task, deniedPath: ['a'] } })).toEqual(
      failure(400, 'VALIDATION_ERROR', /unknown field "deniedPath"/),
    );
    expect(await dispatch({ workspace: 'shop', task: { ...task, budget: { tokens: 0 } } })).toEqual(
      failure(400, 'VALIDATION_ERROR', /task\.budget\.tokens/),
    );
    expect(await dispatch({ workspace: 'shop', task: { ...task, prompt: 'a'.repeat(200_001) } })).toEqual(
      failure(400, 'VALIDATION_ERROR', /task\.prompt: must be at most 200000 characters/),
    );
    const long = await dispatch(stage.request({ task: { ...task, prompt: 'ä'.repeat(200_000) } }));
    expect(long.status).toBe(202);
    await stage.asA('POST', `/${long.body.data.id}/cancel`);
  });

  it('one Idempotency-Key is one dispatch, at once and later (service invariant 2)', async () => {
    const key = randomUUID();
    const both = await Promise.all([stage.dispatch({}, key), stage.dispatch({}, key)]);
    const again = await stage.dispatch({}, key);
    expect(new Set([...both, again].map(({ id }) => id)).size).toBe(1);
    const headers = { 'idempotency-key': key };
    for (const over of [
      { model: 'small' },
      { merge: 'auto' as const },
      { task: { ...stage.request().task, id: 'x' } },
    ])
      expect(await stage.asA('POST', '', { body: stage.request(over), headers })).toEqual(
        failure(409, 'CONFLICT', /used for another dispatch/),
      );
    // What was taken in is answered, whatever has become of the workspace.
    await stage.host({ workspaces: [] });
    expect((await stage.dispatch({}, key)).id).toBe(again.id);
    await stage.host();
    await stage.asA('POST', `/${again.id}/cancel`);
  });

  it('are listed newest first, page by page, filtered, and of their own tenant alone', async () => {
    const prompts = ['one', 'two', 'three'];
    const made: Dispatch[] = [];
    for (const prompt of prompts)
      made.push(await stage.dispatch({ task: { role: 'reviewer', prompt, permissionMode: 'plan' } }));
    const titles = async (query: string) =>
      (await stage.asA('GET', `?${query}`)).body.data.map(({ title }: { title: string }) => title);
    expect(await titles('role=reviewer')).toEqual(['three', 'two', 'one']);
    expect(await titles('role=reviewer&limit=2')).toEqual(['three', 'two']);
    expect(await titles(`role=reviewer&limit=2&before=${made[1]!.id}`)).toEqual(['one']);
    expect(await titles('role=reviewer&state=ENDED')).toEqual([]);
    expect(await titles('role=reviewer&workspace=barn')).toEqual([]);
    expect(await stage.asA('GET', `?before=${randomUUID()}`)).toEqual(
      failure(400, 'VALIDATION_ERROR', /^before: is not a dispatch of this tenant/),
    );
    expect((await ofB('GET', '')).body.data).toEqual([]);
    for (const path of ['', '/events', '/stream'])
      expect(await ofB('GET', `/${made[0]!.id}${path}`)).toMatchObject({ status: 404 });
    for (const what of ['cancel', 'pause', 'resume'])
      expect(await ofB('POST', `/${made[0]!.id}/${what}`)).toMatchObject({ status: 404 });
    for (const { id } of made) await stage.asA('POST', `/${id}/cancel`);
  });

  it('a report that is told again changes nothing, and an older one no state (report invariants 1, 2, 3)', async () => {
    const { id } = await stage.dispatch();
    const report = reportOf(5, { events: [eventAt(1), eventAt(5)], tokensIn: 50 });
    for (let i = 0; i < 3; i++) expect(await stage.report(id, report)).toMatchObject({ status: 204 });
    const once = await stage.get(id);
    // Older, and of an event that was on its way for longer.
    const older = await stage.reported(id, 3, { state: 'PAUSED', events: [eventAt(2)], tokensIn: 20 });
    expect(older).toEqual(once);
    const ended = await stage.reported(id, 9, { state: 'ENDED', result: resultOf(), events: [eventAt(9)] });
    const late = await stage.reported(id, 10, { state: 'RUNNING', events: [eventAt(10)] });
    expect(late).toEqual(ended);
    const again = await stage.reported(id, 11, { state: 'ENDED', result: resultOf({ status: 'failed' }) });
    expect(again).toEqual(ended);
    const { body } = await stage.asA('GET', `/${id}/events`);
    expect(body.data.map(({ n }: { n: number }) => n)).toEqual([1, 2, 5, 9, 10]);
  });

  it('reports of nothing that is there, and such as contradict themselves, are refused', async () => {
    const { id } = await stage.dispatch();
    const question = questionOf();
    expect(await stage.report(randomUUID(), reportOf(1))).toEqual(failure(404, 'NOT_FOUND', /no dispatch/));
    expect(await stage.report(id, reportOf(1), server.tenants.b.id)).toMatchObject({ status: 404 });
    for (const [over, field] of [
      [{ state: 'ENDED' }, /^result: must be given/],
      [{ state: 'WAITING' }, /^question: must be given/],
      [{ state: 'RUNNING', question }, /^question: must be null/],
      [{ state: 'QUEUED' }, /^state: /],
      [{ tokensIn: -1 }, /^tokensIn: /],
    ] as const)
      expect(await stage.report(id, reportOf(1, over as object))).toEqual(
        failure(400, 'VALIDATION_ERROR', field),
      );
    expect(await stage.get(id)).toMatchObject({ state: 'QUEUED' });
    await stage.asA('POST', `/${id}/cancel`);
  });

  it('takes one answer to the question that is open (service invariant 3)', async () => {
    const { id } = await stage.dispatch();
    const question = questionOf();
    const answer = (questionId: string, given: string) =>
      stage.asA('POST', `/${id}/answer`, { body: { questionId, answer: given } });
    expect(await answer(question.id, 'approved')).toEqual(failure(409, 'CONFLICT', /asks nothing now/));
    await stage.reported(id, 1, { state: 'WAITING', question });
    expect(await answer('another', 'approved')).toEqual(
      failure(409, 'CONFLICT', /not the question that is open/),
    );
    expect(await answer(question.id, 'perhaps')).toEqual(
      failure(400, 'VALIDATION_ERROR', 'answer: must be approved or refused.'),
    );
    const at = server.services.clock();
    for (let i = 0; i < 2; i++) expect((await answer(question.id, 'refused')).status).toBe(202);
    expect(await answer(question.id, 'approved')).toEqual(
      failure(409, 'CONFLICT', 'This question was answered before, with refused.'),
    );
    const mine = (await orders()).filter(({ dispatchId }) => dispatchId === id);
    expect(mine).toMatchObject([
      {
        ...{ kind: 'ANSWER', questionId: question.id, answer: 'refused', sentAt: null },
        createdByUserId: server.tenants.a.principalId,
      },
    ]);
    expect(mine[0]!.createdAt.getTime()).toBeGreaterThanOrEqual(at.getTime());
    await stage.reported(id, 2, { state: 'ENDED', result: resultOf() });
    // The same answer again is that one, also when all is over.
    expect((await answer(question.id, 'refused')).status).toBe(202);
    expect(await answer('another', 'refused')).toEqual(
      failure(409, 'CONFLICT', 'The dispatch has ended (shipped); only an open one can be answered.'),
    );
    const log = await server.call('GET', '/api/v1/audit?limit=200', { key: server.tenants.a.key });
    expect(log.body.data).toContainEqual(
      expect.objectContaining({
        operation: 'answer',
        object: expect.objectContaining({ kind: 'dispatches', id }),
      }),
    );
  });

  it('orders a pause, a resume and a cancellation once each, and none of what has ended', async () => {
    const { id } = await stage.dispatch();
    await stage.reported(id, 1);
    await server.services.db.system((tx) =>
      tx.update(schema.agentDispatches).set({ startAskedAt: new Date(), runId: 'a-run' }),
    );
    const post = async (what: string) => (await stage.asA('POST', `/${id}/${what}`)).status;
    for (const what of ['resume', 'pause', 'pause', 'resume', 'resume', 'pause', 'cancel', 'cancel'])
      expect(await post(what)).toBe(202);
    const mine = (await orders()).filter(({ dispatchId }) => dispatchId === id);
    expect(mine.map(({ kind }) => kind)).toEqual(['PAUSE', 'RESUME', 'PAUSE', 'CANCEL']);
    await stage.reported(id, 2, { state: 'ENDED', result: resultOf({ status: 'cancelled' }) });
    for (const [what, done] of [
      ['cancel', 'cancelled'],
      ['pause', 'paused'],
      ['resume', 'resumed'],
    ])
      expect(await stage.asA('POST', `/${id}/${what}`)).toEqual(
        failure(409, 'CONFLICT', `The dispatch has ended (cancelled); only an open one can be ${done}.`),
      );
  });

  it('ends one that was cancelled before its start as cancelled (service invariant 5)', async () => {
    const { id } = await stage.dispatch();
    const cancelled = await stage.asA('POST', `/${id}/cancel`);
    expect(cancelled).toMatchObject({
      status: 202,
      body: { data: { state: 'ENDED', result: { status: 'cancelled', taskId: id, personaSlug: 'coder' } } },
    });
    await stage.drain();
    expect(await server.services.temporal.describe(`agent/${server.tenants.a.id}/${id}`)).toBeUndefined();
  });

  it('lists the workspaces that hosts offer now, and goes on waiting for one that is silent', async () => {
    const { a, b } = server.tenants;
    await stage.host({ workspaces: [{ tenantId: b.id, name: 'mill' }] }, 'host-2');
    const names = async (key: string) =>
      (await server.call('GET', '/api/v1/agents/workspaces', { key })).body.data;
    expect(await names(a.key)).toMatchObject([
      { name: 'shop', hostId: 'host-1', models: ['small', 'large'], seenAt: expect.any(String) },
    ]);
    expect(await names(b.key)).toMatchObject([{ name: 'mill', hostId: 'host-2' }]);
    await expectGolden('agent-workspaces', { data: await names(a.key), meta: { count: 1 } });
    server.turnClock(61_000);
    expect(await names(a.key)).toEqual([]);
    expect((await stage.dispatch()).state).toBe('QUEUED');
    // A host that comes back without it has it no more (hosts invariant 1).
    await stage.host({ workspaces: [{ tenantId: a.id, name: 'barn' }] });
    expect(await stage.asA('POST', '', { body: stage.request() })).toEqual(
      failure(404, 'NOT_FOUND', 'There is no workspace shop; there is barn.'),
    );
    expect(await stage.host({ workspaces: [{ tenantId: randomUUID(), name: 'barn' }] })).toEqual(
      failure(400, 'VALIDATION_ERROR', /^workspaces: there is no tenant/),
    );
    server.resetClock();
    await stage.host();
  });

  it('are refused beyond so many that have not ended', async () => {
    const { agentDispatches } = schema;
    const { id: tenantId } = server.tenants.a;
    const { task } = await stage.dispatch();
    const values = Array.from({ length: DISPATCHES_OPEN_MAX }, () => ({
      ...{ id: randomUUID(), tenantId, workspace: 'shop', merge: 'leave' as const, state: 'QUEUED' as const },
      ...{ task, role: task.role, permissionMode: task.permissionMode, title: 'one of many' },
    }));
    await server.services.db.system((tx) => tx.insert(agentDispatches).values(values));
    expect(await stage.asA('POST', '', { body: stage.request() })).toEqual(
      failure(429, 'CONCURRENCY_LIMIT', /^\d+ dispatches of this tenant have not ended, which is the limit/),
    );
    await server.services.db.system((tx) =>
      tx.delete(agentDispatches).where(eq(agentDispatches.title, 'one of many')),
    );
    expect((await stage.dispatch()).state).toBe('QUEUED');
  });
});
