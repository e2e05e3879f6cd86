import { type Execution } from '@pegasus-workflows/contracts';
import { connectTemporal, schema, type TemporalPort } from '@pegasus-workflows/server';
import { eq } from 'drizzle-orm';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { QUEUED_GRACE_MS } from '../../packages/server/src/executions/reconciler.js';
import { forOneDialect, type TestDialect } from '../server/support.js';
import { KilledServer } from '../support/killed-server.js';
import { eventually } from '../support/wait.js';
import { startWorker } from './support.js';

/**
 * The server killed at every failpoint of a run's way, then started again: one run in Temporal, one row, and they
 * agree. Runs the real `main.js` on a database that stays, against the real Temporal.
 */

const temporal = inject('temporal');

forOneDialect('a killed server', (open) => {
  /** How many were asked for so far. */
  let runs = 0;
  let dialect: TestDialect;
  let server: KilledServer;
  let workflow: string;
  let stopWorker: () => Promise<void>;
  let port: TemporalPort;

  /**
   * On PostgreSQL a QUEUED row may be another server's to start for a while (reconciler 2); this makes that while over.
   */
  async function graceIsOver(): Promise<void> {
    if (dialect.settings.url === undefined) return;
    await server.inDatabase((tx) =>
      tx
        .update(schema.executions)
        .set({ queuedAt: new Date(Date.now() - QUEUED_GRACE_MS) })
        .where(eq(schema.executions.status, 'QUEUED')),
    );
  }

  beforeAll(async () => {
    dialect = await open();
    server = await KilledServer.open(dialect, { PEGASUS_RECONCILE_INTERVAL_MS: '1000' });
    await server.start();
    const { id, taskQueue } = await server.seedWorkflow('scripted');
    workflow = `/workflows/${id}`;
    port = connectTemporal(temporal);
    stopWorker = await startWorker(temporal, taskQueue);
  });
  afterAll(async () => {
    await server?.[Symbol.asyncDispose]();
    await stopWorker?.();
    await port?.close();
  });

  /** After one more run and a clean start: every row is COMPLETED, by the one run that Temporal has for it. */
  async function expectAgreement(): Promise<void> {
    runs++;
    await server.start();
    const all = await eventually(async () => {
      const { data } = await server.call('GET', `${workflow}/executions?limit=200`);
      const found = data as Execution[];
      expect(found.map((execution) => execution.status)).toEqual(
        Array.from({ length: runs }, () => 'COMPLETED'),
      );
      return found;
    });
    for (const execution of all) {
      const run = await port.describe(execution.temporalWorkflowId!);
      expect(run).toMatchObject({ status: 'COMPLETED', runId: execution.temporalRunId });
    }
  }

  it.each([
    'run.after-insert',
    'run.after-start',
    'run.after-update',
    'outcome.before-write',
    'outcome.after-write',
  ])('killed at %s', async (failpoint) => {
    await server.start(`${failpoint}=kill`);
    await server.call('POST', `${workflow}/run`, {}).catch(() => undefined);
    expect(await server.ended).toBe('SIGKILL');
    await graceIsOver();
    await expectAgreement();
  });

  it('killed at run.after-insert, then at reconcile.before-start', async () => {
    await server.start('run.after-insert=kill');
    await server.call('POST', `${workflow}/run`, {}).catch(() => undefined);
    expect(await server.ended).toBe('SIGKILL');
    await graceIsOver();
    await server.start('reconcile.before-start=kill');
    expect(await server.ended).toBe('SIGKILL');
    await expectAgreement();
  });
});
