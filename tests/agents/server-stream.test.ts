import { afterAll, beforeAll, expect, it } from 'vitest';
import { failure, forEachDialect, testServer, type TestServer } from '../server/support.js';
import { eventsOf, nextOf, type Told } from '../live/sse.js';
import { agentStage, eventAt, questionOf, resultOf, type AgentStage } from './support/dispatches.js';

/** One dispatch's stream: its state as it changes, its events once each, the end last. */
forEachDialect('the stream of a dispatch', (open) => {
  let server: TestServer;
  let stage: AgentStage;

  beforeAll(async () => {
    server = await testServer(await open());
    stage = agentStage(server);
    await stage.host();
  });
  afterAll(() => server?.close());

  const connect = async (id: string, lastId?: string, method = 'GET') =>
    server.app.request(`${stage.base}/${id}/stream`, {
      method,
      headers: {
        authorization: `Bearer ${server.tenants.a.key}`,
        ...(lastId === undefined ? {} : { 'last-event-id': lastId }),
      },
    });
  const all = async (response: Response): Promise<Told[]> => {
    const told: Told[] = [];
    for await (const one of eventsOf(response)) told.push(one);
    return told;
  };
  const shortOf = ({ event, data }: Told): string => (event === 'event' ? `${data.n}` : data.state);

  it('1, 2, 3: tells states and events as they come, the end last', async () => {
    const { id } = await stage.dispatch();
    const events = eventsOf(await connect(id));
    const next = async () => shortOf(await nextOf(events, () => true));
    expect(await next()).toBe('QUEUED');
    await stage.reported(id, 2, { events: [eventAt(1), eventAt(2)] });
    expect([await next(), await next(), await next()]).toEqual(['RUNNING', '1', '2']);
    // Events alone are no change of the dispatch.
    await stage.reported(id, 4, { events: [eventAt(4)], tokensIn: 9 });
    expect(await next()).toBe('4');
    const question = questionOf();
    await stage.reported(id, 5, { state: 'WAITING', question });
    const waiting = await nextOf(events, () => true);
    expect(waiting).toMatchObject({ id: '4', event: 'dispatch', data: { state: 'WAITING', question } });
    await stage.reported(id, 6, { state: 'WAITING', question: questionOf({ id: 'another' }) });
    expect((await nextOf(events, () => true)).data.question.id).toBe('another');
    await stage.reported(id, 9, { state: 'ENDED', result: resultOf(), events: [eventAt(9)] });
    expect([await next(), await next()]).toEqual(['9', 'ENDED']);
    expect((await events.next()).done).toBe(true);
    expect((await all(await connect(id))).map(shortOf)).toEqual(['1', '2', '4', '9', 'ENDED']);
  });

  it('1: whoever is cut off after every one of them is told each once, and 204 at the end', async () => {
    const { id } = await stage.dispatch();
    const places = Array.from({ length: 450 }, (_, i) => i + 1);
    await stage.reported(id, 450, { events: places.map(eventAt) });
    await stage.reported(id, 451, { state: 'ENDED', result: resultOf() });
    const whole = await all(await connect(id));
    expect(whole.map(shortOf)).toEqual([...places.map(String), 'ENDED']);
    const told = whole.slice(0, 440);
    for (;;) {
      const response = await connect(id, told.at(-1)!.id);
      if (response.status === 204) break;
      const events = eventsOf(response);
      const { value } = await events.next();
      if (value) told.push(value);
      await events.return();
    }
    expect(told.map(shortOf)).toEqual(whole.map(shortOf));
    expect(told.at(-1)!.id).toBe('450/ended');
  });

  it('begins anew without an id, answers HEAD, and refuses an id that is none', async () => {
    const { id } = await stage.dispatch();
    const head = await connect(id, undefined, 'HEAD');
    expect([head.status, await head.text()]).toEqual([200, '']);
    for (const [lastId, status] of [
      ['', 200],
      ['x', 400],
      ['-1', 400],
    ] as const) {
      const response = await connect(id, lastId);
      expect(response.status).toBe(status);
      await response.body?.cancel();
    }
    expect(await stage.asA('GET', `/${id}/stream`, { headers: { 'last-event-id': '1/2' } })).toEqual(
      failure(400, 'VALIDATION_ERROR', /^Last-Event-ID is not the id/),
    );
    await stage.asA('POST', `/${id}/cancel`);
    expect((await all(await connect(id))).map(shortOf)).toEqual(['ENDED']);
  });
});
