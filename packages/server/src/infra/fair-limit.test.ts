import { expect, it } from 'vitest';
import { FairLimit } from './fair-limit.js';

/** Work that is under way until it is told to end. */
function scene(limits: { width: number; perKey: number }) {
  const limit = new FairLimit(limits);
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  const start = (key: string, name: string) =>
    limit.run(key, () => {
      begun.push(name);
      return new Promise<void>((end) => ends.set(name, end));
    });
  const end = async (name: string) => {
    ends.get(name)!();
    await new Promise(setImmediate);
  };
  return { begun, start, end };
}

it('1: no more are under way than may be, of all and of one key', async () => {
  const { begun, start, end } = scene({ width: 3, perKey: 2 });
  for (const n of [1, 2, 3]) void start('a', `a${n}`);
  for (const n of [1, 2]) void start('b', `b${n}`);
  expect(begun).toEqual(['a1', 'a2', 'b1']);
  await end('b1');
  expect(begun).toEqual(['a1', 'a2', 'b1', 'b2']);
  await end('a1');
  expect(begun).toEqual(['a1', 'a2', 'b1', 'b2', 'a3']);
});

it('2: one of each key in turn, however many another has waiting', async () => {
  const { begun, start, end } = scene({ width: 1, perKey: 1 });
  for (let n = 1; n <= 20; n++) void start('flood', `f${n}`);
  for (const n of [1, 2]) void start('small', `s${n}`);
  for (const name of ['f1', 'f2', 's1', 'f3', 's2']) await end(name);
  expect(begun).toEqual(['f1', 'f2', 's1', 'f3', 's2', 'f4']);
});

it('goes on after work that fails', async () => {
  const limit = new FairLimit({ width: 1, perKey: 1 });
  await expect(limit.run('a', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(await limit.run('a', () => Promise.resolve(1))).toBe(1);
});
