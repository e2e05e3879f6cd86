import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import {
  CAPACITY,
  FIRST_TOKEN_MS,
  LINGER_MS,
  TokenKeeper,
  type AskedRun,
  type GivenToken,
} from './token-keeper.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const run: AskedRun = { taskQueue: 'q', workflowId: 'w', runId: 'r' };

/** Answers each request with the next number as its token. */
function numbered(lifetimeMs = 1_000) {
  const asked: AskedRun[] = [];
  const ask = (wanted: AskedRun): Promise<GivenToken> => {
    asked.push(wanted);
    return Promise.resolve({ token: String(asked.length), lifetimeMs });
  };
  return { asked, ask };
}

test('1: activities of one run share a token, and another run has its own', async () => {
  const { asked, ask } = numbered();
  const keeper = new TokenKeeper(ask);
  const read = (of: AskedRun) => keeper.during(of, (token) => Promise.resolve(token()));
  const other = { ...run, runId: 'other' };
  expect(await Promise.all([read(run), read(run), read(other)])).toEqual(['1', '1', '2']);
  expect(asked).toEqual([run, other]);
});

test('1: the activity that follows has the token of the one before, unless that was long ago', async () => {
  const { ask } = numbered(60_000);
  const keeper = new TokenKeeper(ask);
  const read = () => keeper.during(run, (token) => Promise.resolve(token()));
  expect([await read(), await read()]).toEqual(['1', '1']);
  await vi.advanceTimersByTimeAsync(LINGER_MS - 1);
  expect(await read()).toBe('1');
  await vi.advanceTimersByTimeAsync(LINGER_MS);
  expect(await read()).toBe('2');
});

test('1: of the runs without an activity a bounded number is kept, and nothing in the end', async () => {
  const { asked, ask } = numbered(60_000);
  const keeper = new TokenKeeper(ask);
  const read = (runId: string) => keeper.during({ ...run, runId }, (token) => Promise.resolve(token()));
  for (let n = 0; n <= CAPACITY; n++) await read(String(n));
  expect(vi.getTimerCount()).toBe(CAPACITY);
  await read(String(CAPACITY));
  await read('0');
  expect(asked).toHaveLength(CAPACITY + 2);
  await vi.advanceTimersByTimeAsync(LINGER_MS);
  expect(vi.getTimerCount()).toBe(0);
});

test('2: no activity begins with a token that has less than half its life left', async () => {
  const { ask } = numbered();
  const keeper = new TokenKeeper(ask);
  const read = () => keeper.during(run, (token) => Promise.resolve(token()));
  expect(await read()).toBe('1');
  await vi.advanceTimersByTimeAsync(499);
  const seen = await keeper.during(run, async (token) => {
    const first = token();
    await vi.advanceTimersByTimeAsync(1);
    return [first, token()];
  });
  expect(seen).toEqual(['1', '2']);
  await vi.advanceTimersByTimeAsync(500);
  expect(await read()).toBe('3');
});

test('2: is renewed at half its life while an activity runs', async () => {
  const { ask } = numbered();
  const seen = await new TokenKeeper(ask).during(run, async (token) => {
    const first = token();
    await vi.advanceTimersByTimeAsync(499);
    const same = token();
    await vi.advanceTimersByTimeAsync(1);
    return [first, same, token()];
  });
  expect(seen).toEqual(['1', '1', '2']);
});

test('2: a renewal that fails keeps the token there is, and is tried again', async () => {
  const answers = [{ token: 'old', lifetimeMs: 1_000 }, undefined, { token: 'new', lifetimeMs: 1_000 }];
  const keeper = new TokenKeeper(() => Promise.resolve(answers.shift()));
  const seen = await keeper.during(run, async (token) => {
    await vi.advanceTimersByTimeAsync(500);
    const kept = token();
    await vi.advanceTimersByTimeAsync(5_000);
    return [kept, token()];
  });
  expect(seen).toEqual(['old', 'new']);
});

test('3: an activity does not wait for ever for a supervisor that does not answer', async () => {
  const keeper = new TokenKeeper(() => new Promise(() => undefined));
  const running = keeper.during(run, (token) => Promise.resolve(token()));
  await vi.advanceTimersByTimeAsync(FIRST_TOKEN_MS);
  expect(await running).toBeUndefined();
});
