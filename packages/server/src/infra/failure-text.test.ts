import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { authorLocation, FAILURE_TEXT_MAX, failureSentence, oneLine } from './failure-text.js';
import { type RunFailure } from './temporal.js';

const application = (message: string, stackTrace = '', cause?: RunFailure): RunFailure => ({
  kind: 'application',
  message,
  type: 'Error',
  stackTrace,
  cause,
});

describe('authorLocation', () => {
  it.each([
    ['    at orderWorkflow (/home/ada/demo/src/workflow.ts:12:9)', 'src/workflow.ts:12'],
    ['    at /home/ada/demo/activities.ts:3:1', 'demo/activities.ts:3'],
    ['    at async charge (demo/activities.ts:40:11)', 'demo/activities.ts:40'],
    ['    at Object.charge (webpack:///./demo/workflow.ts:7:3)', 'demo/workflow.ts:7'],
    ['    at charge (file:///srv/app/activities.cjs:1:2)', 'app/activities.cjs:1'],
    ['    at new Order (C:\\work\\demo\\order.ts:5:5)', 'demo/order.ts:5'],
  ])('%s', (frame, expected) => {
    expect(authorLocation(`Error: no\n${frame}`)).toBe(expected);
  });

  it('passes over Node and dependencies, and finds nothing where nothing is', () => {
    const trace = [
      'at process.processTicksAndRejections (node:internal/process/task_queues:95:5)',
      'at Activity.run (/x/node_modules/@temporalio/worker/lib/activity.js:1:1)',
    ].join('\n');
    expect(authorLocation(trace)).toBeUndefined();
    expect(authorLocation('')).toBeUndefined();
  });
});

describe('failureSentence', () => {
  it('tells the root cause, the activity it happened in, and the place', () => {
    const root = application('out of stock', 'Error\n  at reserve (demo/activities.ts:9:3)');
    const failure: RunFailure = {
      kind: 'activity',
      message: 'Activity task failed',
      type: 'reserve',
      stackTrace: '',
      cause: root,
    };
    expect(failureSentence(failure)).toBe('reserve: out of stock (demo/activities.ts:9)');
  });

  it('names a timeout', () => {
    const cause: RunFailure = {
      kind: 'timeout',
      message: 'activity timeout',
      type: 'start-to-close',
      stackTrace: '',
    };
    const failure: RunFailure = { kind: 'activity', message: '', type: 'charge', stackTrace: '', cause };
    expect(failureSentence(failure)).toBe('charge: timed out (start-to-close)');
  });

  it('takes the place from the nearest link that has one', () => {
    const failure = application('outer', 'at run (demo/workflow.ts:4:1)', application('inner'));
    expect(failureSentence(failure)).toBe('inner (demo/workflow.ts:4)');
  });

  it('is one storable line of bounded length, for any text', () => {
    const text = fc.string({ unit: 'binary', maxLength: 5_000 });
    fc.assert(
      fc.property(text, text, (message, stackTrace) => {
        const line = failureSentence(application(message, stackTrace));
        expect(line).not.toMatch(/[\u0000-\u001f\u2028\u2029]/);
        expect(Buffer.from(line, 'utf8').toString('utf8')).toBe(line);
        expect(line.length).toBeLessThanOrEqual(FAILURE_TEXT_MAX);
      }),
    );
  });
});

describe('oneLine', () => {
  it('blots out keys, tokens and passwords', () => {
    expect(oneLine('vnd_0123456789 Bearer abcdefghijkl postgres://ada:hunter2@db/x')).toBe(
      'vnd_[redacted] Bearer [redacted] postgres://ada:[redacted]@db/x',
    );
  });
});
