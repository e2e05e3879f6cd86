import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { Registry } from 'prom-client';
import { createLogger } from '@pegasus-workflows/kit';
import { closeFeed } from '../../packages/server/src/executions/close-feed.js';
import { executionMetrics } from '../../packages/server/src/executions/metrics.js';
import { OpenCounts } from '../../packages/server/src/executions/open-counts.js';
import { OutcomeWriter } from '../../packages/server/src/executions/outcome.js';
import { Watchers } from '../../packages/server/src/executions/watchers.js';
import { Wakeups } from '../../packages/server/src/infra/wakeups.js';
import { eventually } from '../support/wait.js';
import { FakeTemporal } from './fake-temporal.js';
import { inMemory, startHarness, type Harness } from './support.js';

/** Watchers and the close feed on a Temporal whose runs end when the test says so. Numbers: invariants of each module. */

const fake = new FakeTemporal();
let harness: Harness;
let mine: Awaited<ReturnType<Harness['publish']>>;
const logger = createLogger('test');

beforeAll(async () => {
  harness = await startHarness(inject('temporal'), inMemory, { wrap: () => fake });
  mine = await harness.publish();
});
afterAll(() => harness.close());

function parts() {
  const metrics = executionMetrics(new Registry());
  const counts = new OpenCounts({ open: 10, perDay: 10 }, () => new Date());
  const outcome = new OutcomeWriter({ db: harness.db, logger, metrics, counts, wakeups: new Wakeups() });
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

it('feed 1, 2, 4: overlaps, looks at a run once, passes strangers over', async () => {
  const row = await run();
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
