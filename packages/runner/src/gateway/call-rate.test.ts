/** What one worker may have of Temporal: `call-rate.ts`, its invariants by number. */
import { status } from '@grpc/grpc-js';
import { FairLimit } from '@pegasus-workflows/kit';
import { expect, test } from 'vitest';
import { CallRate } from './call-rate.js';

const limitsOf = (perKey: number) => {
  const turns = new FairLimit({ width: Infinity, perKey });
  const inTurn = <T>(call: () => Promise<T>) => turns.run('a tenant', call);
  return { rate: { perSecond: 1_000, burst: 1_000 }, inTurn };
};
const nobody = { whenAbandoned: () => undefined };

/** Calls that end when the test says so. */
function calls() {
  const made: { name: string; end: () => void }[] = [];
  const make = (name: string) => () =>
    new Promise<string>((resolve) => made.push({ name, end: () => resolve(name) }));
  return { made, make };
}

test('3: no more than so many are under way; the others follow in the order in which they came', async () => {
  const rate = new CallRate(limitsOf(2), () => undefined);
  const { made, make } = calls();
  const all = ['a', 'b', 'c', 'd'].map((name) => rate.inTurn(nobody, make(name)));
  await expect.poll(() => made.map(({ name }) => name)).toEqual(['a', 'b']);
  made[1]!.end();
  expect(await all[1]).toBe('b');
  await expect.poll(() => made.map(({ name }) => name)).toEqual(['a', 'b', 'c']);
  for (const index of [0, 2]) made[index]!.end();
  await expect.poll(() => made).toHaveLength(4);
  made[3]!.end();
  expect(await Promise.all(all)).toEqual(['a', 'b', 'c', 'd']);
});

test('3: a call that is given up while it waits is never made, and one that fails leaves its place', async () => {
  const rate = new CallRate(limitsOf(1), () => undefined);
  const { made, make } = calls();
  const first = rate.inTurn(nobody, make('first'));
  let giveUp = (): void => undefined;
  const given = rate.inTurn({ whenAbandoned: (listener) => (giveUp = listener) }, make('given up'));
  const failing = rate.inTurn(nobody, () => Promise.reject(new Error('Temporal is away')));
  const last = rate.inTurn(nobody, make('last'));
  await expect.poll(() => made).toHaveLength(1);
  giveUp();
  made[0]!.end();
  await first;
  await expect(given).rejects.toMatchObject({ code: status.CANCELLED });
  await expect(failing).rejects.toThrow('away');
  await expect.poll(() => made.map(({ name }) => name)).toEqual(['first', 'last']);
  made[1]!.end();
  expect(await last).toBe('last');
});

test('2: of one kind, a queue has so many polls, and each that ends makes room', async () => {
  const rate = new CallRate(limitsOf(2), () => undefined);
  const { made, make } = calls();
  const polls = Array.from({ length: 32 }, () => rate.poll('Poll', 'q', make('poll')));
  await expect(rate.poll('Poll', 'q', make('one more'))).rejects.toMatchObject({ rule: 'polls' });
  for (const { end } of made) end();
  await Promise.all(polls);
  const again = rate.poll('Poll', 'q', make('again'));
  made.at(-1)!.end();
  expect(await again).toBe('again');
});
