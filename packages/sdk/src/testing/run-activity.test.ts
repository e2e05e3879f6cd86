import { ApplicationFailure, CancelledFailure, activityInfo, heartbeat, sleep } from '@temporalio/activity';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { runActivity } from './run-activity.js';

async function copy(rows: number): Promise<string> {
  const from = (activityInfo().heartbeatDetails as number | undefined) ?? 0;
  for (let row = from; row < rows; row++) {
    heartbeat(row + 1);
    if (row === 1 && activityInfo().attempt === 1) throw new Error('lost the connection');
  }
  return `${rows} rows in attempt ${activityInfo().attempt}`;
}

describe('runActivity', () => {
  it('records heartbeats and returns the result, typed', async () => {
    const outcome = await runActivity(copy, [1]);
    expect(outcome).toEqual({ result: '1 rows in attempt 1', heartbeats: [1], attempts: 1 });
    expectTypeOf(outcome.result).toBeString();
  });

  it('retries as Temporal would: the next attempt resumes from the last heartbeat', async () => {
    const outcome = await runActivity(copy, [4], { maximumAttempts: 3 });
    expect(outcome).toEqual({ result: '4 rows in attempt 2', heartbeats: [1, 2, 3, 4], attempts: 2 });
  });

  it('throws what the last attempt threw, at once when it is not retryable', async () => {
    await expect(runActivity(copy, [4])).rejects.toThrow('lost the connection');
    let calls = 0;
    const refuse = async () => {
      calls++;
      throw ApplicationFailure.nonRetryable('no');
    };
    await expect(runActivity(refuse, [], { maximumAttempts: 5 })).rejects.toThrow('no');
    expect(calls).toBe(1);
  });

  it('cancels: at a heartbeat, after a time, by a signal', async () => {
    const beatThenWait = async () => {
      heartbeat('ready');
      await sleep('1 hour');
    };
    const controller = new AbortController();
    const options = [
      { cancelAfterHeartbeats: 1 },
      { cancelAfterMs: 5 },
      { signal: controller.signal, onHeartbeat: () => controller.abort() },
      { onHeartbeat: (_details: unknown, cancel: () => void) => cancel() },
    ];
    for (const option of options)
      await expect(runActivity(beatThenWait, [], option)).rejects.toBeInstanceOf(CancelledFailure);
  });

  it('shows the info it is given', async () => {
    const read = async () => activityInfo();
    const { result } = await runActivity(read, [], { info: { attempt: 7, taskQueue: 'q' } });
    expect(result).toMatchObject({ attempt: 7, taskQueue: 'q', activityType: 'read' });
  });
});
