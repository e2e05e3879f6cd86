import { expect, test } from 'vitest';
import { LogGate, type GateLimits } from './gate.js';
import { type LogOrigin } from './line.js';

/** Cites the invariants of `gate.ts`. */
const LIMITS: GateLimits = {
  entriesPerSecond: 10,
  entriesBurst: 100,
  bytesPerSecond: 1_000,
  bytesBurst: 10_000,
  keyPerSecond: 5,
  keyBurst: 60,
};
const of = (workflowId: string): LogOrigin => ({ source: 'workflow', workflowId });

function gate(limits: Partial<GateLimits> = {}) {
  const clock = { now: 0 };
  const made = new LogGate({ ...LIMITS, ...limits }, () => clock.now);
  const admitted = (origin: LogOrigin, times: number, bytes = 1) =>
    Array.from({ length: times }, () => made.admit(origin, bytes)).filter(Boolean).length;
  return { made, clock, admitted };
}

test('1: a run that floods has its share, and leaves the others theirs', () => {
  const { admitted, clock } = gate();
  expect(admitted(of('loud'), 1_000)).toBe(60);
  expect(admitted(of('quiet'), 30)).toBe(30);
  clock.now += 2_000;
  expect([admitted(of('loud'), 1_000), admitted(of('quiet'), 20)]).toEqual([10, 20]);
});

test('1: all together, and all bytes, are bounded; what is larger than the burst is let through once it is full', () => {
  const { admitted, clock } = gate();
  const all = Array.from({ length: 50 }, (_, n) => admitted(of(`run ${n}`), 50));
  expect(all.reduce((sum, count) => sum + count)).toBe(100);
  clock.now += 1e6;
  expect([admitted(of('large'), 1, 20_000), admitted(of('large'), 1, 20_000)]).toEqual([1, 0]);
});

test('2: what was refused is told once, by what it came from', () => {
  const { made, admitted } = gate();
  admitted(of('a'), 70);
  admitted(of('b'), 50);
  expect(made.takeDropped()).toEqual([
    { origin: of('a'), count: 10 },
    { origin: of('b'), count: 10 },
  ]);
  expect(made.takeDropped()).toEqual([]);
});

test('3: remembers no more keys than it may, and counts every refusal all the same', () => {
  const { made } = gate({ entriesBurst: 0.5 });
  for (let n = 0; n < 5_000; n++) made.drop(of(`run ${n}`));
  const dropped = made.takeDropped();
  expect(dropped.length).toBeLessThanOrEqual(1_001);
  expect(dropped.reduce((sum, { count }) => sum + count, 0)).toBe(5_000);
});
