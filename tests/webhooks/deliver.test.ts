import { randomUUID } from 'node:crypto';
import {
  INGRESS_PRESETS,
  signatureSchemeSchema,
  temporalWorkflowId,
  webhookMessageSchema,
  type CreateWebhookRequest,
  type ExecutionStatus,
  type WebhookDelivery,
  type WebhookWithSecret,
} from '@pegasus-workflows/contracts';
import { and, eq, sql } from 'drizzle-orm';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { schema } from '../../packages/server/src/index.js';
import { parseEgressExceptions } from '@pegasus-workflows/kit/egress';
import { rightSignature } from '../../packages/server/src/ingress/signature.js';
import { createWebhooks } from '../../packages/server/src/webhooks/routes.js';
import { artifact } from '../server/artifacts.js';
import { expectGolden } from '../server/golden.js';
import { failure, forEachDialect, testServer, type TestServer } from '../server/support.js';
import { eventually } from '../support/wait.js';
import { TestReceiver, type ReceivedCall } from './receiver.js';

const scheme = signatureSchemeSchema.parse(INGRESS_PRESETS['standard-webhooks'].signature);
const ALL = ['COMPLETED', 'FAILED', 'TIMED_OUT', 'CANCELLED'] as const;

forEachDialect('telling outcomes', (open) => {
  let server: TestServer;
  let receiver: TestReceiver;
  let workflowId: string;
  let stop: () => Promise<void>;
  let paths = 0;

  beforeAll(async () => {
    server = await testServer(await open());
    receiver = await TestReceiver.start();
    server.settings.egress = { exceptions: parseEgressExceptions('127.0.0.1'), plainHttp: false };
    workflowId = (await server.publish(server.tenants.a.key, artifact())).body.data.id;
    const worker = createWebhooks({ ...server.services, metrics: new Registry() }).start!();
    stop = () => worker.stop();
  });
  afterAll(async () => {
    await stop?.();
    await receiver?.[Symbol.asyncDispose]();
    await server?.close();
  });

  const asA = <T = any>(method: string, path: string, body?: unknown) =>
    server.call<T>(method, `/api/v1/webhooks${path}`, { key: server.tenants.a.key, body });
  async function webhook(request: Partial<CreateWebhookRequest> = {}) {
    const path = `/hook-${paths++}`;
    const reply = await asA<WebhookWithSecret>('POST', '', {
      url: receiver.url(path),
      statuses: ALL,
      ...request,
    });
    expect(reply).toMatchObject({ status: 201 });
    return { ...reply.body.data, path };
  }
  /** An open row, ended as the outcome writer does it: one update. */
  async function end(
    status: ExecutionStatus,
    over: Partial<typeof schema.executions.$inferInsert> = {},
    from: ExecutionStatus = 'RUNNING',
  ) {
    const id = randomUUID();
    const tenantId = server.tenants.a.id;
    await server.services.db.system(async (tx) => {
      await tx.insert(schema.executions).values({
        id,
        tenantId,
        workflowId,
        status: from,
        temporalWorkflowId: temporalWorkflowId(tenantId, 'demo', id),
        triggerSource: 'USER',
        startedAt: new Date(),
        input: { secretOfTheInput: true },
        ...over,
      });
    });
    await server.services.db.system((tx) =>
      tx
        .update(schema.executions)
        .set({ status, finishedAt: new Date(), result: over.result ?? { ok: true } })
        .where(eq(schema.executions.id, id)),
    );
    return id;
  }
  const deliveries = async (webhookId: string) =>
    (await asA<WebhookDelivery[]>('GET', `/${webhookId}/deliveries`)).body.data;
  const settled = (webhookId: string, status: WebhookDelivery['status'], count = 1) =>
    eventually(async () => {
      const rows = await deliveries(webhookId);
      expect(rows.filter((row) => row.status === status)).toHaveLength(count);
      return rows;
    });
  const remove = async (id: string) => expect((await asA('DELETE', `/${id}`)).status).toBe(204);
  const isSignedBy = (call: ReceivedCall, secret: string) =>
    rightSignature(scheme, [secret], {
      header: (name) => call.headers[name] as string | undefined,
      bytes: Buffer.from(call.text),
      url: 'https://unused.test',
      now: server.services.clock(),
    }) !== undefined;
  /** Lets what waits for its next attempt be tried now. */
  const hurry = () =>
    server.services.db.system((tx) =>
      tx
        .update(schema.outbox)
        .set({ availableAt: new Date(0) })
        .where(and(eq(schema.outbox.topic, 'WEBHOOK'), sql`lease_id is null`)),
    );

  it('tells an outcome once, signed, under the id of its delivery (deliverer invariants 1, 2)', async () => {
    const { id, path, secret } = await webhook();
    const executionId = await end('COMPLETED');
    const [delivery] = await settled(id, 'DELIVERED');
    const [call, ...more] = receiver.of(path);
    expect(more).toEqual([]);
    expect(call!.headers).toMatchObject({ 'content-type': 'application/json', 'webhook-id': delivery!.id });
    expect(isSignedBy(call!, secret)).toBe(true);
    expect(webhookMessageSchema.parse(call!.message)).toEqual(call!.message);
    expect(call!.message).toMatchObject({
      type: 'execution.completed',
      data: { executionId, workflowName: 'demo', status: 'COMPLETED', result: { ok: true } },
    });
    expect(call!.text).not.toContain('secretOfTheInput');
    expect(delivery).toMatchObject({
      executionId,
      attempts: 1,
      responseStatus: 204,
      lastError: null,
      nextAttemptAt: null,
    });
    await expectGolden('webhook-message', call!.message);
    await remove(id);
  });

  it('is written with the outcome, for every way a row ends, and for nothing else', async () => {
    const all = await webhook({ enabled: true });
    const failures = await webhook({ statuses: ['FAILED', 'TIMED_OUT'], workflowName: 'demo' });
    const others = await webhook({ workflowName: 'another' });
    const disabled = await webhook({ enabled: false });
    await end('FAILED', {}, 'QUEUED');
    await end('TIMED_OUT');
    await end('CANCELLED');
    await end('COMPLETED', { dryRun: true });
    await end('RUNNING', {}, 'QUEUED');
    await settled(all.id, 'DELIVERED', 3);
    await settled(failures.id, 'DELIVERED', 2);
    expect(
      receiver
        .of(all.path)
        .map(({ message }) => message.type)
        .sort(),
    ).toEqual(['execution.cancelled', 'execution.failed', 'execution.timed_out']);
    for (const { id } of [others, disabled]) expect(await deliveries(id)).toEqual([]);
    for (const { id } of [all, failures, others, disabled]) await remove(id);
  });

  it('goes with the outcome when that is rolled back', async () => {
    const { id } = await webhook();
    const executionId = await end('RUNNING', {}, 'QUEUED');
    const undone = server.services.db.system(async (tx) => {
      await tx
        .update(schema.executions)
        .set({ status: 'FAILED' })
        .where(eq(schema.executions.id, executionId));
      throw new Error('undone');
    });
    await expect(undone).rejects.toThrow('undone');
    expect(await deliveries(id)).toEqual([]);
    await remove(id);
  });

  it('holds up no outcome when a webhook is deleted meanwhile', async () => {
    const kept = await webhook();
    for (let i = 0; i < 10; i++) {
      const { id } = await webhook();
      await Promise.all([end('COMPLETED'), remove(id), end('FAILED')]);
    }
    await settled(kept.id, 'DELIVERED', 20);
    await remove(kept.id);
  });

  it('leaves a large result to the API', async () => {
    const { id, path } = await webhook();
    await end('COMPLETED', { result: { text: 'x'.repeat(20_000) } });
    await settled(id, 'DELIVERED');
    const { data } = receiver.of(path)[0]!.message;
    expect(data).toMatchObject({ resultOmitted: true });
    expect(data).not.toHaveProperty('result');
    await remove(id);
  });

  it('repeats what was refused, under the same id and with the same body, until it is taken (deliverer invariant 2)', async () => {
    const { id, path } = await webhook();
    receiver.behave(path, (nth) => ({
      status: [500, 404, 302][nth - 1] ?? 200,
      headers: { 'retry-after': '1' },
    }));
    await end('FAILED');
    for (const attempts of [1, 2, 3]) {
      const [delivery] = await eventually(async () => {
        const rows = await deliveries(id);
        expect(rows).toMatchObject([{ status: 'PENDING', attempts, nextAttemptAt: expect.any(String) }]);
        return rows;
      });
      expect(delivery!.lastError).toMatch(/^The receiver answered (500|404|302)/);
      await hurry();
    }
    expect(await settled(id, 'DELIVERED')).toMatchObject([
      { attempts: 4, responseStatus: 200, lastError: null },
    ]);
    const calls = receiver.of(path);
    expect(new Set(calls.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
    expect(new Set(calls.map(({ text }) => text)).size).toBe(1);
    await remove(id);
  });

  it('waits as long as Retry-After says, at most an hour', async () => {
    const { id, path } = await webhook();
    receiver.behave(path, () => ({ status: 429, headers: { 'retry-after': '999999' } }));
    await end('FAILED');
    await eventually(async () => {
      const rows = await deliveries(id);
      expect(rows).toMatchObject([{ attempts: 1, responseStatus: 429 }]);
      const [{ nextAttemptAt, updatedAt }] = rows as [WebhookDelivery];
      const wait = Date.parse(nextAttemptAt!) - Date.parse(updatedAt);
      expect(wait).toBeGreaterThan(3_500_000);
      expect(wait).toBeLessThan(4_500_000);
    });
    await remove(id);
  });

  it('gives up in the end, says why, and delivers again when asked (deliverer invariant 1)', async () => {
    const { id, path } = await webhook();
    receiver.behave(path, (nth) => ({ status: nth <= 11 ? 503 : 200 }));
    await end('COMPLETED');
    const [dead] = await eventually(async () => {
      await hurry();
      const rows = await deliveries(id);
      expect(rows).toMatchObject([{ status: 'DEAD' }]);
      return rows;
    });
    expect(dead).toMatchObject({
      attempts: 11,
      lastError: 'The receiver answered 503.',
      nextAttemptAt: null,
    });
    const again = await asA('POST', `/${id}/deliveries/${dead!.id}/redeliver`);
    expect(again).toMatchObject({ status: 202, body: { data: { status: 'PENDING', attempts: 0 } } });
    expect(await settled(id, 'DELIVERED')).toMatchObject([{ id: dead!.id, attempts: 1 }]);
    expect(new Set(receiver.of(path).map(({ headers }) => headers['webhook-id'])).size).toBe(1);
    // What was delivered can be asked for again, too.
    expect((await asA('POST', `/${id}/deliveries/${dead!.id}/redeliver`)).status).toBe(202);
    await eventually(() => expect(receiver.of(path)).toHaveLength(13));
    await settled(id, 'DELIVERED');
    await remove(id);
  });

  it('is disabled by 410, and says so (deliverer invariant 3)', async () => {
    const { id, path } = await webhook();
    receiver.behave(path, () => ({ status: 410 }));
    await end('COMPLETED');
    const [dead] = await settled(id, 'DEAD');
    expect(dead).toMatchObject({ responseStatus: 410, attempts: 1 });
    expect((await asA('GET', `/${id}`)).body.data).toMatchObject({
      enabled: false,
      disabledReason: 'The receiver answered 410 Gone.',
    });
    await end('COMPLETED');
    expect(await deliveries(id)).toHaveLength(1);
    const refused = await asA('POST', `/${id}/deliveries/${dead!.id}/redeliver`);
    expect(refused).toEqual(failure(409, 'CONFLICT', /disabled/));
    expect((await asA('PATCH', `/${id}`, { enabled: true })).body.data).toMatchObject({
      enabled: true,
      disabledReason: null,
    });
    await remove(id);
  });

  it('leaves a receiver alone that breaks off, and tells the others meanwhile (deliverer invariant 4)', async () => {
    const broken = await webhook();
    const sound = await webhook();
    receiver.behave(broken.path, () => 'break');
    await end('COMPLETED');
    await eventually(async () => expect(await deliveries(broken.id)).toMatchObject([{ attempts: 1 }]));
    await end('COMPLETED');
    await settled(sound.id, 'DELIVERED', 2);
    await hurry();
    // Postponed without an attempt: the receiver is not called, and nothing is lost.
    await eventually(async () => {
      const items = await server.services.db.system((tx) =>
        tx.select().from(schema.outbox).where(eq(schema.outbox.topic, 'WEBHOOK')),
      );
      expect(items.map(({ lastError }) => lastError)).toContain('The receiver has not been answering.');
    });
    expect(receiver.of(broken.path)).toHaveLength(1);
    expect((await deliveries(broken.id)).map(({ status }) => status)).toEqual(['PENDING', 'PENDING']);
    const gone = await asA('DELETE', `/${broken.id}`);
    expect(gone.status).toBe(204);
    await remove(sound.id);
    // What they were still to be told goes with them.
    await eventually(async () => {
      const items = await server.services.db.system((tx) =>
        tx.select().from(schema.outbox).where(eq(schema.outbox.topic, 'WEBHOOK')),
      );
      expect(items).toEqual([]);
    });
  });

  it('signs with both secrets while a rotation overlaps (service invariant 2)', async () => {
    const { id, path, secret } = await webhook();
    const rotated = await asA('POST', `/${id}/rotate-secret`, { overlapSeconds: 3_600 });
    expect(rotated).toMatchObject({
      status: 200,
      body: {
        data: { secret: expect.stringMatching(/^whsec_/), previousSecretExpiresAt: expect.any(String) },
      },
    });
    expect(rotated.headers.get('cache-control')).toBe('no-store');
    await end('COMPLETED');
    await settled(id, 'DELIVERED');
    const call = receiver.of(path)[0]!;
    expect([isSignedBy(call, secret), isSignedBy(call, rotated.body.data.secret)]).toEqual([true, true]);
    await asA('POST', `/${id}/rotate-secret`, { overlapSeconds: 0 });
    await end('COMPLETED');
    await settled(id, 'DELIVERED', 2);
    const later = receiver.of(path)[1]!;
    expect([isSignedBy(later, secret), isSignedBy(later, rotated.body.data.secret)]).toEqual([false, false]);
    await remove(id);
  });

  it('tests a webhook with one call, and says how that went', async () => {
    const { id, path, secret } = await webhook({ enabled: false });
    expect((await asA('POST', `/${id}/test`)).body.data).toMatchObject({
      delivered: true,
      responseStatus: 204,
      error: null,
    });
    const call = receiver.of(path)[0]!;
    expect(call.message).toMatchObject({ type: 'webhook.test', data: { webhookId: id } });
    expect(isSignedBy(call, secret)).toBe(true);
    receiver.behave(path, () => 'break');
    expect((await asA('POST', `/${id}/test`)).body.data).toMatchObject({
      delivered: false,
      responseStatus: null,
      error: expect.stringMatching(/broke the connection/),
    });
    expect(await deliveries(id)).toEqual([]);
    await remove(id);
  });

  it('pages deliveries, newest first', async () => {
    const { id } = await webhook();
    for (let i = 0; i < 5; i++) await end('COMPLETED');
    const all = await settled(id, 'DELIVERED', 5);
    const first = (await asA('GET', `/${id}/deliveries?limit=2`)).body.data;
    const second = (await asA('GET', `/${id}/deliveries?limit=10&before=${first[1].id}`)).body.data;
    expect([...first, ...second].map((row: WebhookDelivery) => row.id)).toEqual(all.map((row) => row.id));
    expect((await asA('GET', `/${id}/deliveries?status=DEAD`)).body.data).toEqual([]);
    await remove(id);
  });
});
