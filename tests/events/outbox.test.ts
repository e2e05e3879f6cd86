import { randomUUID } from 'node:crypto';
import { createLogger } from '@pegasus-workflows/kit';
import { eq, sql } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { recordEvent } from '../../packages/server/src/events/record.js';
import { insertQueued } from '../../packages/server/src/executions/queued.js';
import {
  DeadLetterError,
  exponentialBackoff,
  OutboxWorker,
  type OutboxItem,
  type OutboxOptions,
} from '../../packages/server/src/infra/outbox.js';
import { openDatabase, schema, type Database } from '../../packages/server/src/index.js';
import { forEachDialect, type TestDialect } from '../server/support.js';
import { eventually } from '../support/wait.js';

/** The outbox alone: what is left to be done is done once, by whoever gets to it, or is kept with its reason. */

const { executions, outbox, tenants, workflows } = schema;
const LEASE_MS = 10_000;

forEachDialect('outbox', (open) => {
  const logger = createLogger('test');
  let dialect: TestDialect;
  let db: Database;
  let workflow: { id: string; tenantId: string; name: string };
  let ahead = 0;

  beforeAll(async () => {
    dialect = await open();
    db = await openDatabase(dialect.settings, logger);
    workflow = { id: randomUUID(), tenantId: randomUUID(), name: 'demo' };
    await db.system(async (tx) => {
      await tx.insert(tenants).values({ id: workflow.tenantId, slug: 'a' });
      await tx.insert(workflows).values({
        ...workflow,
        version: '1.0.0',
        visibility: 'TENANT',
        manifest: { name: 'demo', version: '1.0.0', entryPoints: ['a:b'], diagram: 'x' },
        artifactSha256: '0'.repeat(64),
        artifactSizeBytes: 1,
        executable: true,
      });
    });
  });
  afterAll(async () => {
    await db?.close();
    await dialect?.drop();
  });
  beforeEach(async () => {
    ahead = 0;
    await db.system(async (tx) => {
      await tx.delete(outbox);
      await tx.delete(executions);
    });
  });

  const emit = (dedupKey: string | null = null) =>
    db.tenant(workflow.tenantId, (tx) =>
      recordEvent(tx, {
        tenantId: workflow.tenantId,
        type: 'quote.accepted',
        payload: { quoteId: 'q' },
        source: 'API',
        occurredAt: new Date(),
        dedupKey,
      }),
    );
  const dispatch: OutboxOptions['handle'] = (item, finish) =>
    db.system(async (tx) => {
      await insertQueued(tx, {
        // One event's run, whoever starts it: the event's own id will do.
        executionId: item.refId,
        workflow,
        input: { domainEventId: item.refId },
        triggerSource: 'EVENT',
        triggerId: randomUUID(),
      });
      await finish(tx);
    });
  const worker = (over: Partial<OutboxOptions> = {}) =>
    new OutboxWorker({
      db,
      logger,
      clock: () => new Date(Date.now() + ahead),
      topic: 'EVENT',
      handle: dispatch,
      maximumAttempts: 3,
      retryAfterMs: () => 1_000,
      leaseMs: LEASE_MS,
      ...over,
    });
  const items = () => db.system((tx) => tx.select().from(outbox).orderBy(outbox.seq));
  const runs = () => db.system((tx) => tx.select().from(executions));

  it('1: has an item if and only if its transaction was committed, and one for one key', async () => {
    const undone = db.tenant(workflow.tenantId, async (tx) => {
      await recordEvent(tx, {
        tenantId: workflow.tenantId,
        type: 'quote.accepted',
        payload: {},
        source: 'API',
        occurredAt: new Date(),
      });
      throw new Error('undone');
    });
    await expect(undone).rejects.toThrow('undone');
    expect(await items()).toEqual([]);
    const key = randomUUID();
    const [first, again] = [await emit(key), await emit(key)];
    expect([first.isNew, again.isNew, again.row.id]).toEqual([true, false, first.row.id]);
    expect((await items()).map(({ refId }) => refId)).toEqual([first.row.id]);
  });

  it('2: gives each item to one of several workers, and each event gets one run', async () => {
    for (let n = 0; n < 60; n++) await emit();
    const taken: string[] = [];
    const handle: OutboxOptions['handle'] = async (item, finish) => {
      taken.push(item.refId);
      await dispatch(item, finish);
    };
    const workers = [worker({ handle }), worker({ handle }), worker({ handle })];
    while ((await items()).length > 0) await Promise.all(workers.map((one) => one.round()));
    expect([taken.length, new Set(taken).size]).toEqual([60, 60]);
    expect(await runs()).toHaveLength(60);
  });

  it('2, 3: hands an item on when the lease has ended; the late worker then finishes nothing', async () => {
    await emit();
    let late: (() => void) | undefined;
    const arrived = new Promise<void>((resolve) => (late = resolve));
    let goOn = (): void => {};
    const slow = worker({
      handle: async (item, finish) => {
        late!();
        await new Promise<void>((resolve) => (goOn = resolve));
        await dispatch(item, finish);
      },
    });
    const stuck = slow.round();
    await arrived;
    expect(await worker().round()).toBe(0);
    ahead = LEASE_MS + 1;
    const attempts: number[] = [];
    const quick = worker({
      handle: async (item: OutboxItem, finish) => {
        attempts.push(item.attempt);
        await dispatch(item, finish);
      },
    });
    expect(await quick.round()).toBe(1);
    goOn();
    await stuck;
    expect([attempts, await items()]).toEqual([[2], []]);
    expect(await runs()).toHaveLength(1);
  });

  it('2: takes no more than it works on, by whatever plan the database makes of it', async () => {
    for (let n = 0; n < 4; n++) await emit();
    // A nested loop asks for what is free once for every item there is. The planner chooses it by its statistics.
    const kinds = ['hashagg', 'sort', 'hashjoin', 'mergejoin', 'material'];
    const plan = (value: 'on' | 'off') =>
      db.system(async (tx) => {
        for (const kind of kinds)
          await tx.execute(sql`select set_config(${`enable_${kind}`}, ${value}, false)`);
      });
    const leased = async () => (await items()).filter(({ leaseId }) => leaseId !== null).length;
    const seen: number[] = [];
    const handle: OutboxOptions['handle'] = async (item, finish) => {
      seen.push(await leased());
      await dispatch(item, finish);
    };
    await plan('off');
    try {
      await worker({ handle, width: 1 }).round();
      await db.system((tx) => tx.update(outbox).set({ leaseId: randomUUID(), leasedUntil: new Date(0) }));
      // What was left without a word is taken one by one; the others of it keep the lease that has ended.
      for (let n = 0; n < 3; n++) await worker({ handle }).round();
    } finally {
      await plan('on');
    }
    expect([seen, await items()]).toEqual([[1, 3, 2, 1], []]);
  });

  it('4: tries again after its time, and keeps what it gives up with the reason', async () => {
    const { row } = await emit();
    const failing = worker({ handle: () => Promise.reject(new Error('the partner is away')) });
    for (const attempts of [1, 2, 3]) {
      expect(await failing.round()).toBe(1);
      expect(await failing.round()).toBe(0);
      expect(await items()).toMatchObject([{ attempts, lastError: 'the partner is away', refId: row.id }]);
      ahead += 1_001;
    }
    expect((await items())[0]!.deadAt).not.toBeNull();
    expect(await failing.round()).toBe(0);
    await db.system((tx) => tx.update(outbox).set({ deadAt: null }).where(eq(outbox.refId, row.id)));
    expect(await worker().round()).toBe(1);
    expect([await items(), (await runs()).length]).toEqual([[], 1]);
  });

  it('4: gives up at once when its handler says so', async () => {
    await emit();
    const dead: string[] = [];
    const hopeless = worker({
      handle: () => Promise.reject(new DeadLetterError('there is no such webhook')),
      onDead: (_tx, item, reason) => {
        dead.push(`${item.attempt}: ${reason}`);
        return Promise.resolve();
      },
    });
    await hopeless.round();
    expect(dead).toEqual(['1: there is no such webhook']);
  });

  it('waits twice as long after each failure, up to five minutes, give or take a tenth', () => {
    for (const [attempts, ms] of [
      [1, 1_000],
      [2, 2_000],
      [9, 256_000],
      [10, 300_000],
      [1_000, 300_000],
    ] as const) {
      expect(Math.abs(exponentialBackoff(attempts) - ms)).toBeLessThanOrEqual(ms / 10);
    }
  });

  it('works by itself, at once when kicked, and ends when stopped', async () => {
    const one = worker();
    const running = one.start();
    await emit();
    one.kick();
    await eventually(async () => expect(await items()).toEqual([]));
    await running.stop();
    await emit();
    expect(await items()).toHaveLength(1);
  });
});
