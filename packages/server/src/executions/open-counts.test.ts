import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OpenCounts } from './open-counts.js';

const MANY = { open: 1e6, perDay: 1e6 };

describe('OpenCounts', () => {
  it('1: refuses beyond each limit, by its own code', () => {
    let now = new Date('2030-01-01T23:59:59Z');
    const counts = new OpenCounts(() => now);
    const take = (tenantId: string) => counts.take(tenantId, { open: 2, perDay: 3 });
    take('a').keep();
    take('a').keep();
    expect(() => take('a')).toThrow(expect.objectContaining({ code: 'CONCURRENCY_LIMIT' }));
    counts.closed('a');
    take('a').keep();
    counts.closed('a');
    expect(() => take('a')).toThrow(expect.objectContaining({ code: 'DAILY_QUOTA_EXCEEDED' }));
    take('b').keep();
    now = new Date('2030-01-02T00:00:00Z');
    expect(counts.knowsToday('a')).toBe(false);
    expect(() => take('a').keep()).not.toThrow();
  });

  it('2: a place given back can be taken again', () => {
    const counts = new OpenCounts(() => new Date());
    const one = { open: 1, perDay: 1 };
    counts.take('a', one).giveBack();
    expect(() => counts.take('a', one)).not.toThrow();
  });

  it('1: no correction loses a place, whatever happens while the database counts', () => {
    const step = fc.constantFrom('take', 'commit', 'close', 'begin', 'count', 'end');
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const counts = new OpenCounts(() => new Date());
        const taken: { keep(): void }[] = [];
        let rows = 0;
        let counted: number | undefined;
        let counting = false;
        for (const now of steps) {
          if (now === 'take') taken.push(counts.take('a', MANY));
          if (now === 'commit' && taken.length > 0) {
            taken.pop()!.keep();
            rows++;
          }
          if (now === 'close' && rows > 0) {
            rows--;
            counts.closed('a');
          }
          if (now === 'begin' && !counting) {
            counts.beginCount();
            [counting, counted] = [true, undefined];
          }
          if (now === 'count' && counting) counted ??= rows;
          if (now === 'end' && counted !== undefined) {
            counts.endCount(new Map(counted ? [['a', counted]] : []));
            [counting, counted] = [false, undefined];
          }
        }
        expect(counts.total).toBe(rows + taken.length);
      }),
    );
  });

  it('takes the database’s count for what another server did', () => {
    const counts = new OpenCounts(() => new Date());
    counts.take('a', MANY).keep();
    counts.beginCount();
    counts.endCount(new Map([['b', 4]]));
    expect(counts.total).toBe(4);
  });
});
