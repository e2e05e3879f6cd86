/** Who goes next: `fair-limit.ts`, its invariants by number. */
import { expect, it } from 'vitest';
import { ABOUT_MS, FairLimit, type FairLimits } from './fair-limit.js';

/** Work that is under way until it is told to end, and lingers until it is told to go, on a clock that is told the time. */
function scene(limits: FairLimits, lingers = false) {
  const clock = { now: 0 };
  const limit = new FairLimit(limits, () => clock.now);
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  const until = (name: string) => new Promise<void>((end) => ends.set(name, end));
  const start = (key: string, name: string) =>
    void limit.run(
      key,
      () => {
        begun.push(name);
        return until(name);
      },
      (_, { waited }) => (lingers ? until(`${name} lingering${waited ? ', waited' : ''}`) : undefined),
    );
  const end = async (name: string) => {
    ends.get(name)!();
    ends.delete(name);
    await new Promise(setImmediate);
  };
  return { limit, clock, begun, ends, start, end };
}

it('1: no more are under way than may be, of all and of a key that is alone', async () => {
  const { begun, start, end } = scene({ width: 5, perKey: 2 });
  for (const n of [1, 2, 3]) start('a', `a${n}`);
  expect(begun).toEqual(['a1', 'a2']);
  await end('a1');
  expect(begun).toEqual(['a1', 'a2', 'a3']);
  for (const key of ['b', 'c', 'd', 'e']) start(key, key);
  expect(begun).toEqual(['a1', 'a2', 'a3', 'b', 'c', 'd']);
  await end('b');
  expect(begun.at(-1)).toBe('e');
});

it('2: with others about, a key has an equal part of half of what it had alone, and at least one', async () => {
  const { limit, begun, start, end } = scene({ width: 100, perKey: 8 });
  for (let n = 1; n <= 8; n++) start('a', `a${n}`);
  expect(begun).toHaveLength(8);
  start('b', 'b1');
  start('a', 'a9');
  expect(limit.places).toBe(2);
  for (let n = 1; n <= 6; n++) await end(`a${n}`);
  expect(begun).not.toContain('a9');
  await end('a7');
  expect(begun).toContain('a9');
  for (let n = 1; n <= 8; n++) start(`other ${n}`, 'one');
  expect(limit.places).toBe(1);
});

it('2: whoever asked is told of each key that comes', async () => {
  const told: number[] = [];
  const limit = new FairLimit(
    { width: 100, perKey: 8 },
    () => 0,
    () => told.push(limit.about),
  );
  for (const key of ['a', 'b', 'a']) await limit.run(key, () => Promise.resolve());
  expect(told).toEqual([1, 2]);
});

it('2: a key that has had nothing for a while is not about any more; one whose work goes on is', async () => {
  const { limit, clock, start, end } = scene({ width: 100, perKey: 8 });
  start('a', 'a1');
  start('b', 'b1');
  clock.now = 10 * ABOUT_MS;
  expect(limit.places).toBe(2);
  await end('b1');
  clock.now += ABOUT_MS - 1;
  expect(limit.places).toBe(2);
  clock.now += 1;
  expect(limit.places).toBe(8);
});

it('3: what lingers keeps its place after its work, and is told whether its turn had to be waited for', async () => {
  const { begun, ends, start, end } = scene({ width: 100, perKey: 1 }, true);
  start('a', 'a1');
  start('a', 'a2');
  await end('a1');
  expect(begun).toEqual(['a1']);
  await end('a1 lingering');
  expect(begun).toEqual(['a1', 'a2']);
  await end('a2');
  expect([...ends.keys()]).toEqual(['a2 lingering, waited']);
});

it('4: one of each key in turn, however many another has waiting', async () => {
  const { begun, start, end } = scene({ width: 1, perKey: 1 });
  for (let n = 1; n <= 20; n++) start('flood', `f${n}`);
  for (const n of [1, 2]) start('small', `s${n}`);
  for (const name of ['f1', 'f2', 's1', 'f3', 's2']) await end(name);
  expect(begun).toEqual(['f1', 'f2', 's1', 'f3', 's2', 'f4']);
});

it('4: those who waited behind others go on all together when those are gone', async () => {
  const { clock, begun, start, end } = scene({ width: 100, perKey: 4 });
  start('b', 'b1');
  for (const n of [1, 2, 3, 4]) start('a', `a${n}`);
  await end('b1');
  expect(begun).toEqual(['b1', 'a1']);
  clock.now += ABOUT_MS;
  await end('a1');
  expect(begun).toEqual(['b1', 'a1', 'a2', 'a3', 'a4']);
});

it('goes on after work that fails', async () => {
  const limit = new FairLimit({ width: 1, perKey: 1 });
  await expect(limit.run('a', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(await limit.run('a', () => Promise.resolve(1))).toBe(1);
});
