import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { type Execution, type RunRequest } from '@pegasus-workflows/contracts';
import { eq } from 'drizzle-orm';
import { tenants } from '../../packages/server/src/infra/schema.js';
import { forEachDialect } from '../server/support.js';
import { eventually } from '../support/wait.js';
import { startHarness, type Harness } from './support.js';

/** Runs that wait: for their time, for a place of their concurrency key, for the last of a burst. No worker polls here. */

const temporal = inject('temporal');

forEachDialect('held runs', (open) => {
  let harness: Harness;
  beforeAll(async () => void (harness = await startHarness(temporal, await open(), { background: true })));
  afterAll(() => harness?.close());

  /** A tenant of its own, with its workflow. */
  async function tenant() {
    const { tenantId, workflowId } = await harness.publish();
    const ask = (request: RunRequest, headers?: Record<string, string>) =>
      harness.call(tenantId, 'POST', `${workflowId}/run`, request, headers);
    return {
      tenantId,
      workflowId,
      ask,
      run: async (request: RunRequest): Promise<Execution> => {
        const { status, body } = await ask(request);
        expect(status, JSON.stringify(body)).toBe(201);
        return body.data;
      },
      get: async (id: string) =>
        (await harness.call(tenantId, 'GET', `${workflowId}/executions/${id}`)).body.data,
      statuses: async () => (await harness.rows(tenantId)).map(({ status }) => status).sort(),
    };
  }
  async function end({ temporalWorkflowId, temporalRunId }: Execution): Promise<void> {
    await harness.port.terminate(temporalWorkflowId!, temporalRunId!, 'the test is over');
  }

  describe('delay', () => {
    it('2: is QUEUED until its time and RUNNING after it; an instant in the past is now', async () => {
      const t = await tenant();
      const startAfter = new Date(Date.now() + 3_600_000).toISOString();
      const later = await t.run({ delay: startAfter, input: { a: 1 } });
      expect(later).toMatchObject({ status: 'QUEUED', startAfter, temporalWorkflowId: null });
      expect((await t.run({ delay: '2020-01-01T00:00:00.000Z' })).status).toBe('RUNNING');
      await harness.engine.reconcile();
      expect((await t.get(later.id)).status).toBe('QUEUED');
      harness.advance(3_600_001);
      const started = await eventually(async () => {
        const now = await t.get(later.id);
        expect(now.status).toBe('RUNNING');
        return now;
      });
      expect(started).not.toHaveProperty('startAfter');
      expect(started.input).toEqual({ a: 1 });
    });

    it('needs no worker while it waits, and is cancelled like any other', async () => {
      const t = await tenant();
      const later = await t.run({ delay: 86_400 });
      await harness.engine.reconcile();
      const wanted = harness.engine.demand.snapshot().artifacts.map(({ tenantId }) => tenantId);
      expect(wanted).not.toContain(t.tenantId);
      const cancelled = await harness.call(
        t.tenantId,
        'POST',
        `${t.workflowId}/executions/${later.id}/cancel`,
      );
      expect(cancelled).toMatchObject({ status: 202, body: { data: { status: 'CANCELLED' } } });
    });
  });

  describe('concurrency key', () => {
    it('1: runs as many as its limit allows, whoever asks at once, and the next when one ends', async () => {
      const t = await tenant();
      const asked = await Promise.all(
        Array.from({ length: 8 }, () => t.run({ concurrencyKey: 'crm', concurrencyLimit: 2 })),
      );
      expect(asked.every(({ concurrencyKey }) => concurrencyKey === 'crm')).toBe(true);
      for (let left = 8; left > 0; left--) {
        const running = await eventually(async () => {
          const rows = (await harness.rows(t.tenantId)).filter(({ status }) => status === 'RUNNING');
          expect(rows.length).toBeLessThanOrEqual(2);
          expect(rows).toHaveLength(Math.min(2, left));
          return rows;
        });
        await end(await t.get(running[0]!.id));
        await eventually(async () => expect((await t.get(running[0]!.id)).status).toBe('FAILED'));
      }
      expect(await t.statuses()).toEqual(Array(8).fill('FAILED'));
    });

    it('is one at a time unless said, per tenant, and leaves other runs alone', async () => {
      const [a, b] = [await tenant(), await tenant()];
      expect((await a.run({ concurrencyKey: 'k' })).status).toBe('RUNNING');
      expect((await a.run({ concurrencyKey: 'k' })).status).toBe('QUEUED');
      expect((await a.run({ concurrencyKey: 'other' })).status).toBe('RUNNING');
      expect((await a.run({})).status).toBe('RUNNING');
      expect((await b.run({ concurrencyKey: 'k' })).status).toBe('RUNNING');
    });

    it('lets the most urgent go first, then the oldest', async () => {
      const t = await tenant();
      const first = await t.run({ concurrencyKey: 'k' });
      const order: string[] = [];
      const queue: Execution[] = [];
      for (const priority of [5, 3, 1, 3]) queue.push(await t.run({ concurrencyKey: 'k', priority }));
      let running = first;
      for (let left = queue.length; left > 0; left--) {
        await end(running);
        running = await eventually(async () => {
          const now = await Promise.all(queue.map(({ id }) => t.get(id)));
          const started = now.find(({ status, id }) => status === 'RUNNING' && !order.includes(id));
          expect(started).toBeDefined();
          return started!;
        });
        order.push(running.id);
      }
      expect(order).toEqual([queue[2], queue[1], queue[3], queue[0]].map((run) => run!.id));
      expect(running.priority).toBe(5);
    });
  });

  describe('debounce', () => {
    it('answers a burst with one execution, which has the last input and starts once', async () => {
      const t = await tenant();
      const debounce = { key: 'cart-7', seconds: 600 };
      const burst: Execution[] = [];
      for (const n of [1, 2, 3]) burst.push(await t.run({ debounce, input: { n } }));
      expect(new Set(burst.map(({ id }) => id)).size).toBe(1);
      expect(burst[2]).toMatchObject({ status: 'QUEUED', input: { n: 3 } });
      expect(Date.parse(burst[2]!.startAfter!)).toBeGreaterThanOrEqual(Date.parse(burst[0]!.startAfter!));
      harness.advance(601_000);
      await eventually(async () => expect((await t.get(burst[0]!.id)).status).toBe('RUNNING'));
      const next = await t.run({ debounce, input: { n: 4 } });
      expect(next.id).not.toBe(burst[0]!.id);
      expect((await t.get(burst[0]!.id)).input).toEqual({ n: 3 });
    });

    it('keeps one row, however many ask at once', async () => {
      const t = await tenant();
      const debounce = { key: 'x', seconds: 3_600 };
      await Promise.all(Array.from({ length: 20 }, (_, n) => t.run({ debounce, input: { n } })));
      expect(await t.statuses()).toEqual(['QUEUED']);
    });
  });

  describe('idempotency key', () => {
    it('may be in the body, but must not contradict the header', async () => {
      const t = await tenant();
      const key = randomUUID();
      const once = await t.run({ idempotencyKey: key });
      expect((await t.run({ idempotencyKey: key })).id).toBe(once.id);
      const same = await t.ask({}, { 'idempotency-key': key });
      expect(same.body.data.id).toBe(once.id);
      const other = await t.ask({ idempotencyKey: key }, { 'idempotency-key': 'another' });
      expect(other).toMatchObject({ status: 400, body: { code: 'VALIDATION_ERROR' } });
    });
  });

  it.each<[RunRequest, RegExp]>([
    [{ delay: 0 }, /^delay: /],
    [{ delay: 'tomorrow' }, /^delay: /],
    [{ delay: '2999-01-01T00:00:00Z' }, /^delay: must be at most 366 days ahead/],
    [{ priority: 6 }, /^priority: /],
    [{ concurrencyLimit: 2 }, /^concurrencyLimit: needs a concurrencyKey/],
    [{ concurrencyKey: '' }, /^concurrencyKey: must be 1 to 200 printable ASCII characters/],
    [{ debounce: { key: 'a', seconds: 0 } }, /^debounce\.seconds: /],
    [{ debounce: { key: 'a', seconds: 1 }, delay: 1 }, /^delay: cannot be combined with debounce/],
    [{ debounce: { key: 'a', seconds: 1 }, idempotencyKey: 'k' }, /^idempotencyKey: cannot be combined/],
  ])('refuses %j and stores nothing', async (request, sentence) => {
    const t = await tenant();
    const { status, body } = await t.ask(request);
    expect([status, body.code]).toEqual([400, 'VALIDATION_ERROR']);
    expect(body.error).toMatch(sentence);
    expect(await t.statuses()).toEqual([]);
  });

  describe('quotas of a tenant', () => {
    async function limited(quotas: Partial<typeof tenants.$inferInsert>) {
      const t = await tenant();
      await harness.db.system((tx) => tx.update(tenants).set(quotas).where(eq(tenants.id, t.tenantId)));
      return t;
    }

    it('count open executions, held ones too', async () => {
      const t = await limited({ maxOpenExecutions: 2 });
      await t.run({});
      const held = await t.run({ delay: 3_600 });
      expect(await t.ask({})).toMatchObject({ status: 429, body: { code: 'CONCURRENCY_LIMIT' } });
      await harness.call(t.tenantId, 'POST', `${t.workflowId}/executions/${held.id}/cancel`);
      await t.run({});
    });

    it('count the day, the bytes, and let nothing of a disabled tenant start', async () => {
      const day = await limited({ maxExecutionsPerDay: 1 });
      await day.run({});
      expect(await day.ask({})).toMatchObject({ status: 429, body: { code: 'DAILY_QUOTA_EXCEEDED' } });
      const bytes = await limited({ maxPayloadBytes: 20 });
      await bytes.run({ input: { a: 'short' } });
      const long = await bytes.ask({ input: { a: 'x'.repeat(20) } });
      expect(long).toMatchObject({ status: 413, body: { code: 'PAYLOAD_TOO_LARGE' } });
      const disabled = await limited({ disabledAt: new Date() });
      expect(await disabled.ask({})).toMatchObject({ status: 403, body: { code: 'FORBIDDEN' } });
      expect(await disabled.statuses()).toEqual([]);
    });
  });
});
