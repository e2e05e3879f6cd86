/** A flood of starts beside another tenant's: who is let in, who goes on, and when (docs/limits.md). */
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { parseTemporalWorkflowId } from '@pegasus-workflows/contracts';
import { KeyedCount } from '@pegasus-workflows/kit';
import { over, startHarness, type Harness } from '../executions/support.js';
import { openAnyDialect } from '../server/support.js';

let harness: Harness;
/** Starts under way in Temporal, by tenant, and the most that there were. */
const underWay = new KeyedCount();
const most = new Map<string, number>();

beforeAll(async () => {
  harness = await startHarness(inject('temporal'), await openAnyDialect(), {
    env: { PEGASUS_STARTS_AT_ONCE: '4' },
    background: true,
    wrap: (port) =>
      over(port, {
        start: (run) => {
          const { tenantId } = parseTemporalWorkflowId(run.workflowId)!;
          underWay.begin(tenantId);
          most.set(tenantId, Math.max(underWay.of(tenantId), most.get(tenantId) ?? 0));
          return port.start(run).finally(() => underWay.end(tenantId));
        },
      }),
  });
});
afterAll(() => harness?.close());

test('a tenant that has a line starts one run at a time, and is told when to come back; another goes past it', async () => {
  const [loud, still] = [await harness.publish(), await harness.publish()];
  const run = ({ tenantId, workflowId }: typeof loud) =>
    harness.call(tenantId, 'POST', `${workflowId}/run`, {});
  expect((await run(still)).status).toBe(201);
  let answered = 0;
  const starts = (count: number) =>
    Array.from({ length: count }, async () => {
      const reply = await run(loud);
      answered++;
      return reply;
    });
  const first = starts(10);
  await expect.poll(() => answered).toBeGreaterThan(0);
  const all = [...first, ...starts(50)];
  // Its turn comes at once, however long the other's line is.
  const before = answered;
  expect((await run(still)).status).toBe(201);
  expect(answered - before).toBeLessThan(25);

  // A tenant counts as about for ten seconds after its last start; the line takes longer on a busy machine.
  for (let heard = answered; answered < all.length; heard = answered) {
    expect((await run(still)).status).toBe(201);
    await expect.poll(() => answered === all.length || answered > heard + 10, { timeout: 30_000 }).toBe(true);
  }
  const replies = await Promise.all(all);
  const refused = replies.filter(({ status }) => status !== 201);
  expect(refused.length).toBeGreaterThanOrEqual(10);
  for (const { status, body } of refused) {
    expect([status, body.code]).toEqual([429, 'RATE_LIMITED']);
    expect(body.error).toMatch(
      /^This tenant may start 4 runs a second in the long run while other tenants start runs too; try again in \d+ s\.$/,
    );
  }
  expect([...most.values()]).toEqual([1, 1]);
  expect(await harness.rows(loud.tenantId)).toHaveLength(replies.length - refused.length);
});

test('held runs of many at once are let go a few at a time while others are about, and all of them in the end', async () => {
  const [loud, still] = [await harness.publish(), await harness.publish()];
  const HELD = 12;
  const startAfter = new Date(Date.now() - 1_000);
  for (let n = 0; n < HELD; n++)
    await harness.insertExecution({ ...idsOf(loud), status: 'QUEUED', held: true, startAfter });
  await harness.insertExecution({ ...idsOf(still), status: 'QUEUED', held: true, startAfter });
  const stateOf = async ({ tenantId }: typeof loud) =>
    (await harness.rows(tenantId)).filter(({ status }) => status === 'RUNNING').length;
  await expect.poll(() => stateOf(still), { timeout: 20_000 }).toBe(1);
  await expect.poll(() => stateOf(loud), { timeout: 30_000 }).toBe(HELD);
  expect(Math.max(...most.values())).toBeLessThanOrEqual(4);
});

function idsOf({ tenantId, workflowId }: { tenantId: string; workflowId: string }) {
  return { tenantId, workflowId };
}
