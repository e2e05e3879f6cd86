import {
  webhookMessageSchema,
  type CreateWebhookRequest,
  type Dispatch,
  type WebhookDelivery,
} from '@pegasus-workflows/contracts';
import { parseEgressExceptions } from '@pegasus-workflows/kit/egress';
import { eq } from 'drizzle-orm';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { schema } from '../../packages/server/src/index.js';
import { createWebhooks } from '../../packages/server/src/webhooks/routes.js';
import { eventStage, type EventStage } from '../events/stage.js';
import { expectGolden } from '../server/golden.js';
import { failure, forEachDialect, testServer, type TestServer } from '../server/support.js';
import { eventually } from '../support/wait.js';
import { TestReceiver } from '../webhooks/receiver.js';
import { agentStage, questionOf, resultOf, type AgentStage } from './support/dispatches.js';

/** Questions and ends, told to webhooks that ask for them and to triggers. */
forEachDialect('what is told of dispatches', (open) => {
  let server: TestServer;
  let stage: AgentStage;
  let events: EventStage;
  let receiver: TestReceiver;
  let stop: () => Promise<void>;
  let paths = 0;

  beforeAll(async () => {
    server = await testServer(await open());
    stage = agentStage(server);
    events = eventStage(server);
    receiver = await TestReceiver.start();
    server.settings.egress = { exceptions: parseEgressExceptions('127.0.0.1'), plainHttp: false };
    expect(await stage.host()).toMatchObject({ status: 204 });
    const worker = createWebhooks({ ...server.services, metrics: new Registry() }).start!();
    stop = () => worker.stop();
  });
  afterAll(async () => {
    await stop?.();
    await receiver?.[Symbol.asyncDispose]();
    await server?.close();
  });

  const api = <T = any>(method: string, path: string, body?: unknown) =>
    server.call<T>(method, `/api/v1${path}`, { key: server.tenants.a.key, body });
  async function webhook(over: Partial<CreateWebhookRequest>) {
    const path = `/hook-${paths++}`;
    const body = { url: receiver.url(path), statuses: [], ...over };
    const reply = await api('POST', '/webhooks', body);
    expect(reply).toMatchObject({ status: 201 });
    return { id: reply.body.data.id as string, path };
  }
  const domainEvents = (dispatchId: string) =>
    server.services.db
      .system((tx) => tx.select().from(schema.domainEvents))
      .then((rows) => rows.filter(({ payload }) => payload['dispatchId'] === dispatchId));
  const deliveries = async (webhookId: string): Promise<WebhookDelivery[]> =>
    (await api('GET', `/webhooks/${webhookId}/deliveries`)).body.data;
  /** One that has asked something and has ended. */
  async function asked(
    over: Parameters<typeof resultOf>[0] = {},
  ): Promise<{ made: Dispatch; questionId: string }> {
    const made = await stage.dispatch({
      task: { role: 'coder', prompt: 'a-secret-of-the-prompt', permissionMode: 'ask' },
    });
    const question = questionOf();
    const waiting = { state: 'WAITING' as const, question };
    await stage.reported(made.id, 1, waiting);
    // Told again, paused in between, and asked the same: it is one question.
    await stage.reported(made.id, 1, waiting);
    await stage.reported(made.id, 2, { ...waiting, state: 'PAUSED' });
    await stage.reported(made.id, 3, waiting);
    await stage.reported(made.id, 4, { state: 'ENDED', result: resultOf(over) });
    await stage.reported(made.id, 4, { state: 'ENDED', result: resultOf(over) });
    return { made, questionId: question.id };
  }

  it('a question and an end are told once each, to those who ask for them (report invariant 4)', async () => {
    const both = await webhook({ events: ['agent.question', 'agent.ended'] });
    const ends = await webhook({ events: ['agent.ended'], statuses: ['FAILED'] });
    const runs = await webhook({ statuses: ['COMPLETED', 'FAILED'] });
    const { made, questionId } = await asked();
    await eventually(async () => {
      const rows = await deliveries(both.id);
      expect(rows.map(({ status }) => status)).toEqual(['DELIVERED', 'DELIVERED']);
      expect(await deliveries(ends.id)).toMatchObject([{ status: 'DELIVERED' }]);
    });
    expect(await deliveries(runs.id)).toEqual([]);
    const messages = receiver.of(both.path).map(({ message }) => message);
    const byType = Object.fromEntries(messages.map((message) => [message.type, message]));
    expect(Object.keys(byType).sort()).toEqual(['agent.ended', 'agent.question']);
    for (const message of messages) expect(webhookMessageSchema.parse(message)).toEqual(message);
    const about = { dispatchId: made.id, taskId: made.task.id, role: 'coder', workspace: 'shop' };
    expect(byType['agent.question']!.data).toMatchObject({ ...about, questionId, toolName: 'bash' });
    expect(byType['agent.ended']!.data).toMatchObject({
      ...{ ...about, status: 'shipped', summary: 'It is done.', summaryOmitted: false },
    });
    const texts = receiver.of(both.path).map(({ text }) => text);
    expect(texts.join()).not.toMatch(/a-secret-of/);
    expect(await deliveries(ends.id)).toMatchObject([{ dispatchId: made.id, executionId: null }]);
    await expectGolden('webhook-message-agent-ended', byType['agent.ended']);
    const { data } = byType['agent.question'] as { data: object };
    await expectGolden('webhook-message-agent-question', {
      ...byType['agent.question'],
      data: { ...data, questionId: 'call_2' },
    });
    for (const { id } of [both, ends, runs]) await api('DELETE', `/webhooks/${id}`);
  });

  it('a long summary is left to the API, and a failed delivery is tried again under the same id', async () => {
    const { id, path } = await webhook({ events: ['agent.ended'] });
    receiver.behave(path, (nth) => ({ status: nth === 1 ? 503 : 204 }));
    const { made } = await asked({ summary: 'ä'.repeat(10_000) });
    await eventually(async () => expect(await deliveries(id)).toMatchObject([{ attempts: 1 }]));
    await server.services.db.system((tx) =>
      tx
        .update(schema.outbox)
        .set({ availableAt: new Date(0) })
        .where(eq(schema.outbox.topic, 'WEBHOOK')),
    );
    await eventually(async () => expect(await deliveries(id)).toMatchObject([{ status: 'DELIVERED' }]));
    const [first, second] = receiver.of(path);
    expect(second!.text).toBe(first!.text);
    expect(second!.headers['webhook-id']).toBe(first!.headers['webhook-id']);
    expect(first!.message.data).toMatchObject({ dispatchId: made.id, summaryOmitted: true });
    expect(first!.message.data).not.toHaveProperty('summary');
    await api('DELETE', `/webhooks/${id}`);
  });

  it('a webhook names what it wants to be told, statuses or events', async () => {
    const nothing = { url: receiver.url('/none'), statuses: [] };
    const wrong = failure(400, 'VALIDATION_ERROR', /^statuses: must name at least one status, or events/);
    expect(await api('POST', '/webhooks', nothing)).toEqual(wrong);
    expect(await api('POST', '/webhooks', { ...nothing, events: ['agent.born'] })).toEqual(
      failure(400, 'VALIDATION_ERROR', /^events\.0: must be one of agent\.question, agent\.ended/),
    );
    const { id } = await webhook({ statuses: ['FAILED'] });
    expect((await api('GET', `/webhooks/${id}`)).body.data.events).toEqual([]);
    expect(await api('PATCH', `/webhooks/${id}`, { statuses: [] })).toEqual(wrong);
    const changed = await api('PATCH', `/webhooks/${id}`, { statuses: [], events: ['agent.ended'] });
    expect(changed.body.data).toMatchObject({ statuses: [], events: ['agent.ended'] });
    await api('DELETE', `/webhooks/${id}`);
  });

  it('triggers follow both: a run is started by a question', async () => {
    const workflow = await events.workflow();
    const created = await api('POST', `/workflows/${workflow.id}/triggers`, {
      kind: 'EVENT',
      eventType: 'agent.question',
      filter: { toolName: 'bash' },
    });
    expect(created.status).toBe(201);
    const { made, questionId } = await asked();
    await events.drain();
    expect((await domainEvents(made.id)).map(({ type, source }) => `${type} ${source}`).sort()).toEqual([
      'agent.ended SYSTEM',
      'agent.question SYSTEM',
    ]);
    const runs = (await events.executions()).filter(({ workflowId }) => workflowId === workflow.id);
    expect(runs).toMatchObject([
      {
        input: {
          eventType: 'agent.question',
          payload: { dispatchId: made.id, questionId, toolName: 'bash', role: 'coder', workspace: 'shop' },
        },
      },
    ]);
    expect(JSON.stringify(await domainEvents(made.id))).not.toMatch(/a-secret-of|It is done/);
  });
});
