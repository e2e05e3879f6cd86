import { describe, expect, it } from 'vitest';
import { cancelDispatch, readDispatch, startDispatch } from '../../agents/dispatch-activities.js';
import { runActivity } from '../run-activity.js';
import { createLocalPlatform, type LocalPlatform } from './local-platform.js';

const request = (role: 'coder' | 'architect' = 'coder') => ({
  task: { role, permissionMode: 'auto' as const, prompt: 'Do it.' },
  workspace: 'shop',
});

async function start(platform: LocalPlatform, key: string, wanted = request()) {
  return (await runActivity(startDispatch, [wanted, key], { platform })).result;
}

describe('a dispatch on a local platform', () => {
  it('ships at once, is one for its key, and is there to be looked at', async () => {
    const platform = createLocalPlatform();
    const first = await start(platform, 'k');
    expect(first).toMatchObject({
      ended: true,
      result: { status: 'shipped', summary: 'Done.', role: 'coder' },
    });
    expect(await start(platform, 'k')).toEqual(first);
    expect(platform.dispatches).toMatchObject([
      { id: first!.dispatchId, workspace: 'shop', state: 'ENDED', task: { prompt: 'Do it.' } },
    ]);
    await expect(start(platform, 'k', request('architect'))).rejects.toMatchObject({ type: 'CONFLICT' });
  });

  it('ends as the test says, by its role', async () => {
    const ends = { architect: { status: 'blocked', summary: 'No.', tokensIn: 3 } } as const;
    const platform = createLocalPlatform({ agents: { ends } });
    const { result } = (await start(platform, 'a', request('architect')))!;
    expect(result).toMatchObject({ status: 'blocked', summary: 'No.', tokensIn: 3, filesChanged: [] });
    expect((await start(platform, 'c'))!.result).toMatchObject({ status: 'shipped' });
  });

  it('goes on until the test says otherwise, or it is cancelled; what has ended stays so', async () => {
    let isDone = false;
    const ends = () => (isDone ? { filesChanged: ['a.ts'] } : undefined);
    const platform = createLocalPlatform({ agents: { ends } });
    const { dispatchId, ended } = (await start(platform, 'k'))!;
    const other = (await start(platform, 'other'))!;
    expect(ended).toBe(false);
    await runActivity(cancelDispatch, [other.dispatchId], { platform });
    isDone = true;
    const read = await runActivity(readDispatch, [dispatchId], { platform });
    expect(read.result).toMatchObject({ ended: true, result: { filesChanged: ['a.ts'] } });
    await runActivity(cancelDispatch, [dispatchId], { platform });
    expect(platform.dispatches.map(({ result }) => result?.status)).toEqual(['shipped', 'cancelled']);
  });

  it('is refused where there is no such workspace, and where it is not declared', async () => {
    const platform = createLocalPlatform({ agents: { workspaces: ['office'] } });
    await expect(start(platform, 'k')).rejects.toMatchObject({ type: 'NOT_FOUND' });
    const without = createLocalPlatform({ requiredActions: ['ReadAgentDispatch'] });
    await expect(start(without, 'k')).rejects.toMatchObject({ type: 'FORBIDDEN' });
    expect([...platform.mutations, ...without.mutations]).toEqual([]);
  });

  it('is recorded in a dry run, and not there', async () => {
    const platform = createLocalPlatform({ dryRun: true });
    expect((await start(platform, 'k'))!.result).toMatchObject({ status: 'cancelled' });
    expect(platform.dispatches).toEqual([]);
    expect(platform.mutations).toMatchObject([{ method: 'agents.dispatch', capability: 'DispatchAgent' }]);
  });
});
