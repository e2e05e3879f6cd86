import { randomUUID } from 'node:crypto';
import { eq } from 'drizzle-orm';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { temporalWorkflowId } from '@pegasus-workflows/contracts';
import { schema } from '@pegasus-workflows/server';
import { openEmbedded } from '../server/support.js';
import { KilledServer } from '../support/killed-server.js';
import { eventually } from '../support/wait.js';

/** A batch on a server that is killed in the middle of a page (worker invariants 1 and 2). */

const RUNS = 30;
let server: KilledServer;
beforeAll(async () => {
  server = await KilledServer.open(await openEmbedded());
  await server.start();
});
afterAll(() => server?.[Symbol.asyncDispose]());

it.each(['batch.acted', 'batch.before-finish', 'batch.finished'])(
  'goes on after a kill at %s, and retries each execution once',
  async (point) => {
    const { tenantId } = await server.keys();
    const { id: workflowId } = await server.seedWorkflow('demo', `1.0.0-${point.replace('batch.', '')}`);
    await server.inDatabase(async (tx) => {
      for (let i = 0; i < RUNS; i++) {
        const id = randomUUID();
        await tx.insert(schema.executions).values({
          id,
          tenantId,
          workflowId,
          status: 'FAILED',
          temporalWorkflowId: temporalWorkflowId(tenantId, 'demo', id),
          triggerSource: 'USER',
        });
      }
    });
    await server.start(`${point}=kill`);
    const filter = { workflowId, status: ['FAILED'] };
    const begun = await server.call('POST', '/executions/batches/retry', { filter });
    expect(begun).toMatchObject({ status: 202, data: { total: RUNS } });
    expect(await server.ended).toBe('SIGKILL');
    await server.start();
    await eventually(
      async () => {
        const { data } = await server.call('GET', `/executions/batches/${begun.data.id}`);
        expect(data).toMatchObject({ state: 'DONE', done: RUNS, failed: 0, skipped: 0 });
      },
      { timeoutMs: 120_000 },
    );
    const rows = await server.inDatabase((tx) =>
      tx.select().from(schema.executions).where(eq(schema.executions.workflowId, workflowId)),
    );
    const keys = rows.flatMap(({ idempotencyKey }) => idempotencyKey ?? []);
    expect([rows.length, new Set(keys).size]).toEqual([2 * RUNS, RUNS]);
  },
  300_000,
);
