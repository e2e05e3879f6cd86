import { describe, expect, test } from 'vitest';
import { eventually } from '../../support/wait.js';
import { BOUNDS, MINUTE, stage, WALLS, type Tenant } from '../stage.js';

describe('resources', () => {
  test.runIf(WALLS['memory'])('memory outside of the heap ends that process alone', async () => {
    await stage.endsItsProcess(await stage.tenant('hoarder'), 'exhaust-memory');
  });

  test('memory of the heap ends that process alone', async () => {
    await stage.endsItsProcess(await stage.tenant('heaper'), 'exhaust-the-heap');
  });

  test('memory of workflow code ends that process alone', async () => {
    await stage.endsItsProcess(await stage.tenant('swallower'), 'exhaust-memory-in-the-context');
  });

  test.each(['end-the-process', 'throw-behind-its-back'])('%s: ends that process alone', async (attack) => {
    await stage.endsItsProcess(await stage.tenant(attack), attack);
  });

  test('every core and the event loop: the neighbour’s run completes meanwhile', async () => {
    const [seen] = await Promise.all([
      stage.attack<{ turns: boolean }>('exhaust-cpu', { seconds: 4, threads: 4 }),
      stage.whileNeighbourWorks(async () => undefined),
      stage.whileNeighbourWorks(async () => undefined),
    ]);
    expect(seen).toEqual({ turns: true });
  });

  test('file handles end at the bound', async () => {
    const { opened, code } = await stage.attack<{ opened: number; code: string }>('exhaust-descriptors');
    expect(code).toBe('EMFILE');
    expect(opened).toBeLessThan(BOUNDS.files);
  });

  test.runIf(WALLS['tasks'])('threads end at the bound, or with their process', async () => {
    const by = await stage.tenant('spinner');
    await stage.attack('look-for-code', {}, { by });
    const worker = await stage.workerOf(by);
    await stage.whileNeighbourWorks(async () => {
      const id = await stage.startAttack('exhaust-threads', { most: 4 * BOUNDS.tasks }, { by });
      const seen = await eventually(
        async () => {
          const { status, result } = await by.client.executions.get(by.workflow.id, id);
          if (status === 'RUNNING') expect(() => process.kill(worker, 0)).toThrow('ESRCH');
          return result as { started: number; code: string } | null;
        },
        { timeoutMs: MINUTE },
      );
      if (seen) {
        expect(seen.code).not.toBe('none');
        expect(seen.started).toBeLessThanOrEqual(BOUNDS.tasks);
      } else await by.client.executions.terminate(by.workflow.id, id, { reason: 'seen' });
    });
    await stage.attack('look-for-code', {}, { by });
  });

  test('the log: what is too much is dropped, and the neighbour’s is whole', async () => {
    const lines = 20_000;
    const { client, workflow } = stage.neighbour;
    const held = await stage.hold();
    const flood = await stage.startAttack('flood-the-log', { lines });
    const flooded = await stage.mallory.client.executions.wait(stage.mallory.workflow.id, flood);
    expect(flooded.result).toBe(lines);
    await stage.release(held);
    const said = async (by: Tenant, id: string): Promise<string[]> =>
      (await by.client.executions.logs(by.workflow.id, id)).map(({ message }) => message);
    await eventually(async () =>
      expect(await said(stage.neighbour, held.executionId)).toContain('added 1 and 2'),
    );
    const kept = await said(stage.mallory, flood);
    expect(kept.length).toBeGreaterThan(0);
    expect(kept.length).toBeLessThan(lines);
    expect(JSON.stringify(await client.workflows.logs(workflow.id))).not.toContain('xxxx');
  });

  test.each([
    ['of megabytes', 'return-too-much', { megabytes: 17 }, /bytes exceed the limit/],
    ['with a character that cannot be stored', 'return-a-nul', {}, /U\+0000/],
  ])(
    'a result %s ends its run, with a sentence that says why it is not kept',
    async (_what, attack, args, why) => {
      const ended = await stage.whileNeighbourWorks(() => stage.tryAttack(attack, args));
      expect([ended.status, ended.result, ended.errorMessage]).toEqual([
        'COMPLETED',
        null,
        expect.stringMatching(why),
      ]);
    },
  );

  test('a result that no call can carry fails its activity alone', async () => {
    const { ended } = await stage.attack<{ ended: string }>('return-too-much', { megabytes: 64 });
    expect(ended).toMatch(/./);
  });

  test('heartbeats without end do not reach the neighbour', async () => {
    expect(await stage.attack('flood-with-heartbeats', { count: 20_000 })).toBe(20_000);
  });

  test('timers that an activity leaves behind hold up its own process alone', async () => {
    const by = await stage.tenant('looper');
    expect(await stage.attack('leave-timers-behind', {}, { by })).toBe('left');
    await stage.whileNeighbourWorks(async () => undefined);
  });
});
