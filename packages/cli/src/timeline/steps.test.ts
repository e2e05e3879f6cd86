import { type HistoryEvent } from '@pegasus-workflows/contracts';
import { describe, expect, it } from 'vitest';
import { createPalette } from '../output/colors.js';
import { LiveTimeline } from './live.js';
import { renderTimeline } from './render.js';
import { toSteps } from './steps.js';

const START = Date.parse('2026-01-01T00:00:00.000Z');

function history(...rows: [ms: number, type: string, more?: Partial<HistoryEvent>][]): HistoryEvent[] {
  return rows.map(([ms, type, more], index) => ({
    id: String(index + 1),
    type,
    timestamp: new Date(START + ms).toISOString(),
    ...more,
  }));
}

const RUN = history(
  [0, 'WorkflowExecutionStarted'],
  [1, 'WorkflowTaskScheduled'],
  [10, 'TimerStarted'],
  [1010, 'TimerFired'],
  [1020, 'ActivityTaskScheduled', { activityType: 'charge' }],
  [4000, 'ActivityTaskStarted', { activityType: 'charge', attempt: 3 }],
  [4100, 'ActivityTaskFailed', { activityType: 'charge', failure: 'Error: declined\n  at order/activities.ts:12:9' }],
  [4150, 'WorkflowExecutionFailed', { failure: 'Error: declined' }],
); // prettier-ignore

describe('toSteps', () => {
  it('folds a history into steps with their times, attempts and failures', () => {
    expect(renderTimeline(toSteps(RUN), createPalette(false), 100)).toEqual([
      '        +0 ms  · workflow started',
      '       +10 ms  ✓ timer  1.0 s',
      '       +1.0 s  ✗ charge  3.1 s, 3 attempts',
      '                 Error: declined',
      '                   at order/activities.ts:12:9',
      '       +4.2 s  ✗ workflow failed  4.2 s',
      '                 Error: declined',
    ]);
  });

  it('gives parallel activities their own ends', () => {
    const steps = toSteps(
      history(
        [0, 'WorkflowExecutionStarted'],
        [1, 'ActivityTaskScheduled', { activityType: 'a' }],
        [1, 'ActivityTaskScheduled', { activityType: 'b' }],
        [20, 'ActivityTaskCompleted', { activityType: 'b' }],
        [30, 'ActivityTaskCompleted', { activityType: 'a' }],
      ),
    );
    expect(steps.slice(1).map(({ label, durationMs }) => [label, durationMs])).toEqual([
      ['a', 29],
      ['b', 19],
    ]);
  });

  it('leaves the offset out on a narrow terminal', () => {
    expect(renderTimeline(toSteps(RUN), createPalette(false), 40)[1]).toBe('✓ timer  1.0 s');
  });

  it('of nothing is nothing', () => expect(toSteps([])).toEqual([]));
});

describe('LiveTimeline', () => {
  it('tells each step when it begins and when it has ended, once (invariants 1 and 2)', () => {
    const live = new LiveTimeline();
    const told = [3, 3, 4, 8, 8].map((length) =>
      live.news(RUN.slice(0, length)).map(({ label, state }) => `${label} ${state}`),
    );
    expect(told).toEqual([
      ['started noted', 'timer running'],
      [],
      ['timer done'],
      ['charge failed', 'failed failed'],
      [],
    ]);
  });

  it('begins anew with the history of a continued run (invariant 3)', () => {
    const live = new LiveTimeline();
    live.news(RUN);
    const next = RUN.map((event) => ({ ...event, timestamp: event.timestamp.replace('2026', '2027') }));
    expect(live.news(next)).toHaveLength(4);
  });
});
