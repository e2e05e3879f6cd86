import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { TaskTokens, type Task } from './task-tokens.js';

const task: Task = {
  kind: 'workflow',
  token: Buffer.from('temporal’s own'),
  taskQueue: 'artifact/t/a',
  workflowId: 'wf/ä/1',
  runId: 'r',
};

describe('a task token', () => {
  it('opens with the seal that made it', () => {
    const tokens = new TaskTokens();
    fc.assert(
      fc.property(fc.uint8Array(), fc.string({ unit: 'binary' }), fc.string(), (token, workflowId, runId) => {
        const opened = tokens.open(
          'activity',
          tokens.seal({ ...task, kind: 'activity', token, workflowId, runId }),
        );
        expect(opened).toMatchObject({ workflowId, runId, taskQueue: task.taskQueue });
        expect(Buffer.compare(opened!.token, token)).toBe(0);
      }),
    );
  });

  it('of another worker, or of Temporal itself, is none (invariant 1)', () => {
    const tokens = new TaskTokens();
    expect(tokens.open('workflow', new TaskTokens().seal(task))).toBe(undefined);
    fc.assert(fc.property(fc.uint8Array(), (bytes) => tokens.open('workflow', bytes) === undefined));
  });

  it('with any bit changed is none (invariant 1)', () => {
    const tokens = new TaskTokens();
    const sealed = tokens.seal(task);
    fc.assert(
      fc.property(fc.nat(sealed.length * 8 - 1), (bit) => {
        const altered = Buffer.from(sealed);
        altered[bit >> 3]! ^= 1 << (bit & 7);
        return tokens.open('workflow', altered) === undefined;
      }),
    );
  });

  it('of one kind does not pass for the other (invariant 2)', () => {
    const tokens = new TaskTokens();
    expect(tokens.open('activity', tokens.seal(task))).toBe(undefined);
    expect(tokens.open('workflow', tokens.seal(task))).toBeDefined();
  });
});
