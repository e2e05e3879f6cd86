import { describe, expect, it } from 'vitest';
import { Circuits } from './circuits.js';

describe('circuits', () => {
  const start = () => {
    const time = { now: 0 };
    return { time, circuits: new Circuits(() => new Date(time.now)) };
  };

  it('leave a receiver alone that did not answer, twice as long each time (invariants 1, 2)', () => {
    const { time, circuits } = start();
    for (const pause of [30_000, 60_000, 120_000, 240_000, 480_000, 600_000, 600_000]) {
      expect(circuits.wait('a')).toBe(0);
      circuits.settle('a', false);
      expect(circuits.wait('a')).toBe(pause);
      expect(circuits.wait('b')).toBe(0);
      time.now += pause;
    }
  });

  it('let one find out, and the others go on when it succeeds (invariant 1)', () => {
    const { time, circuits } = start();
    circuits.wait('a');
    circuits.settle('a', false);
    time.now += 30_000;
    expect(circuits.wait('a')).toBe(0);
    expect(circuits.wait('a')).toBeGreaterThan(0);
    circuits.settle('a', true);
    expect([circuits.wait('a'), circuits.wait('a')]).toEqual([0, 0]);
  });

  it('take failures of calls that were under way together for one', () => {
    const { circuits } = start();
    for (let i = 0; i < 5; i++) circuits.wait('a');
    for (let i = 0; i < 5; i++) circuits.settle('a', false);
    expect(circuits.wait('a')).toBe(30_000);
  });
});
