import { type ExecutionRow } from '../../packages/server/src/executions/row.js';
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { Registry } from 'prom-client';
import { temporalWorkflowId } from '@pegasus-workflows/contracts';
import { createLogger } from '@pegasus-workflows/kit';
import { CloseNotices } from '../../packages/server/src/executions/close-notices.js';
import { closeFeed } from '../../packages/server/src/executions/close-feed.js';
import { executionMetrics } from '../../packages/server/src/executions/metrics.js';
import { OpenCounts } from '../../packages/server/src/executions/open-counts.js';
import { OutcomeWriter } from '../../packages/server/src/executions/outcome.js';
import { Watchers } from '../../packages/server/src/executions/watchers.js';
import { executions } from '../../packages/server/src/infra/schema.js';
import { type TemporalPort, type WaitOptions } from '../../packages/server/src/infra/temporal.js';
import { Wakeups } from '../../packages/server/src/infra/wakeups.js';
import { eventually } from '../support/wait.js';
import { FakeTemporal } from './fake-temporal.js';
import { openAnyDialect } from '../server/support.js';
import { startHarness, type Harness } from './support.js';

/** Watchers and the close feed on a Temporal whose runs end when the test says so. Numbers: invariants of each module. */

const fake = new FakeTemporal();
let harness: Harness;
let mine: Awaited<ReturnType<Harness['publish']>>;
const logger = createLogger('test');

beforeAll(async () => {
  harness = await startHarness(inject('temporal'), await openAnyDialect(), { wrap: () => fake });
  mine = await harness.publish();
});
afterAll(() => harness.close());

function parts() {
  const metrics = executionMetrics(new Registry());
  const counts = new OpenCounts(() => new Date());
  const outcome = new OutcomeWriter({
    db: harness.db,
    logger,
    metrics,
    counts,
    wakeups: new Wakeups<ExecutionRow>(),
  });
  return { temporal: fake, outcome, logger, metrics, db: harness.db };
}

async function run() {
  const { body } = await harness.call(mine.tenantId, 'POST', `${mine.workflowId}/run`);
  const { id, temporalWorkflowId, temporalRunId } = body.data;
  return {
    executionId: id,
    temporalWorkflowId: temporalWorkflowId!,
    runId: temporalRunId,
    startedAt: new Date(),
  };
}

/** A running execution that no watcher follows. */
async function unwatched() {
  const executionId = randomUUID();
  const workflowId = temporalWorkflowId(mine.tenantId, 'scripted', executionId);
  const { runId } = await fake.start({
    workflowId,
    requestId: executionId,
    workflowType: 'scripted',
    taskQueue: mine.taskQueue,
    argument: null,
  });
  await harness.db.system((tx) =>
    tx.insert(executions).values({
      id: executionId,
      tenantId: mine.tenantId,
      workflowId: mine.workflowId,
      status: 'RUNNING',
      temporalWorkflowId: workflowId,
      temporalRunId: runId,
      startedAt: new Date(),
      triggerSource: 'USER',
    }),
  );
  return { executionId, temporalWorkflowId: workflowId, runId };
}

it('watchers 1, 2: never more than the limit; the oldest that nobody waits for makes room', async () => {
  const watchers = new Watchers(parts(), { limit: 2 });
  const [a, b, c, d] = [await run(), await run(), await run(), await run()];
  const release = watchers.await(a!);
  for (const watched of [b!, b!, c!, d!]) watchers.watch(watched);
  expect([a, b, c, d].map((each) => watchers.has(each!.executionId))).toEqual([true, false, false, true]);
  expect(watchers.size).toBe(2);
  release();
  await watchers.stop();
  expect(watchers.size).toBe(0);
});

it('watchers 3: are let go when held long enough', async () => {
  const watchers = new Watchers(parts(), { holdMs: 50 });
  watchers.watch(await run());
  await eventually(() => expect(watchers.size).toBe(0));
  await watchers.stop();
});

describe('a close notice', () => {
  it('has the row follow, by what Temporal says (close notices 1)', async () => {
    const row = await unwatched();
    const notices = new CloseNotices(parts(), () => false);
    fake.end(row.temporalWorkflowId, { status: 'COMPLETED', result: 7 }, new Date());
    notices.note([{ workflowId: row.temporalWorkflowId, runId: row.runId }]);
    await eventually(async () => {
      const found = (await harness.rows()).find((each) => each.id === row.executionId);
      expect(found).toMatchObject({ status: 'COMPLETED', result: 7 });
    });
    await notices.stop();
  });

  it('of a run that is watched is left to its watcher (close notices 2)', async () => {
    const row = await unwatched();
    const notices = new CloseNotices(parts(), (id) => id === row.executionId);
    fake.end(row.temporalWorkflowId, { status: 'COMPLETED', result: 7 }, new Date());
    notices.note([{ workflowId: row.temporalWorkflowId, runId: row.runId }]);
    await notices.stop();
    const found = (await harness.rows()).find((each) => each.id === row.executionId);
    expect(found).toMatchObject({ status: 'RUNNING' });
  });

  it('that is untrue, of a child, or of another tenant’s id for the row changes nothing (close notices 2)', async () => {
    const row = await unwatched();
    const notices = new CloseNotices(parts(), () => false);
    notices.note([
      { workflowId: row.temporalWorkflowId, runId: row.runId },
      { workflowId: `ch/${mine.tenantId}/x`, runId: row.runId },
      { workflowId: temporalWorkflowId(randomUUID(), 'scripted', row.executionId), runId: row.runId },
    ]);
    await notices.stop();
    const found = (await harness.rows()).find((each) => each.id === row.executionId);
    expect(found).toMatchObject({ status: 'RUNNING' });
  });
});

it('feed 1, 2, 4: overlaps, looks at a run once, passes strangers over', async () => {
  const row = await unwatched();
  const round = closeFeed({ ...parts(), needed: () => true });
  const signal = new AbortController().signal;
  const closedAt = new Date();
  await fake.start({
    workflowId: 'a-stranger',
    requestId: randomUUID(),
    workflowType: 'x',
    taskQueue: mine.taskQueue,
    argument: null,
  });
  fake.end('a-stranger', { status: 'TIMED_OUT' }, closedAt);
  fake.end(row.temporalWorkflowId, { status: 'COMPLETED', result: 7 }, closedAt);
  fake.queries = [];
  await round(signal);
  const found = (await harness.rows()).find((each) => each.id === row.executionId);
  expect(found).toMatchObject({ status: 'COMPLETED', result: 7 });
  await round(signal);
  expect(fake.queries[1]!.closedSince.getTime()).toBe(closedAt.getTime() - 5_000);
});

it('feed 3: asks nothing while every open row is watched', async () => {
  fake.queries = [];
  await closeFeed({ ...parts(), needed: () => false })(new AbortController().signal);
  expect(fake.queries).toEqual([]);
});

it('feed 5: a run that cannot be understood keeps no other row from following', async () => {
  const strange = await Promise.all(Array.from({ length: 9 }, unwatched));
  const sound = await unwatched();
  const ids = new Set(strange.map(({ temporalWorkflowId }) => temporalWorkflowId));
  const closedAt = new Date();
  for (const { temporalWorkflowId } of [...strange, sound])
    fake.end(temporalWorkflowId, { status: 'COMPLETED', result: 7 }, closedAt);
  const temporal: TemporalPort = Object.assign(Object.create(fake) as TemporalPort, {
    listClosedSince: (since: Date) => fake.listClosedSince(since),
    waitForClose: (id: string, options: WaitOptions) =>
      ids.has(id) ? Promise.reject(new Error('an encoding nobody knows')) : fake.waitForClose(id, options),
  });
  await closeFeed({ ...parts(), temporal, needed: () => true })(new AbortController().signal);
  const found = (await harness.rows()).find((each) => each.id === sound.executionId);
  expect(found).toMatchObject({ status: 'COMPLETED', result: 7 });
});
