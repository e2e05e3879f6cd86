import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { temporalWorkflowId } from '@pegasus-workflows/contracts';
import { QUEUED_GRACE_MS } from '../../packages/server/src/executions/reconciler.js';
import { executions } from '../../packages/server/src/infra/schema.js';
import { TemporalError, type TemporalPort } from '../../packages/server/src/infra/temporal.js';
import { createDatabase } from '../support/postgres.js';
import { eventually } from '../support/wait.js';
import { forEachDialect } from '../server/support.js';
import { over, startHarness, startWorker, temporalClient, type Harness } from './support.js';

/** Rows and Temporal after things went wrong between them, on the real Temporal. Numbers: invariants of reconciler.ts. */

const temporal = inject('temporal');
forEachDialect('reconciler', (open) => {
  let harness: Harness;
  let mine: Awaited<ReturnType<Harness['publish']>>;
  let start:
    | ((port: TemporalPort, request: Parameters<TemporalPort['start']>[0]) => Promise<{ runId: string }>)
    | undefined;
  /** Throws where a test wants `describe` to fail. */
  let spoil: ((workflowId: string) => void) | undefined;
  const asked: Parameters<TemporalPort['start']>[0][] = [];

  /** Temporal with a start that a test can spoil. */
  function spoiled(port: TemporalPort): TemporalPort {
    return over(port, {
      start: (request) => {
        if (!start) return port.start(request);
        asked.push(request);
        return start(port, request);
      },
      describe: async (...args) => {
        spoil?.(args[0]);
        return port.describe(...args);
      },
    });
  }

  beforeAll(async () => {
    harness = await startHarness(temporal, await open(), { wrap: spoiled });
  });
  beforeEach(async () => {
    start = undefined;
    asked.length = 0;
    mine = await harness.publish();
  });
  afterAll(() => harness?.close());

  const unknown = () => Promise.reject(new TemporalError('Deadline exceeded', 'unknown'));
  const post = (path: string) => harness.call(mine.tenantId, 'POST', `${mine.workflowId}/${path}`);
  const only = async () => (await harness.rows()).find((row) => row.workflowId === mine.workflowId)!;

  /** A row as a crash leaves it. */
  async function leave(over: Partial<typeof executions.$inferInsert>) {
    const id = randomUUID();
    const row = {
      id,
      tenantId: mine.tenantId,
      workflowId: mine.workflowId,
      status: 'QUEUED' as const,
      input: { do: 'echo' },
      temporalWorkflowId: temporalWorkflowId(mine.tenantId, 'scripted', id),
      triggerSource: 'USER' as const,
      ...over,
    };
    await harness.db.system((tx) => tx.insert(executions).values(row));
    return row;
  }

  describe('a start', () => {
    it('that Temporal refuses is 502 with the FAILED execution, and nothing runs', async () => {
      const broken = await harness.publish({ tenantId: mine.tenantId, workflowType: '' });
      const { status, body } = await harness.call(mine.tenantId, 'POST', `${broken.workflowId}/run`);
      expect(status).toBe(502);
      expect(body).toMatchObject({
        code: 'TEMPORAL_START_FAILED',
        error: expect.stringContaining('Temporal refused the start'),
        data: { status: 'FAILED', startedAt: null, temporalRunId: null, temporalWorkflowId: null },
      });
      const history = await harness.call(
        mine.tenantId,
        'GET',
        `${broken.workflowId}/executions/${body.data.id}/history`,
      );
      expect(history).toMatchObject({ status: 200, body: { data: { events: [] } } });
    });

    it('that happened although the answer was lost is 201', async () => {
      start = async (port, request) => {
        await port.start(request);
        return unknown();
      };
      const { status, body } = await post('run');
      expect({ status, state: body.data.status }).toEqual({ status: 201, state: 'RUNNING' });
      expect((await only()).temporalRunId).toBe(
        (await harness.port.describe(body.data.temporalWorkflowId!))!.runId,
      );
    });

    it('4: that nobody can tell of is 502; a run that appears nevertheless is terminated', async () => {
      start = unknown;
      const { status, body } = await post('run');
      expect({ status, code: body.code, state: body.data.status }).toEqual({
        status: 502,
        code: 'TEMPORAL_START_FAILED',
        state: 'FAILED',
      });
      start = undefined;
      await harness.port.start(asked[0]!);
      await eventually(async () => {
        await harness.engine.reconcile();
        expect((await harness.port.describe(asked[0]!.workflowId))?.status).toBe('TERMINATED');
      });
      expect(await only()).toMatchObject({ status: 'FAILED', startedAt: null });
    });

    it('with an idempotency key that failed is told again as it was', async () => {
      start = unknown;
      const key = { 'idempotency-key': randomUUID() };
      const first = await harness.call(mine.tenantId, 'POST', `${mine.workflowId}/run`, {}, key);
      const again = await harness.call(mine.tenantId, 'POST', `${mine.workflowId}/run`, {}, key);
      expect(again).toEqual(first);
      expect(asked).toHaveLength(1);
    });
  });

  describe('a pass', () => {
    /** Queued so long ago that no other server is starting it. */
    const longAgo = () => new Date(Date.now() - QUEUED_GRACE_MS);

    it('2: starts a QUEUED row that a crash left, once', async () => {
      const row = await leave({ queuedAt: longAgo() });
      await harness.engine.reconcile();
      const run = await harness.port.describe(row.temporalWorkflowId);
      expect(run).toMatchObject({ status: 'RUNNING', taskQueue: mine.taskQueue });
      expect(await only()).toMatchObject({ status: 'RUNNING', temporalRunId: run!.runId });
      await harness.engine.reconcile();
      expect((await harness.port.describe(row.temporalWorkflowId))!.runId).toBe(run!.runId);
    });

    it('2: leaves a QUEUED row to the server that may be starting it, when there can be another', async () => {
      const row = await leave({});
      await harness.engine.reconcile();
      const started = harness.db.dialect === 'pglite';
      expect((await harness.port.describe(row.temporalWorkflowId)) !== undefined).toBe(started);
      expect((await only()).status).toBe(started ? 'RUNNING' : 'QUEUED');
    });

    it('2: finds the run of a QUEUED row that was started before the crash', async () => {
      const row = await leave({});
      const { runId } = await harness.port.start({
        workflowId: row.temporalWorkflowId,
        requestId: row.id,
        workflowType: 'scripted',
        taskQueue: mine.taskQueue,
        argument: { executionId: row.id, input: row.input },
      });
      await harness.engine.reconcile();
      expect(await only()).toMatchObject({ status: 'RUNNING', temporalRunId: runId });
    });

    it('1: brings a row up to a run that closed while no server was there', async () => {
      const row = await leave({});
      await harness.port.start({
        workflowId: row.temporalWorkflowId,
        requestId: row.id,
        workflowType: 'scripted',
        taskQueue: mine.taskQueue,
        argument: { executionId: row.id, input: row.input },
      });
      const stopWorker = await startWorker(temporal, mine.taskQueue);
      const signal = AbortSignal.timeout(30_000);
      const close = await harness.port.waitForClose(row.temporalWorkflowId, { signal });
      await harness.engine.reconcile();
      expect(await only()).toMatchObject({
        status: 'COMPLETED',
        result: 'hello',
        finishedAt: close!.closedAt,
      });
      await stopWorker();
    });

    it('3: gives a run up only after it was unknown for a minute', async () => {
      await leave({ status: 'RUNNING', startedAt: new Date(), temporalRunId: randomUUID() });
      await harness.engine.reconcile();
      harness.advance(59_000);
      await harness.engine.reconcile();
      expect((await only()).status).toBe('RUNNING');
      harness.advance(2_000);
      await harness.engine.reconcile();
      expect(await only()).toMatchObject({
        status: 'FAILED',
        errorMessage: expect.stringMatching(/^Temporal no longer knows this run.*Retry starts it anew\.$/),
      });
    });

    it('6: compares every other row when some cannot be understood', async () => {
      const strange = await Promise.all(Array.from({ length: 20 }, () => leave({ queuedAt: longAgo() })));
      const ids = new Set(strange.map((row) => row.temporalWorkflowId));
      spoil = (workflowId) => {
        if (ids.has(workflowId)) throw new Error('an encoding nobody knows');
      };
      const row = await leave({ queuedAt: longAgo() });
      await harness.engine.reconcile();
      spoil = undefined;
      const found = new Map((await harness.rows(mine.tenantId)).map(({ id, status }) => [id, status]));
      expect(found.get(row.id)).toBe('RUNNING');
      for (const { id } of strange) expect(found.get(id)).toBe('QUEUED');
    });

    it('4: ends a run that appears after its QUEUED execution was cancelled', async () => {
      const row = await leave({});
      expect(await post(`executions/${row.id}/cancel`)).toMatchObject({
        status: 202,
        body: { data: { status: 'CANCELLED', startedAt: null } },
      });
      await harness.port.start({
        workflowId: row.temporalWorkflowId,
        requestId: row.id,
        workflowType: 'scripted',
        taskQueue: mine.taskQueue,
        argument: {},
      });
      await eventually(async () => {
        await harness.engine.reconcile();
        expect((await harness.port.describe(row.temporalWorkflowId))?.status).toBe('TERMINATED');
      });
      expect((await only()).status).toBe('CANCELLED');
    });

    it('4: ends a run that goes on behind an execution that has ended, as after a reset in that moment', async () => {
      const row = await leave({ status: 'COMPLETED', startedAt: longAgo(), finishedAt: longAgo() });
      await harness.port.start({
        workflowId: row.temporalWorkflowId,
        requestId: row.id,
        workflowType: 'scripted',
        taskQueue: mine.taskQueue,
        argument: {},
      });
      await eventually(async () => {
        await harness.engine.reconcile();
        expect((await harness.port.describe(row.temporalWorkflowId))?.status).toBe('TERMINATED');
      });
      expect((await only()).status).toBe('COMPLETED');
    });
  });

  describe('demand', () => {
    const queues = () => harness.engine.demand.snapshot().artifacts.map(({ taskQueue }) => taskQueue);

    it('holds an artifact from its first run until a pass finds no open run, an abandoned child included', async () => {
      const waiting = harness.engine.demand.next(harness.engine.demand.snapshot().cursor, 30_000);
      const { body } = await harness.call(mine.tenantId, 'POST', `${mine.workflowId}/run`, {
        input: { do: 'abandon-child' },
      });
      expect((await waiting).artifacts).toContainEqual(
        expect.objectContaining({ taskQueue: mine.taskQueue, reason: 'open' }),
      );
      const stopWorker = await startWorker(temporal, mine.taskQueue);
      const path = `${mine.workflowId}/executions/${body.data.id}?waitSeconds=30`;
      const child = (await harness.call(mine.tenantId, 'GET', path)).body.data.result as string;
      await eventually(async () => expect((await harness.port.describe(child))?.status).toBe('RUNNING'));
      const { client, close } = await temporalClient(temporal);
      await eventually(async () => {
        await harness.engine.reconcile();
        expect(queues()).toContain(mine.taskQueue);
      });
      await client.workflow.getHandle(child).terminate();
      await eventually(async () => {
        await harness.engine.reconcile();
        expect(queues()).not.toContain(mine.taskQueue);
      });
      await close();
      await stopWorker();
    });
  });
});

// The same on every database; the waits for a Temporal that is not there are long.
it('5: changes nothing while Temporal does not answer; calls say so', async () => {
  const { url, drop } = await createDatabase('migrated');
  const away = await startHarness({ ...temporal, address: '127.0.0.1:1' }, { settings: { url }, drop });
  const theirs = await away.publish();
  const id = randomUUID();
  await away.db.system((tx) =>
    tx.insert(executions).values({
      id,
      ...theirs,
      status: 'RUNNING',
      startedAt: new Date(),
      temporalWorkflowId: temporalWorkflowId(theirs.tenantId, 'scripted', id),
      triggerSource: 'USER',
    }),
  );
  const before = await away.rows();
  const [pass, history, cancel] = await Promise.allSettled([
    away.engine.reconcile(),
    away.call(theirs.tenantId, 'GET', `${theirs.workflowId}/executions/${id}/history`),
    away.call(theirs.tenantId, 'POST', `${theirs.workflowId}/executions/${id}/cancel`),
  ]);
  expect(pass.status).toBe('rejected');
  expect(history).toMatchObject({ value: { status: 502, body: { code: 'TEMPORAL_HISTORY_UNAVAILABLE' } } });
  expect(cancel).toMatchObject({ value: { status: 502, body: { code: 'TEMPORAL_CANCEL_FAILED' } } });
  expect(await away.rows()).toEqual(before);
  // Demand is known from the rows alone.
  expect(away.engine.demand.snapshot().artifacts).toMatchObject([
    { taskQueue: theirs.taskQueue, reason: 'open' },
  ]);
  await away.close();
});
