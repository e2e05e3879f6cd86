import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MIN_REPLACE_AGE_MS, planEviction, type MomentView, type ProcessView } from './eviction.js';

const MIB = 1024 * 1024;

function view(processes: ProcessView[], change: Partial<MomentView> = {}): MomentView {
  return {
    now: 1_000_000,
    idleMs: 300_000,
    budgetBytes: 1000 * MIB,
    tenantBytes: 800 * MIB,
    settling: false,
    spareBytes: 0,
    processes,
    ...change,
  };
}

const queueArbitrary = fc.record({
  taskQueue: fc.uuid(),
  demand: fc.constantFrom('open', 'prewarm', 'none'),
  lastDemandedAt: fc.integer({ min: 0, max: 1_000_000 }),
});
const processArbitrary = fc.record({
  tenantId: fc.uuid(),
  rssBytes: fc.integer({ min: 0, max: 1500 * MIB }),
  startedAt: fc.integer({ min: 0, max: 1_000_000 }),
  queues: fc.array(queueArbitrary, { maxLength: 5 }),
});
const viewArbitrary = fc
  .record({
    processes: fc.array(processArbitrary, { maxLength: 5 }),
    settling: fc.boolean(),
    spareBytes: fc.integer({ min: 0, max: 200 * MIB }),
    budgetBytes: fc.integer({ min: 0, max: 3000 * MIB }),
  })
  .map(({ processes, ...change }) => view(processes, change));

describe('planEviction', () => {
  test('never evicts a queue with an open run, and none twice', () => {
    fc.assert(
      fc.property(viewArbitrary, (moment) => {
        const open = moment.processes.flatMap((p) => p.queues).filter((q) => q.demand === 'open');
        const unloaded = planEviction(moment).unload.map((item) => item.taskQueue);
        expect(open.filter((queue) => unloaded.includes(queue.taskQueue))).toEqual([]);
        expect(new Set(unloaded).size).toBe(unloaded.length);
      }),
    );
  });

  test('evicts every queue that was idle long enough, and for idleness no other', () => {
    fc.assert(
      fc.property(viewArbitrary, (moment) => {
        const idle = moment.processes
          .flatMap((p) => p.queues)
          .filter((q) => q.demand === 'none' && moment.now - q.lastDemandedAt >= moment.idleMs);
        const evicted = planEviction(moment).unload.filter((item) => item.reason === 'idle');
        expect(evicted.map((item) => item.taskQueue).sort()).toEqual(idle.map((q) => q.taskQueue).sort());
      }),
    );
  });

  test('reclaims no memory while under the budget, or while something settles', () => {
    fc.assert(
      fc.property(viewArbitrary, (moment) => {
        const used = moment.processes.reduce((sum, p) => sum + p.rssBytes, moment.spareBytes);
        fc.pre(moment.settling || used <= moment.budgetBytes);
        const plan = planEviction(moment);
        expect(plan.unload.filter((item) => item.reason === 'memory')).toEqual([]);
        expect(plan.dropSpare).toBe(false);
      }),
    );
  });

  test('over the budget the spare goes first, then whole processes by age, then single queues', () => {
    const queue = (taskQueue: string, demand: 'open' | 'prewarm' | 'none', lastDemandedAt: number) => ({
      taskQueue,
      demand,
      lastDemandedAt,
    });
    const processes: ProcessView[] = [
      {
        tenantId: 'busy',
        rssBytes: 600 * MIB,
        startedAt: 0,
        queues: [queue('open', 'open', 0), queue('single', 'none', 900_000)],
      },
      { tenantId: 'young', rssBytes: 300 * MIB, startedAt: 0, queues: [queue('young', 'none', 990_000)] },
      { tenantId: 'old', rssBytes: 300 * MIB, startedAt: 0, queues: [queue('old', 'prewarm', 950_000)] },
    ];
    const plan = (budget: number) =>
      planEviction(view(processes, { budgetBytes: budget * MIB, spareBytes: 100 * MIB }));
    expect(plan(1250)).toMatchObject({ dropSpare: true, unload: [], overBudget: false });
    expect(plan(1000).unload.map((item) => item.taskQueue)).toEqual(['old']);
    expect(plan(700).unload.map((item) => item.taskQueue)).toEqual(['old', 'young']);
    expect(plan(100)).toMatchObject({ overBudget: true });
    expect(plan(100).unload.map((item) => item.taskQueue)).toEqual(['old', 'young', 'single']);
  });

  test('replaces a process over its own cap, unless it is young', () => {
    const process = (startedAt: number): ProcessView[] => [
      {
        tenantId: 'fat',
        rssBytes: 900 * MIB,
        startedAt,
        queues: [{ taskQueue: 'q', demand: 'open', lastDemandedAt: 0 }],
      },
    ];
    expect(planEviction(view(process(1_000_000 - MIN_REPLACE_AGE_MS))).replace).toEqual(['fat']);
    expect(planEviction(view(process(1_000_000 - MIN_REPLACE_AGE_MS + 1))).replace).toEqual([]);
  });
});
