import { randomUUID } from 'node:crypto';
import { createLogger } from '@pegasus-workflows/kit';
import { eq } from 'drizzle-orm';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase, type Database } from '../infra/database.js';
import { executions, tenants, workflows } from '../infra/schema.js';
import { ChangeReader, compareCursors, cursorText, parseCursor } from './changes.js';

describe('cursors', () => {
  it('are read back as they were written, and ordered by transaction and place', () => {
    const cursor = fc.record({
      xid: fc.bigInt(0n, 2n ** 64n - 1n).map(String),
      seq: fc.nat({ max: 999_999_999 }),
    });
    fc.assert(
      fc.property(cursor, cursor, (a, b) => {
        expect(parseCursor(cursorText(a))).toEqual(a);
        const order = BigInt(a.xid) < BigInt(b.xid) || (a.xid === b.xid && a.seq < b.seq);
        expect(compareCursors(a, b) < 0).toBe(order);
      }),
    );
  });

  it.each([
    '',
    '1',
    '1.',
    '.1',
    '-1.1',
    '1.1.1',
    '1.x',
    ' 1.1',
    '18446744073709551616.1',
    `${'9'.repeat(30)}.1`,
  ])('are not %j', (text) => expect(parseCursor(text)).toBeUndefined());
});

describe('what has changed', () => {
  let db: Database;
  let reader: ChangeReader;
  const tenant = randomUUID();
  const other = randomUUID();

  beforeAll(async () => {
    db = await openDatabase({ pgliteDir: 'memory://' }, createLogger('test'));
    reader = new ChangeReader(db);
    await db.system(async (tx) => {
      for (const tenantId of [tenant, other]) {
        await tx.insert(tenants).values({ id: tenantId, slug: `t-${tenantId}` });
        await tx.insert(workflows).values({
          id: tenantId,
          tenantId,
          name: 'demo',
          version: '1.0.0',
          visibility: 'TENANT',
          manifest: {
            name: 'demo',
            version: '1.0.0',
            entryPoints: ['demo:demo'],
            diagram: 'flowchart LR\n a-->b',
          },
          artifactSha256: '0'.repeat(64),
          artifactSizeBytes: 1,
          executable: true,
          workflowType: 'demo',
        });
      }
    });
  }, 120_000);
  afterAll(() => db?.close());

  async function insert(tenantId: string): Promise<string> {
    const id = randomUUID();
    await db.tenant(tenantId, (tx) =>
      tx.insert(executions).values({
        id,
        tenantId,
        workflowId: tenantId,
        status: 'QUEUED',
        temporalWorkflowId: `wf/${id}`,
        triggerSource: 'USER',
      }),
    );
    return id;
  }
  const setStatus = (id: string, status: 'RUNNING' | 'COMPLETED') =>
    db.system((tx) => tx.update(executions).set({ status }).where(eq(executions.id, id)));

  it('2, 3: is every row once, as it is last, in the order of the last changes, page by page', async () => {
    const { cursor } = await reader.now();
    const [first, second, third] = [await insert(tenant), await insert(tenant), await insert(tenant)];
    await insert(other);
    await setStatus(first, 'RUNNING');
    await setStatus(second, 'RUNNING');
    await setStatus(first, 'COMPLETED');
    const seen: string[] = [];
    for (let at = cursor; ;) {
      const page = (await reader.after(new Map([[tenant, at]]), 2)).get(tenant);
      if (!page) break;
      for (const { row, cursor: next } of page) {
        expect(compareCursors(at, next)).toBeLessThan(0);
        seen.push(`${row.id} ${row.status}`);
        at = next;
      }
    }
    expect(seen).toEqual([`${third} QUEUED`, `${second} RUNNING`, `${first} COMPLETED`]);
  });

  it('is asked for many tenants at once, each from where it is', async () => {
    const { cursor: before } = await reader.now();
    const mine = await insert(tenant);
    const { cursor: between } = await reader.now();
    const theirs = await insert(other);
    const found = await reader.after(
      new Map([
        [tenant, between],
        [other, before],
      ]),
      10,
    );
    expect([...found].map(([id, changes]) => [id, changes.map(({ row }) => row.id)])).toEqual([
      [other, [theirs]],
    ]);
    const all = await reader.after(new Map([[tenant, before]]), 10);
    expect(all.get(tenant)?.map(({ row }) => row.id)).toEqual([mine]);
    expect(await reader.after(new Map(), 10)).toEqual(new Map());
  });

  it('1: rolls back with its transaction', async () => {
    const { cursor } = await reader.now();
    const id = await insert(tenant);
    await expect(
      db.system(async (tx) => {
        await tx.update(executions).set({ status: 'COMPLETED' }).where(eq(executions.id, id));
        throw new Error('no');
      }),
    ).rejects.toThrow('no');
    const changes = (await reader.after(new Map([[tenant, cursor]]), 10)).get(tenant);
    expect(changes?.map(({ row }) => row.status)).toEqual(['QUEUED']);
  });
});
