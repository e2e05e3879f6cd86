import { type ExecutionRow } from './row.js';
import { randomUUID } from 'node:crypto';
import { dryRunResultSchema, type ExecutionStatus } from '@pegasus-workflows/contracts';
import { createLogger } from '@pegasus-workflows/kit';
import { eq } from 'drizzle-orm';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openDatabase, type Database } from '../infra/database.js';
import { dryRunMutations, executions, tenants, workflows } from '../infra/schema.js';
import { type RunClose } from '../infra/temporal.js';
import { Wakeups } from '../infra/wakeups.js';
import { RESULT_DEPTH_MAX } from './close.js';
import { executionMetrics } from './metrics.js';
import { OpenCounts } from './open-counts.js';
import { OutcomeWriter } from './outcome.js';

/** Numbers: invariants of outcome.ts. On the embedded database; tests/executions has the real PostgreSQL. */

const logger = createLogger('test');
logger.level = 'silent';
const tenantId = randomUUID();
const workflowId = randomUUID();
let db: Database;
let transactions = 0;
let counts: OpenCounts;
let wakeups: Wakeups<ExecutionRow>;
let writer: OutcomeWriter;

beforeAll(async () => {
  db = await openDatabase({ pgliteDir: 'memory://' }, logger);
  await db.system(async (tx) => {
    await tx.insert(tenants).values({ id: tenantId, slug: 'a' });
    await tx.insert(workflows).values({
      id: workflowId,
      tenantId,
      name: 'demo',
      version: '1.0.0',
      visibility: 'TENANT',
      manifest: { name: 'demo', version: '1.0.0', entryPoints: ['demo/workflow:demo'], diagram: 'graph' },
      artifactSha256: '0'.repeat(64),
      artifactSizeBytes: 1,
      executable: true,
    });
  });
}, 60_000);
afterAll(() => db?.close());
beforeEach(() => {
  transactions = 0;
  counts = new OpenCounts(() => new Date());
  wakeups = new Wakeups<ExecutionRow>();
  const counting: Database = {
    ...db,
    system: (work) => {
      transactions++;
      return db.system(work);
    },
  };
  writer = new OutcomeWriter({
    db: counting,
    logger,
    metrics: executionMetrics(new Registry()),
    counts,
    wakeups,
  });
});

async function insert(status: ExecutionStatus = 'QUEUED', dryRun = false): Promise<string> {
  const id = randomUUID();
  const row = {
    id,
    tenantId,
    workflowId,
    status,
    dryRun,
    temporalWorkflowId: `wf/${id}`,
    triggerSource: 'USER' as const,
  };
  await db.system((tx) => tx.insert(executions).values(row));
  return id;
}
async function read(id: string) {
  const [row] = await db.system((tx) => tx.select().from(executions).where(eq(executions.id, id)));
  return row!;
}

const startedAt = new Date('2030-01-01T00:00:00Z');
const closedAt = new Date('2030-01-01T00:00:09Z');
const run = { runId: 'run-1', startedAt };
const completed: RunClose = { runId: 'run-1', closedAt, status: 'COMPLETED', result: { sum: 7 } };
const timedOut: RunClose = { runId: 'run-1', closedAt, status: 'TIMED_OUT' };
const whole = {
  status: 'COMPLETED',
  temporalRunId: 'run-1',
  startedAt,
  finishedAt: closedAt,
  result: { sum: 7 },
  errorMessage: null,
};
const LIMITS = { open: 100, perDay: 100 };
const never = { status: 'CANCELLED', errorMessage: null, at: closedAt, onlyQueued: true } as const;

describe('one row', () => {
  it.each([
    ['in order', [0, 1]],
    ['the close first', [1, 0]],
  ])('RUNNING and its outcome cost one write, %s, and say the same', async (_order, order) => {
    const id = await insert();
    const changes = [() => writer.started(id, run), () => writer.closed(id, completed)];
    await Promise.all(order.map((at) => changes[at]!()));
    expect(await read(id)).toMatchObject(whole);
    expect(transactions).toBe(1);
  });

  it('without RUNNING ever seen, has started when it closed at the latest', async () => {
    const id = await insert();
    await writer.closed(id, completed);
    expect(await read(id)).toMatchObject({ ...whole, startedAt: closedAt });
  });

  it('follows a chain of runs, and keeps when the first began', async () => {
    const id = await insert();
    void writer.started(id, run);
    await writer.settled(id);
    void writer.started(id, { runId: 'run-2', startedAt: closedAt });
    await writer.settled(id);
    expect(await read(id)).toMatchObject({ status: 'RUNNING', temporalRunId: 'run-2', startedAt });
  });

  it('1: of two outcomes the first stays, in one batch or after it', async () => {
    const id = await insert();
    await Promise.all([writer.closed(id, completed), writer.closed(id, timedOut), writer.started(id, run)]);
    const after = await read(id);
    expect(after).toMatchObject(whole);
    const late = [
      writer.closed(id, timedOut),
      writer.started(id, { runId: 'run-9', startedAt }),
      writer.ended(id, { ...never, status: 'FAILED', onlyQueued: false }),
    ];
    expect(await Promise.all(late)).toEqual(['unchanged', 'unchanged', 'unchanged']);
    expect(await read(id)).toEqual(after);
  });

  it.each<ExecutionStatus>(['COMPLETED', 'FAILED', 'TIMED_OUT', 'CANCELLED'])(
    '1: %s is never overwritten',
    async (status) => {
      const id = await insert(status);
      const before = await read(id);
      for (const change of [
        () => writer.started(id, run),
        () => writer.closed(id, completed),
        () => writer.closed(id, timedOut),
        () => writer.ended(id, never),
      ])
        expect(await change()).toBe('unchanged');
      expect(await read(id)).toEqual(before);
    },
  );

  it('6: a dry run that completed has what was recorded in its result, in order; a failed one has no result', async () => {
    const [done, empty, failed] = [
      await insert('RUNNING', true),
      await insert('RUNNING', true),
      await insert('RUNNING', true),
    ];
    const record = (executionId: string, text: string) => ({
      tenantId,
      executionId,
      method: 'sms.send',
      capability: 'SendSms',
      args: { text },
      wouldReturn: null,
    });
    await db.system((tx) =>
      tx
        .insert(dryRunMutations)
        .values([record(done, 'first'), record(failed, 'other'), record(done, 'second')]),
    );
    await Promise.all([
      writer.closed(done, completed),
      writer.closed(empty, { ...completed, result: null }),
      writer.closed(failed, timedOut),
    ]);
    const told = (text: string) => ({
      method: 'sms.send',
      capability: 'SendSms',
      args: { text },
      wouldReturn: null,
    });
    const { result } = await read(done);
    expect(dryRunResultSchema.parse(result)).toEqual({
      result: { sum: 7 },
      mutations: [told('first'), told('second')],
    });
    expect((await read(empty)).result).toEqual({ result: null, mutations: [] });
    expect(await read(failed)).toMatchObject({ status: 'TIMED_OUT', result: null });
  });

  it('tells who remembers it that a row has ended, before it wakes who waits (3)', async () => {
    const id = await insert('RUNNING');
    const told: string[] = [];
    writer.onEnded = (ended) => told.push(`ended ${ended}`);
    const woken = wakeups.next(id, 60_000).then(() => told.push('woken'));
    await writer.started(id, run);
    await writer.closed(id, completed);
    await woken;
    expect(told).toEqual([`ended ${id}`, 'woken']);
  });

  it('2: the same change twice is one', async () => {
    const id = await insert();
    counts.take(tenantId, LIMITS).keep();
    counts.take(tenantId, LIMITS).keep();
    expect(await writer.closed(id, completed)).toBe('written');
    const after = await read(id);
    expect(await writer.closed(id, completed)).toBe('unchanged');
    expect(await read(id)).toEqual(after);
    expect(counts.total).toBe(1);
  });

  it.each([
    ['before the run is known', [0, 1]],
    ['after', [1, 0]],
  ])('what is meant for a row that never ran yields to a run, %s', async (_order, order) => {
    const id = await insert();
    const changes = [() => writer.ended(id, never), () => writer.started(id, run)];
    await Promise.all(order.map((at) => changes[at]!()));
    expect(await read(id)).toMatchObject({ status: 'RUNNING', temporalRunId: 'run-1', finishedAt: null });
    expect(await writer.ended(id, never)).toBe('unchanged');
    void writer.ended(id, never);
    await writer.closed(id, completed);
    expect(await read(id)).toMatchObject(whole);
  });

  it('that never ran ends without a start', async () => {
    const id = await insert();
    expect(await writer.ended(id, never)).toBe('written');
    expect(await read(id)).toMatchObject({ status: 'CANCELLED', startedAt: null, finishedAt: closedAt });
  });

  it('that is not there changes nothing', async () => {
    expect(await writer.closed(randomUUID(), completed)).toBe('unchanged');
  });
});

describe('group commit', () => {
  it('writes what arrives together in one statement', async () => {
    const ids = await Promise.all(Array.from({ length: 50 }, () => insert()));
    await Promise.all(ids.map((id) => writer.closed(id, completed)));
    expect(transactions).toBe(1);
    for (const id of ids) expect(await read(id)).toMatchObject({ status: 'COMPLETED' });
  });

  it('3: wakes a waiter after the commit', async () => {
    const id = await insert();
    const woken = wakeups.next(id, 60_000).then(() => read(id));
    await writer.closed(id, completed);
    expect(await woken).toMatchObject({ status: 'COMPLETED' });
  });

  it('4: a reader waits for RUNNING, and not for its window', async () => {
    const id = await insert();
    void writer.started(id, run);
    await writer.settled(id);
    expect(await read(id)).toMatchObject({ status: 'RUNNING', startedAt });
    void writer.started(id, { ...run, runId: 'run-2' });
    await writer.settledAll();
    expect(await read(id)).toMatchObject({ temporalRunId: 'run-2' });
  });

  it('5: what cannot be stored fails alone', async () => {
    const [good, bad, other] = [await insert(), await insert(), await insert()];
    const end = { ...never, status: 'FAILED', errorMessage: 'a\u0000b' } as const;
    expect(
      await Promise.all([
        writer.closed(good, completed),
        writer.ended(bad, end),
        writer.closed(other, timedOut),
      ]),
    ).toEqual(['written', 'failed', 'written']);
    expect(await read(bad)).toMatchObject({ status: 'QUEUED' });
    expect(await read(other)).toMatchObject({ status: 'TIMED_OUT' });
    expect(await writer.ended(bad, never)).toBe('written');
  });

  it('stores the deepest result that a close lets through', async () => {
    const id = await insert();
    const result: unknown = JSON.parse(`${'['.repeat(RESULT_DEPTH_MAX)}${']'.repeat(RESULT_DEPTH_MAX)}`);
    expect(await writer.closed(id, { ...completed, result })).toBe('written');
    expect((await read(id)).result).toEqual(result);
  });
});
