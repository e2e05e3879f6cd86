import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { WorkerTokens, type Task } from './worker-tokens.js';

const task: Task = {
  kind: 'workflow',
  token: Buffer.from('temporal’s own'),
  taskQueue: 'artifact/t/a',
  workflowId: 'wf/ä/1',
  runId: 'r',
};

describe('a task token', () => {
  it('opens with the seal that made it', () => {
    const tokens = new WorkerTokens();
    fc.assert(
      fc.property(fc.uint8Array(), fc.string({ unit: 'binary' }), fc.string(), (token, workflowId, runId) => {
        const opened = tokens.openTask(
          'activity',
          tokens.sealTask({ ...task, kind: 'activity', token, workflowId, runId }),
        );
        expect(opened).toMatchObject({ workflowId, runId, taskQueue: task.taskQueue });
        expect(Buffer.compare(opened!.token, token)).toBe(0);
      }),
    );
  });

  it('never has the nonce of another: the same task is sealed in other bytes each time', () => {
    const tokens = new WorkerTokens();
    const nonces = Array.from({ length: 1_000 }, () =>
      Buffer.from(tokens.sealTask(task).subarray(0, 12)).toString('hex'),
    );
    expect(new Set(nonces).size).toBe(nonces.length);
  });

  it('of another worker, or of Temporal itself, is none (invariant 1)', () => {
    const tokens = new WorkerTokens();
    expect(tokens.openTask('workflow', new WorkerTokens().sealTask(task))).toBe(undefined);
    fc.assert(fc.property(fc.uint8Array(), (bytes) => tokens.openTask('workflow', bytes) === undefined));
  });

  it('with any bit changed is none (invariant 1)', () => {
    const tokens = new WorkerTokens();
    const sealed = tokens.sealTask(task);
    fc.assert(
      fc.property(fc.nat(sealed.length * 8 - 1), (bit) => {
        const altered = Buffer.from(sealed);
        altered[bit >> 3]! ^= 1 << (bit & 7);
        return tokens.openTask('workflow', altered) === undefined;
      }),
    );
  });

  it('of one kind does not pass for the other (invariant 2)', () => {
    const tokens = new WorkerTokens();
    expect(tokens.openTask('activity', tokens.sealTask(task))).toBe(undefined);
    expect(tokens.openTask('workflow', tokens.sealTask(task))).toBeDefined();
  });
});

describe('a page token', () => {
  const page = Buffer.from('where the next page begins');

  it('opens for its own run alone, and only here (invariants 1 and 2)', () => {
    const tokens = new WorkerTokens();
    const sealed = tokens.sealPage('r', page);
    expect(Buffer.from(sealed).includes(page)).toBe(false);
    expect(tokens.openPage('r', sealed)).toEqual(page);
    expect(tokens.openPage('s', sealed)).toBe(undefined);
    expect(new WorkerTokens().openPage('r', sealed)).toBe(undefined);
    for (const kind of ['workflow', 'activity'] as const)
      expect(tokens.openTask(kind, sealed)).toBe(undefined);
    expect(tokens.openPage('r', tokens.sealTask(task))).toBe(undefined);
  });

  it('that is Temporal’s own, or made up, is none (invariant 1)', () => {
    const tokens = new WorkerTokens();
    const made = fc.uint8Array({ minLength: 1 });
    fc.assert(fc.property(made, (bytes) => tokens.openPage('r', bytes) === undefined));
  });

  it('that is empty says that there is no further page, either way', () => {
    const none = new Uint8Array();
    const tokens = new WorkerTokens();
    expect([tokens.sealPage('r', none), tokens.openPage('r', none)]).toEqual([none, none]);
  });
});
