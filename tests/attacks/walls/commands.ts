import { describe, expect, test } from 'vitest';
import { eventually } from '../../support/wait.js';
import { stage } from '../stage.js';

/** What workflow code asks of Temporal by its commands; each attempt is a run of its own, which never gets on. */
describe('a workflow’s commands', () => {
  test.each([
    ['command-signal', 'signal only workflows of its own tenant'],
    ['command-cancel', 'cancel only workflows of its own tenant'],
    ['command-child-with-their-id', 'may not take the id of another tenant'],
    ['command-child-on-their-queue', "child workflow's task queue"],
    ['command-activity-on-their-queue', "activity's task queue"],
    ['command-continue-on-their-queue', 'continue as new only on'],
  ])('%s: the task fails with the rule, and nothing of it happens', async (attack, rule) => {
    const { client, workflow } = stage.mallory;
    const held = await stage.hold();
    const args = { ...held, taskQueue: stage.neighbour.taskQueue };
    const id = await stage.startAttack(attack, args);
    await stage.whileNeighbourWorks(() =>
      eventually(async () => {
        const { events } = await client.executions.history(workflow.id, id);
        expect(events.map(({ failure }) => failure ?? '').join()).toContain(rule);
      }),
    );
    expect((await client.executions.get(workflow.id, id)).status).toBe('RUNNING');
    await client.executions.terminate(workflow.id, id, { reason: 'seen' });
    await stage.release(held);
  });
});
