import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { type Client } from '@temporalio/client';
import { type Execution, type History } from '@pegasus-workflows/contracts';
import { eventually } from '../support/wait.js';
import { forEachDialect } from '../server/support.js';
import { startHarness, startWorker, temporalClient, type Harness } from './support.js';

/** Every way a run can end, on the real Temporal: the row says the same, within a second of the close. */

const temporal = inject('temporal');
forEachDialect('outcome', (open) => {
  let harness: Harness;
  let tenantId: string;
  let workflowId: string;
  let client: Client;
  const closers: (() => Promise<void>)[] = [];

  beforeAll(async () => {
    harness = await startHarness(temporal, await open(), { background: true });
    closers.push(() => harness.close());
    const published = await harness.publish();
    ({ tenantId, workflowId } = published);
    closers.push(await startWorker(temporal, published.taskQueue));
    const connected = await temporalClient(temporal);
    client = connected.client;
    closers.push(connected.close);
  });
  afterAll(async () => {
    for (const close of closers.reverse()) await close();
  });

  async function run(input: Record<string, unknown>): Promise<Execution> {
    const { status, body } = await harness.call(tenantId, 'POST', `${workflowId}/run`, { input });
    expect(status, JSON.stringify(body)).toBe(201);
    expect(body.data.status).toBe('RUNNING');
    return body.data;
  }

  async function ended(execution: Execution, workflow = workflowId): Promise<Execution> {
    const { status, body } = await harness.call(
      tenantId,
      'GET',
      `${workflow}/executions/${execution.id}?waitSeconds=30`,
    );
    expect(status).toBe(200);
    expect(['QUEUED', 'RUNNING']).not.toContain(body.data.status);
    return body.data;
  }

  async function row(id: string) {
    return (await harness.rows()).find((found) => found.id === id)!;
  }

  describe('a run that ends', () => {
    it.each(['123', 'true', 'null', '{"a":1}', '', 'plain', 0, false, null, [1, 'x'], { a: '1' }])(
      'keeps the result %j as it is, whoever reads it',
      async (value) => {
        const execution = await run({ do: 'return', value });
        expect(await ended(execution)).toMatchObject({ status: 'COMPLETED', result: value });
        expect((await row(execution.id)).result).toEqual(value);
        const { body } = await harness.call(tenantId, 'GET', `${workflowId}/executions/${execution.id}`);
        expect(body.data.result).toEqual(value);
      },
    );

    it('COMPLETED, with its argument seen and its result kept', async () => {
      const execution = await run({ city: 'Zürich' });
      expect(await ended(execution)).toMatchObject({
        status: 'COMPLETED',
        result: { got: { executionId: execution.id, input: { city: 'Zürich' } } },
        errorMessage: null,
        temporalWorkflowId: `wf/${tenantId}/scripted/${execution.id}`,
        temporalRunId: execution.temporalRunId,
      });
    });

    it('with an input of odd keys gets it unchanged', async () => {
      const input = {
        constructor: 1,
        prototype: { toString: null },
        then: 'x',
        toJSON: {},
        '': [1e300, -0.5],
        ключ: '🐎\\u0000',
      };
      expect((await ended(await run(input))).result).toMatchObject({ got: { input } });
    });

    it('FAILED, with the message and the place in the author’s source', async () => {
      const { status, errorMessage } = await ended(await run({ do: 'fail' }));
      expect({ status, errorMessage }).toEqual({
        status: 'FAILED',
        errorMessage: expect.stringMatching(
          /^OrderError: the order is empty \(fixtures\/workflows\.ts:\d+\)$/,
        ),
      });
    });

    it('FAILED in an activity, naming it, its secrets blotted out', async () => {
      const { errorMessage } = await ended(await run({ do: 'fail-in-activity' }));
      expect(errorMessage).toMatch(/^fail: the warehouse said no; vnd_\[redacted\] \(.*support\.ts:\d+\)$/);
    });

    it('TIMED_OUT by the manifest’s timeoutSeconds, without any worker', async () => {
      const slow = await harness.publish({ tenantId, timeoutSeconds: 1 });
      const { body } = await harness.call(tenantId, 'POST', `${slow.workflowId}/run`);
      expect(await ended(body.data, slow.workflowId)).toMatchObject({
        status: 'TIMED_OUT',
        errorMessage: expect.stringContaining('timeoutSeconds'),
      });
    });

    it('CANCELLED by the API; a second cancel is EXECUTION_NOT_CANCELLABLE', async () => {
      const execution = await run({ do: 'wait' });
      const path = `${workflowId}/executions/${execution.id}/cancel`;
      expect(await harness.call(tenantId, 'POST', path)).toMatchObject({
        status: 202,
        body: { data: { id: execution.id } },
      });
      expect((await ended(execution)).status).toBe('CANCELLED');
      expect(await harness.call(tenantId, 'POST', path)).toMatchObject({
        status: 409,
        body: {
          code: 'EXECUTION_NOT_CANCELLABLE',
          error: 'The execution is CANCELLED; only an open one can be cancelled.',
        },
      });
    });

    it('terminated: FAILED with the reason', async () => {
      const execution = await run({ do: 'wait' });
      await client.workflow.getHandle(execution.temporalWorkflowId!).terminate('the operator said so');
      expect(await ended(execution)).toMatchObject({
        status: 'FAILED',
        errorMessage: 'Terminated: the operator said so',
      });
    });

    it('continued as new: RUNNING through the chain, the last run’s result', async () => {
      const execution = await run({ do: 'continue', links: 3 });
      const end = await ended(execution);
      expect(end).toMatchObject({ status: 'COMPLETED', result: { continuedFrom: true } });
      expect(end.temporalRunId).not.toBe(execution.temporalRunId);
    });

    it('is FAILED by its failing child, with the child’s message', async () => {
      expect(await ended(await run({ do: 'child-fails' }))).toMatchObject({
        status: 'FAILED',
        errorMessage: expect.stringContaining('the order is empty'),
      });
    });

    it.each(['child-fails-caught', 'child-cancelled-caught'])(
      '%s: a child never alters its parent’s row',
      async (what) => {
        const before = (await harness.rows()).length;
        expect(await ended(await run({ do: what }))).toMatchObject({
          status: 'COMPLETED',
          result: 'the parent goes on',
          errorMessage: null,
        });
        expect(await harness.rows()).toHaveLength(before + 1);
      },
    );

    it.each([
      ['of the character U+0000', { do: 'nul' }, 'U+0000'],
      ['of a key with U+0000', { do: 'nul-key' }, 'U+0000'],
      ['too deep', { do: 'deep', levels: 2_000 }, '500 levels'],
    ])('COMPLETED without a result the row cannot hold, %s, and says so', async (_what, input, why) => {
      expect(await ended(await run(input))).toMatchObject({
        status: 'COMPLETED',
        result: null,
        errorMessage: expect.stringContaining(why),
      });
    });

    it('COMPLETED with a result of nearly 2 MiB, whole', async () => {
      const bytes = 2_000_000;
      const { status, result } = await ended(await run({ do: 'huge', bytes }));
      expect({ status, length: (result as string).length }).toEqual({ status: 'COMPLETED', length: bytes });
    });

    it('FAILED by a result larger than Temporal takes, and says so', async () => {
      expect(await ended(await run({ do: 'huge', bytes: 2_200_000 }))).toMatchObject({
        status: 'FAILED',
        result: null,
        errorMessage: expect.stringMatching(/size/i),
      });
    });
  });

  describe('the row follows Temporal', () => {
    it('within a second of the close, without anybody asking', async () => {
      const lags: number[] = [];
      for (let i = 0; i < 5; i++) {
        const execution = await run({ do: 'wait' });
        await client.workflow.getHandle(execution.temporalWorkflowId!).signal('finish');
        const closed = await eventually(async () => {
          const found = await row(execution.id);
          expect(found.status).toBe('COMPLETED');
          return found;
        });
        lags.push(Math.abs(closed.updatedAt.getTime() - closed.finishedAt!.getTime()));
      }
      // The median, so that a busy machine's one hiccup does not count.
      expect(lags.sort((a, b) => a - b)[2]).toBeLessThan(1_000);
    });

    it('shows the timeline, activities named, failures in one line', async () => {
      const execution = await run({ do: 'fail-in-activity' });
      await ended(execution);
      const path = `${workflowId}/executions/${execution.id}/history`;
      const { events } = (await harness.call<History>(tenantId, 'GET', path)).body.data;
      expect(events[0]).toMatchObject({ id: '1', type: 'WorkflowExecutionStarted', attempt: 1 });
      expect(events).toContainEqual(
        expect.objectContaining({
          type: 'ActivityTaskFailed',
          activityType: 'fail',
          failure: expect.stringContaining('the warehouse said no'),
        }),
      );
      expect(events).toContainEqual(
        expect.objectContaining({ type: 'ActivityTaskStarted', activityType: 'fail', attempt: 1 }),
      );
    });

    it('retry starts a new run with the same input', async () => {
      const execution = await run({ do: 'fail' });
      await ended(execution);
      const { status, body } = await harness.call(
        tenantId,
        'POST',
        `${workflowId}/executions/${execution.id}/retry`,
      );
      expect(status).toBe(201);
      expect(body.data).toMatchObject({ status: 'RUNNING', input: { do: 'fail' } });
      expect(body.data.id).not.toBe(execution.id);
      await ended(body.data);
    });
  });
});
