import { setImmediate as turn } from 'node:timers/promises';
import { eq, sql } from 'drizzle-orm';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { type ExecutionStatus } from '@pegasus-workflows/contracts';
import { createLogger } from '@pegasus-workflows/kit';
import { executions } from '../../packages/server/src/infra/schema.js';
import { compareCursors, parseCursor } from '../../packages/server/src/live/changes.js';
import { LogReader } from '../../packages/server/src/logs/reader.js';
import { createLive } from '../../packages/server/src/live/routes.js';
import { startHarness, type Harness } from '../executions/support.js';
import { forEachDialect } from '../server/support.js';
import { eventsOf, nextOf, type Told } from './sse.js';

/** A tenant's stream: nothing is missed, whatever is cut and however slowly it is read. */

forEachDialect('the stream of a tenant', (open) => {
  let harness: Harness;
  let tenantId: string;
  let workflowId: string;

  beforeAll(async () => {
    harness = await startHarness(inject('temporal'), await open());
    const parts = { db: harness.db, temporal: harness.port, logger: createLogger('test') };
    createLive(parts, harness.engine, new LogReader(parts)).mount(harness.app);
  });
  beforeAll(async () => {
    ({ tenantId, workflowId } = await harness.publish());
  });
  afterAll(() => harness?.close());

  async function connect(query = '', lastId?: string, tenant = tenantId) {
    const response = await harness.app.request(`/api/v1/executions/stream${query}`, {
      headers: { 'x-tenant': tenant, ...(lastId === undefined ? {} : { 'last-event-id': lastId }) },
    });
    return response;
  }
  const stream = async (query?: string, lastId?: string, tenant?: string) =>
    eventsOf(await connect(query, lastId, tenant));
  const ready = (told: Told) => told.event === 'ready';
  const insert = (over: { tenantId?: string; workflowId?: string; status?: ExecutionStatus } = {}) =>
    harness.insertExecution({ tenantId, workflowId, status: 'QUEUED', ...over });
  const setStatus = (id: string, status: ExecutionStatus) =>
    harness.db.system((tx) => tx.update(executions).set({ status }).where(eq(executions.id, id)));

  it('1: a client that is cut at random and goes on sees the last state of every execution, in order', async () => {
    const RUNS = 60;
    const random = (n: number) => Math.floor(Math.random() * n);
    const begun = await nextOf(await stream(), ready);
    const ids: string[] = [];
    const writing = Promise.all(
      Array.from({ length: RUNS }, async () => {
        const id = await insert();
        ids.push(id);
        for (const status of ['RUNNING', 'COMPLETED'] as const) {
          await harness.db.system(async (tx) => {
            await tx.update(executions).set({ status }).where(eq(executions.id, id));
            // Transactions overlap, and are committed in another order than they began.
            for (let turns = random(20); turns > 0; turns--) await turn();
          });
        }
      }),
    );
    const seen = new Map<string, string>();
    let lastId = begun.id;
    let connections = 0;
    const isAll = () => seen.size === RUNS && [...seen.values()].every((status) => status === 'COMPLETED');
    while (!isAll()) {
      connections++;
      let left = 1 + random(8);
      for await (const { id, event, data } of await stream('', lastId)) {
        expect(compareCursors(parseCursor(lastId)!, parseCursor(id)!)).toBeLessThanOrEqual(0);
        lastId = id;
        if (event === 'execution') {
          expect(seen.get(data.id), 'a final state is told once').not.toBe('COMPLETED');
          seen.set(data.id, data.status);
        }
        if (--left === 0 || isAll()) break;
      }
    }
    await writing;
    expect([...seen.keys()].sort()).toEqual([...ids].sort());
    expect(connections).toBeGreaterThan(5);
  }, 240_000);

  it('2: a reader that is far too slow goes on from where it is, and sees every execution', async () => {
    const events = await stream();
    await nextOf(events, ready);
    const status = 'COMPLETED';
    const insertMany = () =>
      harness.db.system((tx) =>
        tx.execute(sql`
          insert into executions (id, tenant_id, workflow_id, status, temporal_workflow_id, trigger_source)
          select gen_random_uuid(), ${tenantId}, ${workflowId}, ${status}, 'slow', 'USER' from generate_series(1, 800)`),
      );
    for (let round = 0; round < 4; round++) await insertMany();
    const seen = new Set<string>();
    while (seen.size < 3_200) {
      const { data } = await nextOf(events, ({ event }) => event === 'execution');
      expect(seen.has(data.id)).toBe(false);
      seen.add(data.id);
    }
    await events.return();
  }, 240_000);

  it('tells what a filter lets through, and where it is when it lets nothing through; never another tenant’s', async () => {
    const other = await harness.publish();
    const failed = await stream('?status=FAILED,CANCELLED');
    const ofWorkflow = await stream(`?workflowId=${other.workflowId}`);
    const theirs = await stream('', undefined, other.tenantId);
    for (const one of [failed, ofWorkflow, theirs]) await nextOf(one, ready);
    const foreign = await insert({ ...other, status: 'FAILED' });
    const id = await insert();
    await setStatus(id, 'RUNNING');
    await setStatus(id, 'FAILED');
    const told = await nextOf(failed, ({ event }) => event === 'execution');
    expect(told.data).toMatchObject({ id, status: 'FAILED', workflowId, tenantId });
    expect(told.data).not.toHaveProperty('input');
    expect((await nextOf(theirs, ({ event }) => event === 'execution')).data.id).toBe(foreign);
    for (const one of [failed, ofWorkflow, theirs]) await one.return();
  });

  it('says so when the place to go on from is not of this database, and refuses what is no place', async () => {
    const events = await stream('', '9223372036854775807.1');
    expect((await events.next()).value).toMatchObject({ event: 'restarted', data: {} });
    const id = await insert();
    expect((await nextOf(events, ({ event }) => event === 'execution')).data.id).toBe(id);
    await events.return();
    const refused = await connect('', 'yesterday');
    expect(refused.status).toBe(400);
    expect(await refused.json()).toMatchObject({ code: 'VALIDATION_ERROR' });
    expect((await connect('?status=GONE')).status).toBe(400);
  });

  it('misses nothing of what was written while nobody was connected', async () => {
    const { id: place } = await nextOf(await stream(), ready);
    const ids = [await insert(), await insert()];
    await setStatus(ids[0]!, 'COMPLETED');
    // A transaction of another test on the same server may hold the changes back: they are readable once one has read them.
    const watcher = await stream('', place);
    await nextOf(watcher, ({ data }) => data.id === ids[0] && data.status === 'COMPLETED');
    await watcher.return();
    const events = await stream('', place);
    const first = await nextOf(events, ({ event }) => event === 'execution');
    const second = await nextOf(events, ({ event }) => event === 'execution');
    expect([first.data.id, second.data.id]).toEqual([ids[1], ids[0]]);
    expect((await events.next()).value).toMatchObject({ event: 'ready' });
    await events.return();
  });
});
