import { randomUUID } from 'node:crypto';
import { temporalWorkflowId, type WebhookDelivery } from '@pegasus-workflows/contracts';
import { schema } from '@pegasus-workflows/server';
import { eq } from 'drizzle-orm';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { forOneDialect } from '../server/support.js';
import { eventually } from '../support/wait.js';
import { KilledServer } from '../support/killed-server.js';
import { TestReceiver } from './receiver.js';

/** The server killed between an outcome and its delivery's last step, then started again. */
forOneDialect('an outcome is told', (open) => {
  let server: KilledServer;
  let receiver: TestReceiver;
  let webhookId: string;
  let workflowId: string;

  beforeAll(async () => {
    receiver = await TestReceiver.start();
    server = await KilledServer.open(await open());
    await server.start();
    const made = await server.call('POST', '/webhooks', {
      url: receiver.url('/hook'),
      statuses: ['COMPLETED'],
    });
    expect(made.status).toBe(201);
    webhookId = made.data.id;
    ({ id: workflowId } = await server.seedWorkflow());
  });
  afterAll(async () => {
    await server?.[Symbol.asyncDispose]();
    await receiver?.[Symbol.asyncDispose]();
  });

  /** A run that ends while no server is up. */
  async function endRun(): Promise<string> {
    const id = randomUUID();
    const { tenantId } = await server.keys();
    await server.inDatabase(async (tx) => {
      await tx.insert(schema.executions).values({
        id,
        tenantId,
        workflowId,
        status: 'RUNNING',
        temporalWorkflowId: temporalWorkflowId(tenantId, 'demo', id),
        triggerSource: 'USER',
        startedAt: new Date(),
      });
      await tx
        .update(schema.executions)
        .set({ status: 'COMPLETED', finishedAt: new Date() })
        .where(eq(schema.executions.id, id));
    });
    return id;
  }
  const callsAbout = (executionId: string) =>
    receiver.calls.filter(
      ({ message }) => 'executionId' in message.data && message.data.executionId === executionId,
    );

  it.each([
    ['outbox.claimed', 0, 1],
    ['webhook.sent', 1, 2],
    ['outbox.finished', 1, 1],
  ])(
    'when it is killed at %s: %i calls before, %i in all, under one id (deliverer invariants 1, 2)',
    async (point, before, inAll) => {
      const executionId = await endRun();
      await server.start(`${point}=kill`);
      expect(await server.ended).toBe('SIGKILL');
      expect(callsAbout(executionId)).toHaveLength(before);
      // A lease is another server's to end on PostgreSQL; this makes that time over.
      await server.inDatabase((tx) => tx.update(schema.outbox).set({ leasedUntil: new Date(0) }));
      await server.start();
      const delivery = await eventually(async () => {
        const { data } = await server.call('GET', `/webhooks/${webhookId}/deliveries`);
        const found = (data as WebhookDelivery[]).find((row) => row.executionId === executionId);
        expect(found).toMatchObject({ status: 'DELIVERED' });
        return found!;
      });
      await server.stop();
      const calls = callsAbout(executionId);
      expect(calls).toHaveLength(inAll);
      expect(new Set(calls.map(({ headers }) => headers['webhook-id']))).toEqual(new Set([delivery.id]));
      expect(new Set(calls.map(({ text }) => text)).size).toBe(1);
      expect(await server.inDatabase((tx) => tx.select().from(schema.outbox))).toEqual([]);
    },
  );
});
