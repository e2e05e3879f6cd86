import { fileURLToPath } from 'node:url';
import { WorkflowFailedError } from '@temporalio/client';
import { DISPATCH_ENDED_SIGNAL } from '@pegasus-workflows/contracts';
import * as activities from 'pegasus-workflows-sdk/agents/activities';
import { createTestHarness, type TestHarness } from 'pegasus-workflows-sdk/testing';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { eventually } from '../support/wait.js';
import { AgentsApi } from './support/agents-api.js';
import { continued, oneDispatch, retried, several, withinADay } from './support/dispatching.js';

/** `dispatchSubagent` on a real worker, over HTTP; the test is the agent, and Temporal's clock skips. */
const MINUTE = 60_000;
let harness: TestHarness;
let api: AgentsApi;

beforeAll(async () => {
  const workflowsPath = fileURLToPath(new URL('./support/dispatching.ts', import.meta.url));
  harness = await createTestHarness({ workflowsPath, activities, isolated: true, logLevel: 'ERROR' });
});
afterAll(() => harness.close());

beforeEach(async () => {
  api = await AgentsApi.start();
  process.env['PEGASUS_API_BASE_URL'] = api.url;
  process.env['PEGASUS_RUNTIME_TOKEN'] = 'a-token-0123456789';
});
afterEach(async () => {
  delete process.env['PEGASUS_API_BASE_URL'];
  delete process.env['PEGASUS_RUNTIME_TOKEN'];
  await api[Symbol.asyncDispose]();
});

const dispatched = (prompt: string): Promise<string> =>
  eventually(() => {
    const found = api.dispatches.find(({ task }) => task.prompt === prompt);
    if (!found) throw new Error(`"${prompt}" was not dispatched`);
    return found.id;
  });
type Signalled = { signal: (name: string, ...args: unknown[]) => Promise<void> };
const announce = (handle: Signalled, dispatchId: unknown): Promise<void> =>
  handle.signal(DISPATCH_ENDED_SIGNAL, { dispatchId });

it('ends with its signal, long before it would be looked at', async () => {
  const handle = await harness.start(oneDispatch, 'quick');
  const id = await dispatched('quick');
  api.end(id);
  await announce(handle, id);
  const { summary, tookMs } = await handle.result();
  expect(summary).toBe('quick');
  expect(tookMs).toBeLessThan(5 * MINUTE);
});

it('ends without a signal, once it is looked at (invariant 3)', async () => {
  const handle = await harness.start(oneDispatch, 'unheard');
  api.end(await dispatched('unheard'));
  const { summary, tookMs } = await handle.result();
  expect(summary).toBe('unheard');
  expect(tookMs).toBeGreaterThanOrEqual(5 * MINUTE);
});

it('waits on after a signal that was wrong, or is not one', async () => {
  const handle = await harness.start(oneDispatch, 'early');
  const id = await dispatched('early');
  await handle.signal(DISPATCH_ENDED_SIGNAL);
  await announce(handle, 7);
  await announce(handle, id);
  await eventually(() => expect(api.asked).toContain(`GET /api/v1/agents/dispatches/${id}`));
  api.end(id);
  await announce(handle, id);
  expect(await handle.result()).toMatchObject({ summary: 'early' });
});

it('works several times at once, in whatever order they end (invariant 2)', async () => {
  const handle = await harness.start(several);
  const ids = [await dispatched('a'), await dispatched('b'), await dispatched('c')];
  for (const id of ids.toReversed()) {
    api.end(id);
    await announce(handle, id);
  }
  const last = await dispatched('d');
  api.end(last);
  await announce(handle, last);
  expect(await handle.result()).toEqual(['a', 'b', 'c', 'd']);
  expect(api.dispatches).toHaveLength(4);
});

it('dispatches once though the answer to it was lost (invariant 1)', async () => {
  const lost = { startDispatch: loseFirst(activities.startDispatch) };
  using _restore = harness.mockActivities(lost);
  const handle = await harness.start(oneDispatch, 'lost');
  const id = await dispatched('lost');
  api.end(id);
  expect((await handle.result()).summary).toBe('lost');
  expect(api.asked.filter((line) => line === 'POST /api/v1/agents/dispatches')).toHaveLength(2);
  expect(api.dispatches).toHaveLength(1);
});

it('finds in a retried run what was dispatched, and dispatches anew in a continued one (invariant 1)', async () => {
  const again = await harness.start(retried, undefined, { retry: { maximumAttempts: 2 } });
  api.end(await dispatched('once'));
  expect(await again.result()).toBe('once');
  expect(api.dispatches).toHaveLength(1);
  const handle = await harness.start(continued);
  api.end(await dispatched('again'));
  const result = handle.result();
  const second = await eventually(() => {
    expect(api.dispatches).toHaveLength(3);
    return api.dispatches[2]!.id;
  });
  api.end(second);
  expect(await result).toBe('again');
});

it('is cancelled with the workflow, which ends as cancelled (invariant 4)', async () => {
  const handle = await harness.start(oneDispatch, 'stop');
  const id = await dispatched('stop');
  await handle.cancel();
  const failure: unknown = await handle.result().catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(WorkflowFailedError);
  expect(String((failure as WorkflowFailedError).cause)).toContain('CancelledFailure');
  expect(api.dispatches[0]).toMatchObject({ id, result: { status: 'cancelled' } });
});

it('is cancelled with its scope, and the workflow goes on', async () => {
  expect(await harness.run(withinADay)).toBe('stopped');
  expect(api.dispatches).toMatchObject([{ result: { status: 'cancelled' } }]);
});

it('that has ended meanwhile is no failure of the cancellation', async () => {
  const handle = await harness.start(oneDispatch, 'both');
  api.end(await dispatched('both'));
  await handle.cancel();
  const failure: unknown = await handle.result().catch((error: unknown) => error);
  expect(String((failure as WorkflowFailedError).cause)).toContain('CancelledFailure');
});

it('has a key that fits a header, whatever the workflow is called', async () => {
  const handle = await harness.start(oneDispatch, 'named', { workflowId: `größe ${'x'.repeat(300)}` });
  api.end(await dispatched('named'));
  expect((await handle.result()).summary).toBe('named');
  expect(api.keys).toEqual([expect.stringMatching(/^[0-9a-f]{64}$/)]);
});

it('that the platform refuses fails the workflow at once, with its code', async () => {
  api.refusal = { status: 403, code: 'FORBIDDEN', error: 'The manifest does not declare DispatchAgent.' };
  const failure = (await harness
    .run(oneDispatch, 'no')
    .catch((error: unknown) => error)) as WorkflowFailedError;
  expect(failure.cause?.cause).toMatchObject({ type: 'FORBIDDEN', nonRetryable: true });
  expect(api.asked).toHaveLength(1);
});

/** Does its work, and fails the first time nevertheless. */
function loseFirst<A extends unknown[], R>(work: (...args: A) => Promise<R>): (...args: A) => Promise<R> {
  let isFirst = true;
  return async (...args) => {
    const answer = await work(...args);
    if (!isFirst) return answer;
    isFirst = false;
    throw new Error('the answer was lost');
  };
}
