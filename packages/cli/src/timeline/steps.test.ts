import { type History, type HistoryEvent } from '@pegasus-workflows/contracts';
import { describe, expect, it } from 'vitest';
import { createPalette } from '../output/colors.js';
import { LiveTimeline } from './live.js';
import { renderTimeline } from './render.js';
import { toSteps } from './steps.js';

const colors = createPalette(false);
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
    expect(renderTimeline(toSteps({ events: RUN }), { colors, width: 100, bars: false })).toEqual([
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
    const steps = toSteps({
      events: history(
        [0, 'WorkflowExecutionStarted'],
        [1, 'ActivityTaskScheduled', { activityType: 'a' }],
        [1, 'ActivityTaskScheduled', { activityType: 'b' }],
        [20, 'ActivityTaskCompleted', { activityType: 'b' }],
        [30, 'ActivityTaskCompleted', { activityType: 'a' }],
      ),
    });
    expect(steps.slice(1).map(({ label, durationMs }) => [label, durationMs])).toEqual([
      ['a', 29],
      ['b', 19],
    ]);
  });

  it('gives equal parallel activities their own ends where the events say which they answer', () => {
    const steps = toSteps({
      events: history(
        [0, 'WorkflowExecutionStarted'],
        [1, 'ActivityTaskScheduled', { activityType: 'a' }],
        [1, 'ActivityTaskScheduled', { activityType: 'a' }],
        [20, 'ActivityTaskCompleted', { activityType: 'a', scheduledEventId: '3' }],
        [30, 'ActivityTaskFailed', { activityType: 'a', scheduledEventId: '2', failure: 'Error: no' }],
      ),
    });
    expect(steps.slice(1).map(({ state, durationMs }) => [state, durationMs])).toEqual([
      ['failed', 29],
      ['done', 19],
    ]);
  });

  it('tells names, and where an open run waits', () => {
    const open: History = {
      events: history(
        [0, 'WorkflowExecutionStarted'],
        [5, 'WorkflowExecutionSignaled', { name: 'approve' }],
        [6, 'WorkflowExecutionUpdateAccepted', { name: 'add' }],
        [9, 'WorkflowExecutionUpdateCompleted', { scheduledEventId: '3' }],
        [10, 'StartChildWorkflowExecutionInitiated', { name: 'receipt' }],
        [11, 'TimerStarted', { name: '1', firesAt: new Date(START + 3_600_000).toISOString() }],
        [12, 'ActivityTaskScheduled', { activityType: 'charge' }],
        [13, 'ActivityTaskScheduled', { activityType: 'ship' }],
        [14, 'ActivityTaskScheduled', { activityType: 'tell' }],
      ),
      pendingActivities: [
        {
          scheduledEventId: '7',
          activityType: 'charge',
          state: 'SCHEDULED',
          attempt: 3,
          maximumAttempts: 5,
          lastFailure: 'Error: \u001b[2Jdeclined\n  at order/activities.ts:12:9',
          nextAttemptAt: new Date(START + 72_000).toISOString(),
        },
        { scheduledEventId: '8', activityType: 'ship', state: 'STARTED', attempt: 1 },
        { scheduledEventId: '9', activityType: 'tell', state: 'SCHEDULED', attempt: 1 },
      ],
    };
    expect(renderTimeline(toSteps(open), { colors, width: 40, now: START + 60_000, bars: true })).toEqual([
      '· workflow started',
      '· signal approve',
      '✓ update add  3 ms',
      '▸ receipt  …',
      '▸ timer  …',
      '  until 2026-01-01 01:00:00 UTC, in 59 min 00 s',
      '▸ charge  …',
      '  attempt 3 of 5 begins in 12.0 s',
      '  Error: declined',
      '    at order/activities.ts:12:9',
      '▸ ship  …',
      '▸ tell  …',
      '  waits for a worker',
    ]);
  });

  it('leaves nothing open once the run has ended', () => {
    const steps = toSteps({
      events: history(
        [0, 'WorkflowExecutionStarted'],
        [1, 'TimerStarted'],
        [2, 'WorkflowExecutionTerminated'],
      ),
    });
    expect(steps.map(({ state }) => state)).toEqual(['noted', 'cancelled', 'failed']);
  });

  it('draws bars where there is room, and never beyond it', () => {
    const lines = renderTimeline(toSteps({ events: RUN }), { colors, width: 100, bars: true });
    expect(lines[1]).toMatch(/^ +\+10 ms  ✓ timer  1\.0 s +█{7}─{21}$/);
    expect(lines[2]).toMatch(/─{6}█{22}$/);
    expect(Math.max(...lines.map((line) => line.length))).toBe(100);
  });

  it('leaves the offset out on a narrow terminal', () => {
    expect(renderTimeline(toSteps({ events: RUN }), { colors, width: 40, bars: true })[1]).toBe(
      '✓ timer  1.0 s',
    );
  });

  it('of nothing is nothing', () => expect(toSteps({ events: [] })).toEqual([]));
});

describe('LiveTimeline', () => {
  it('tells each step when it begins and when it has ended, once (invariants 1 and 2)', () => {
    const live = new LiveTimeline();
    const told = [3, 3, 4, 8, 8].map((length) =>
      live.news({ events: RUN.slice(0, length) }).map(({ label, state }) => `${label} ${state}`),
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
    live.news({ events: RUN });
    const next = RUN.map((event) => ({ ...event, timestamp: event.timestamp.replace('2026', '2027') }));
    expect(live.news({ events: next })).toHaveLength(4);
  });
});
