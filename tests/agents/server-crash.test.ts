import { randomUUID } from 'node:crypto';
import { dispatchRunId, type Dispatch, type DispatchReport } from '@pegasus-workflows/contracts';
import { schema } from '@pegasus-workflows/server';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { connectTemporal, type TemporalPort } from '../../packages/server/src/index.js';
import { forOneDialect } from '../server/support.js';
import { KilledServer } from '../support/killed-server.js';
import { eventually } from '../support/wait.js';
import { TestReceiver } from '../webhooks/receiver.js';
import { eventAt, questionOf, reportOf, resultOf } from './support/dispatches.js';

/** The server killed in every commit path of a dispatch, then started again. No host is there: runs stay as they are. */
forOneDialect('a dispatch survives', (open) => {
  let server: KilledServer;
  let receiver: TestReceiver;
  let port: TemporalPort;
  let tenantId: string;

  beforeAll(async () => {
    port = connectTemporal(inject('temporal'));
    receiver = await TestReceiver.start();
    server = await KilledServer.open(await open());
    await server.start();
    ({ tenantId } = await server.keys());
  });
  afterAll(async () => {
    await server?.[Symbol.asyncDispose]();
    await receiver?.[Symbol.asyncDispose]();
    await port?.close();
  });

  const internal = async (method: string, path: string, body: unknown): Promise<number> => {
    const headers = { authorization: `Bearer ${server.runnerToken}`, 'content-type': 'application/json' };
    const url = `${server.url}/internal/v1/agents${path}`;
    const response = await fetch(url, { method, headers, body: JSON.stringify(body) });
    await response.text();
    return response.status;
  };
  const host = () =>
    internal('PUT', '/hosts/host-1', { workspaces: [{ tenantId, name: 'shop' }], models: ['small'] });
  const report = (id: string, told: DispatchReport) =>
    internal('POST', `/dispatches/${tenantId}/${id}/report`, told);
  const get = async (id: string): Promise<Dispatch> =>
    (await server.call('GET', `/agents/dispatches/${id}`)).data;
  const body = { workspace: 'shop', task: { role: 'coder', prompt: 'Mend it.', permissionMode: 'ask' } };
  /** With a key of its own, so that it can be repeated. */
  const dispatch = async (key: string): Promise<Dispatch> => {
    const response = await fetch(`${server.url}/api/v1/agents/dispatches`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${(await server.keys()).apiKey}`,
        'content-type': 'application/json',
        'idempotency-key': key,
      },
      body: JSON.stringify(body),
    });
    expect(response.status).toBe(202);
    return ((await response.json()) as { data: Dispatch }).data;
  };
  const runOf = (id: string) => port.describe(dispatchRunId(tenantId, id));
  /** Ends the server in order, which finishes what is in its hands. */
  const outbox = () => server.inDatabase((tx) => tx.select().from(schema.outbox));
  /** Ends the killed one's leases, as their time does, and starts another. */
  const again = async () => {
    await server.inDatabase((tx) => tx.update(schema.outbox).set({ leasedUntil: new Date(0) }));
    await server.start();
  };
  const terminate = async (id: string) => {
    const run = await runOf(id);
    if (run) await port.terminate(dispatchRunId(tenantId, id), run.runId, 'the test is over');
  };

  it.each([
    'dispatch.after-insert',
    'outbox.claimed',
    'dispatch.before-start',
    'dispatch.after-start',
    'outbox.finished',
  ])('a kill at %s of its start: one row, one run', async (point) => {
    await server.start(`${point}=kill`);
    expect(await host()).toBe(204);
    const key = randomUUID();
    await dispatch(key).catch(() => undefined);
    expect(await server.ended).toBe('SIGKILL');
    await again();
    const { id } = await dispatch(key);
    const before = await eventually(async () => {
      const run = await runOf(id);
      expect(run).toMatchObject({ status: 'RUNNING' });
      return run!;
    });
    const { data } = await server.call('GET', '/agents/dispatches?state=QUEUED');
    expect(data).toHaveLength(1);
    await server.call('POST', `/agents/dispatches/${id}/cancel`);
    await eventually(async () => expect(await get(id)).toMatchObject({ state: 'ENDED' }));
    expect(await runOf(id)).toMatchObject({ status: 'TERMINATED', runId: before.runId });
  });

  it.each(['dispatch.ordered', 'dispatch.terminated', 'dispatch.told'])(
    'a kill at %s of its cancellation: it ends as cancelled, once',
    async (point) => {
      await server.startUnlessRunning();
      await host();
      const { id } = await dispatch(randomUUID());
      await eventually(async () => expect(await runOf(id)).toMatchObject({ status: 'RUNNING' }));
      await server.start(`${point}=kill`);
      await server.call('POST', `/agents/dispatches/${id}/cancel`).catch(() => undefined);
      expect(await server.ended).toBe('SIGKILL');
      await again();
      await eventually(async () =>
        expect(await get(id)).toMatchObject({ state: 'ENDED', result: { status: 'cancelled' } }),
      );
      expect(await runOf(id)).toMatchObject({ status: 'TERMINATED' });
    },
  );

  it.each(['dispatch.reported', 'outbox.claimed', 'webhook.sent'])(
    'a kill at %s of its reports: nothing is lost, every message has one id',
    async (point) => {
      await server.startUnlessRunning();
      await host();
      const path = `/${randomUUID()}`;
      const asked = { url: receiver.url(path), statuses: [], events: ['agent.question', 'agent.ended'] };
      const webhook = await server.call('POST', '/webhooks', asked);
      expect(webhook.status).toBe(201);
      const { id } = await dispatch(randomUUID());
      await eventually(async () => expect(await runOf(id)).toMatchObject({ status: 'RUNNING' }));
      const reports = [
        reportOf(2, { events: [eventAt(1), eventAt(2)] }),
        reportOf(3, { state: 'WAITING', question: questionOf() }),
        reportOf(5, { state: 'ENDED', result: resultOf(), events: [eventAt(5)] }),
      ];
      await server.start(`${point}=kill`);
      let isKilled = false;
      const survive = async () => {
        expect(await server.ended).toBe('SIGKILL');
        isKilled = true;
        await again();
      };
      // As the host does: each again until it has its answer.
      for (const told of reports) {
        const status = await report(id, told).catch(() => 0);
        if (status === 204) continue;
        await survive();
        expect(await report(id, told)).toBe(204);
      }
      // Or a moment later, while it works off what they left to be done.
      if (!isKilled) await survive();
      const types = () => [
        ...new Map(calls().map(({ headers, message }) => [headers['webhook-id'], message.type])).values(),
      ];
      const calls = () => receiver.of(path);
      await eventually(() => expect(types().sort()).toEqual(['agent.ended', 'agent.question']));
      expect(await get(id)).toMatchObject({ state: 'ENDED', result: { status: 'shipped' } });
      const events = await server.call('GET', `/agents/dispatches/${id}/events`);
      expect(events.data.map(({ n }: { n: number }) => n)).toEqual([1, 2, 5]);
      await terminate(id);
      await server.call('DELETE', `/webhooks/${webhook.data.id}`);
    },
  );

  it('and leaves nothing to be done', async () => {
    expect(await outbox()).toEqual([]);
  });
});
