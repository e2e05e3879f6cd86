import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { type Batch, type ExecutionStatus } from '@pegasus-workflows/contracts';
import { createLogger } from '@pegasus-workflows/kit';
import { eq } from 'drizzle-orm';
import { AuditLog, schema } from '../../packages/server/src/index.js';
import { createBatches } from '../../packages/server/src/batches/routes.js';
import { startHarness, type Harness } from '../executions/support.js';
import { forEachDialect } from '../server/support.js';
import { eventually } from '../support/wait.js';

/** One operation on many executions. The numbers are those of `batches/worker.ts`. */

const SOON = new Date(Date.now() + 3_600_000);

forEachDialect('batches', (open) => {
  let harness: Harness;
  let worker: ReturnType<typeof createBatches>['worker'];
  let acts: string[];

  beforeAll(async () => {
    harness = await startHarness(inject('temporal'), await open());
    const logger = createLogger('test');
    const clock = () => new Date();
    const { db, engine } = harness;
    const audit = new AuditLog({ db, logger, clock });
    acts = [];
    const recordAct: AuditLog['recordAct'] = async (act) => {
      acts.push(`${act.operation} ${act.objectId}`);
      await audit.recordAct(act);
    };
    const batches = createBatches(
      { db, logger, clock, audit: { ...audit, recordAct, refused: () => {}, flush: async () => {} } },
      engine,
    );
    harness.app.use('/api/v1/executions/batches/*', async (c, next) => {
      c.set('recordAct', recordAct);
      await next();
    });
    batches.mount(harness.app);
    ({ worker } = batches);
  });
  afterAll(() => harness?.close());

  async function request(tenantId: string, method: string, path: string, body?: unknown, key?: string) {
    const response = await harness.app.request(`/api/v1/executions/batches${path}`, {
      method,
      headers: {
        'x-tenant': tenantId,
        'content-type': 'application/json',
        ...(key ? { 'idempotency-key': key } : {}),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const { data, code, error } = (await response.json()) as { data: Batch; code?: string; error?: string };
    return { status: response.status, data, code, error };
  }
  const held = (of: { tenantId: string; workflowId: string }, many: number) =>
    Promise.all(
      Array.from({ length: many }, () =>
        harness.insertExecution({ ...of, status: 'QUEUED', held: true, startAfter: SOON }),
      ),
    );
  const statuses = async (tenantId: string): Promise<Record<string, number>> => {
    const counts: Record<string, number> = {};
    for (const { status } of await harness.rows(tenantId)) counts[status] = (counts[status] ?? 0) + 1;
    return counts;
  };
  const finished = (tenantId: string, id: string) =>
    eventually(async () => {
      await worker.round();
      const { data } = await request(tenantId, 'GET', `/${id}`);
      expect(data.state).not.toBe('RUNNING');
      return data;
    });

  it('1, 3: cancels all that fitted when it was begun, page by page, and no other tenant’s', async () => {
    const mine = await harness.publish();
    const theirs = await harness.publish();
    const ids = await held(mine, 30);
    await held(theirs, 1);
    const filter = { workflowName: 'scripted', status: ['QUEUED'] };
    const counted = await request(mine.tenantId, 'POST', '/cancel', { filter, dryRun: true });
    expect(counted).toMatchObject({ status: 200, data: { total: 30 } });
    const key = randomUUID();
    const begun = await request(mine.tenantId, 'POST', '/cancel', { filter }, key);
    expect(begun).toMatchObject({
      status: 202,
      data: { state: 'RUNNING', operation: 'cancel', total: 30, done: 0 },
    });
    await held(mine, 1);
    const again = await request(mine.tenantId, 'POST', '/cancel', { filter }, key);
    expect(again.data).toEqual(begun.data);
    expect(
      (await request(mine.tenantId, 'POST', '/retry', { filter: { workflowName: 'scripted' } }, key)).code,
    ).toBe('CONFLICT');
    const ended = await finished(mine.tenantId, begun.data.id);
    expect(ended).toMatchObject({ state: 'DONE', total: 30, done: 30, skipped: 0, failed: 0, failures: [] });
    expect(await statuses(mine.tenantId)).toEqual({ CANCELLED: 30, QUEUED: 1 });
    expect(await statuses(theirs.tenantId)).toEqual({ QUEUED: 1 });
    expect(acts).toEqual(expect.arrayContaining(ids.map((id) => `cancel ${id}`)));
    const [logged] = await harness.db.system((tx) =>
      tx.select().from(schema.auditLog).where(eq(schema.auditLog.objectId, ids[0]!)),
    );
    expect(logged).toMatchObject({ operation: 'cancel', actorKind: 'KEY', principalId: mine.tenantId });
    expect((await request(theirs.tenantId, 'GET', `/${begun.data.id}`)).status).toBe(404);
    expect((await request(mine.tenantId, 'GET', '')).data).toMatchObject([{ id: begun.data.id }]);
  });

  it('2: retries each once, also when a page is done twice', async () => {
    const mine = await harness.publish();
    const over: { status: ExecutionStatus }[] = [
      { status: 'FAILED' },
      { status: 'TIMED_OUT' },
      { status: 'COMPLETED' },
    ];
    for (const one of over) await harness.insertExecution({ ...mine, ...one });
    const begun = await request(mine.tenantId, 'POST', '/retry', { filter: { workflowId: mine.workflowId } });
    expect(begun.data.total).toBe(2);
    const failing = { status: 'FAILED' as const };
    expect(await statuses(mine.tenantId)).toMatchObject({ [failing.status]: 1 });
    // As if the server had been killed after the acts, before the page's end was written.
    const items = await harness.db.system((tx) =>
      tx
        .select()
        .from(schema.executionBatchItems)
        .where(eq(schema.executionBatchItems.batchId, begun.data.id)),
    );
    for (const { executionId } of items) {
      const caller = { tenantId: mine.tenantId, principalId: mine.tenantId };
      await harness.engine.service.retry(
        caller,
        mine.workflowId,
        executionId,
        `batch-${begun.data.id}-${executionId}`,
      );
    }
    expect(await finished(mine.tenantId, begun.data.id)).toMatchObject({ state: 'DONE', done: 2 });
    expect(await statuses(mine.tenantId)).toEqual({ FAILED: 1, TIMED_OUT: 1, COMPLETED: 1, RUNNING: 2 });
    const ended = await request(mine.tenantId, 'POST', '/terminate', {
      filter: { workflowId: mine.workflowId, status: ['RUNNING'] },
      reason: 'tidy',
    });
    expect(await finished(mine.tenantId, ended.data.id)).toMatchObject({ done: 2, reason: 'tidy' });
  });

  it('is stopped between two pages, skips what has ended meanwhile, and has no end to wait for when nothing fits', async () => {
    const mine = await harness.publish();
    const ids = await held(mine, 3);
    const filter = { workflowId: mine.workflowId };
    const { data: first } = await request(mine.tenantId, 'POST', '/cancel', { filter });
    const stopped = await request(mine.tenantId, 'POST', `/${first.id}/stop`);
    expect(stopped).toMatchObject({
      status: 200,
      data: { state: 'STOPPED', finishedAt: expect.any(String) },
    });
    await worker.round();
    expect(await statuses(mine.tenantId)).toEqual({ QUEUED: 3 });
    const { data: second } = await request(mine.tenantId, 'POST', '/cancel', { filter });
    await harness.db.system((tx) =>
      tx.update(schema.executions).set({ status: 'COMPLETED' }).where(eq(schema.executions.id, ids[0]!)),
    );
    expect(await finished(mine.tenantId, second.id)).toMatchObject({ done: 2, skipped: 1, failed: 0 });
    const none = await request(mine.tenantId, 'POST', '/cancel', { filter });
    expect(none).toMatchObject({ status: 202, data: { state: 'DONE', total: 0 } });
  });

  it.each([
    [{}, /filter/],
    [{ filter: {} }, /at least one/],
    [{ filter: { status: ['COMPLETED'] } }, /cancel is not possible for COMPLETED/],
    [{ filter: { name: 'x' } }, /name/],
  ])('refuses %j', async (body, sentence) => {
    const { tenantId } = await harness.publish();
    expect(await request(tenantId, 'POST', '/cancel', body)).toMatchObject({
      status: 400,
      code: 'VALIDATION_ERROR',
      error: expect.stringMatching(sentence),
    });
  });
});
