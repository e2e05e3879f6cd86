import { describe, expect, test } from 'vitest';
import { eventually } from '../../support/wait.js';
import { stage, type Run } from '../stage.js';
import { expectRefused, type Outcome } from './outcomes.js';

type Outcomes = Record<string, Outcome>;
const DENIED = '7';

/** What the attacks are told of a run of the neighbour's: all that there is to know. */
const told = (run: Run) => ({
  ...run,
  taskQueue: stage.neighbour.taskQueue,
  tenantId: stage.neighbour.tenantId,
});

/** While a run of the neighbour's is open; afterwards it goes on as if nothing had been. */
async function onHeldRun<T>(attack: string, more: object = {}): Promise<T> {
  const run = await stage.hold();
  try {
    return await stage.attack<T>(attack, { ...told(run), ...more });
  } finally {
    await stage.release(run);
  }
}

describe('the client that activities are handed', () => {
  test('starts no run on a foreign queue', async () => {
    const workflowId = `wf/${stage.neighbour.tenantId}/steady/11111111-1111-4111-8111-111111111111`;
    const args = { taskQueue: stage.neighbour.taskQueue, workflowId };
    expectRefused(await stage.attack<Outcomes>('start-a-foreign-run', args), DENIED);
    expectRefused(await stage.attack<Outcomes>('start-a-foreign-run', { ...args, taskQueue: stage.mallory.taskQueue }), DENIED); // prettier-ignore
  });

  test('signals no foreign run', async () => {
    expectRefused({ signal: await onHeldRun<Outcome>('signal-a-foreign-run') }, DENIED);
  });

  test('terminates, cancels, resets and deletes no foreign run', async () => {
    expectRefused(await onHeldRun<Outcomes>('end-a-foreign-run'), DENIED);
  });

  test('describes, lists, queries and reads no foreign run', async () => {
    expectRefused(await onHeldRun<Outcomes>('read-a-foreign-run'), DENIED);
  });

  test('governs nothing of Temporal: namespaces, schedules, batches, versions', async () => {
    const { operator, ...others } = await stage.attack<Outcomes>('govern-temporal');
    expectRefused(others, DENIED);
    expectRefused({ operator: operator! }, '12');
  });

  test('polls no queue of the neighbour’s, of Temporal’s, or of nobody’s', async () => {
    const queues = [stage.neighbour.taskQueue, 'temporal-sys-per-ns-tq', 'default', `artifact/${stage.mallory.tenantId}/${'a'.repeat(64)}`]; // prettier-ignore
    const outcomes = await stage.attack<Record<string, Outcomes>>('poll-foreign-queues', { queues });
    for (const each of Object.values(outcomes)) expectRefused(each, DENIED);
  });

  test('answers no foreign activity by its id', async () => {
    expectRefused(await onHeldRun<Outcomes>('answer-by-id'), DENIED);
  });

  test('answers nothing with a task token that another worker has lent it', async () => {
    const lender = await stage.tenant('accomplice');
    const id = await stage.startAttack('lend-a-task-token', { seconds: 8 }, { by: lender });
    const taskToken = await eventually(async () => {
      const logs = await lender.client.executions.logs(lender.workflow.id, id);
      const lent = logs.flatMap(({ message }) => /^LENT (\S+)$/.exec(message)?.[1] ?? [])[0];
      expect(lent).toBeDefined();
      return lent!;
    });
    expectRefused(await stage.attack<Outcomes>('use-a-lent-task-token', { taskToken }), DENIED);
    const ended = await lender.client.executions.wait(lender.workflow.id, id);
    expect(ended.result).toBe('as its own worker said');
  });

  test('turns no page of its own history into one of the neighbour’s', async () => {
    const seen = await onHeldRun<Outcomes & { names: boolean }>('turn-a-page-into-a-foreign-history');
    // Sealed: it does not even say what it is about.
    expect(seen).toMatchObject({ names: false, own: { saw: expect.stringContaining('eventId') } });
    for (const name of ['altered', 'made', 'nonsense'])
      expect([name, seen[name]]).toMatchObject([name, { refused: DENIED }]);
  });
});

describe('calls by hand, with the credential out of the worker’s own memory', () => {
  /** Looking through its own memory is much for a process; it need not be the one of the other attacks. */
  const byHand = async <T>(attack: string, args = {}): Promise<T> =>
    stage.attack<T>(attack, args, { by: await stage.tenant('caller') });

  test('are refused with any other credential', async () => {
    const others = ['mallory', Buffer.alloc(32, 7).toString('base64url')];
    const { answers, own } = await byHand<{ answers: string[]; own: string }>('call-without-its-credential', {
      others,
    });
    for (const answer of answers) expect(answer).toMatch(/^16: /);
    expect(own).toMatch(/^0: /);
  });

  test('are no others because their headers say so', async () => {
    const seen = await byHand<Record<string, string>>('pretend-to-be-the-platform');
    expect(seen['answer']).toMatch(/^7: /);
    expect(seen['namespace']).toMatch(/^7: .*namespace/);
    expect(seen['path']).toMatch(/^12: /);
  });

  test('are refused when they are crafted, and the next one is answered', async () => {
    const { answers, after } = await byHand<{ answers: Record<string, string>; after: string }>(
      'send-crafted-messages',
    );
    for (const [name, answer] of Object.entries(answers))
      expect([name, answer]).toEqual([name, expect.stringMatching(/^(3|7|8|12|13): |^stream: |^no answer/)]);
    expect(after).toMatch(/^0: /);
  });

  test('end with a huge header, and the next one is answered', async () => {
    const { header, after } = await byHand<{ header: Outcome; after: string }>('send-a-huge-header');
    expect(JSON.stringify(header)).toMatch(/stream: |ERR_HTTP2/);
    expect(after).toMatch(/^0: /);
  });

  test('take no more of Temporal’s polls than a worker needs', async () => {
    const { sessions, early } = await byHand<{ sessions: number; early: Record<string, number> }>(
      'flood-with-polls',
      { polls: 400, sessions: 4, seconds: 2 },
    );
    expect(sessions).toBe(4);
    const refused = Object.entries(early).filter(([answer]) =>
      answer.startsWith('8: a worker may have 32 polls'),
    );
    expect(refused.reduce((sum, [, count]) => sum + count, 0)).toBeGreaterThanOrEqual(400 - 32);
    expect(JSON.stringify(early)).not.toContain('namespace concurrent poller limit');
  });

  test('are many, and the neighbour is served among them', async () => {
    const counts = await byHand<Record<string, number>>('flood-with-calls', {
      seconds: 3,
      atOnce: 200,
    });
    expect(Object.values(counts).reduce((sum, count) => sum + count, 0)).toBeGreaterThan(0);
  });

  test('come over few connections; the others are closed', async () => {
    const { closed, count } = await byHand<{ closed: number; count: number }>('flood-with-connections', {
      count: 200,
    });
    expect(closed).toBeGreaterThanOrEqual(count - 20);
  });
});

describe('the pipe to the supervisor', () => {
  test('gives no runtime token of the neighbour’s run', async () => {
    const run = await stage.hold();
    const { workflowId, runId } = run;
    const runs = [
      { workflowId, runId, taskQueue: stage.neighbour.taskQueue },
      { workflowId: `ch/${stage.neighbour.tenantId}/x`, runId, taskQueue: stage.neighbour.taskQueue },
    ];
    const { answers, own } = await stage.attack<{ answers: unknown[]; own: boolean }>('ask-for-tokens', {
      runs,
    });
    await stage.release(run);
    expect(answers).toEqual([null, null, null, null]);
    expect(own).toBe(true);
  });

  test('gives no payload keys but its own tenant’s, whatever they are called', async () => {
    const [by, keyIds] = [
      await stage.tenant('accomplice'),
      ['none', '../neighbour', stage.neighbour.tenantId],
    ];
    const mine = new Set(await stage.attack<string[]>('ask-for-payload-keys', { keyIds }));
    const theirs = await stage.attack<string[]>('ask-for-payload-keys', { keyIds: ['none'] }, { by });
    expect(mine.size).toBe(1);
    expect(theirs.filter((id) => mine.has(id))).toEqual([]);
  });

  test('is believed in nothing of others: queues, memory, its end', async () => {
    const before = stage.platform.pids();
    await stage.attack('lie-about-itself', { taskQueue: stage.neighbour.taskQueue });
    expect(stage.platform.pids()).toEqual(before);
    await stage.whileNeighbourWorks(() => stage.attack('look-for-code'));
  });

  test('takes no handle', async () => {
    expectRefused({ sent: await stage.attack<Outcome>('send-handles') });
  });

  test('is flooded with valid messages, and the supervisor goes on', async () => {
    const { megabytes } = await stage.attack<{ megabytes: number }>('flood-the-channel', { seconds: 3 });
    expect(megabytes).toBeGreaterThan(0);
  });

  test('is the end of that process alone when it is broken', async () => {
    const by = await stage.tenant('breaker');
    const before = stage.platform.pids();
    await stage.endsItsProcess(by, 'break-the-channel');
    expect(await stage.logged('unreadable message from a worker')).not.toEqual([]);
    expect(stage.platform.pids()).toEqual(before);
  });

  test('carries no log entry into the neighbour’s log', async () => {
    const run = await stage.hold();
    const message = 'said by mallory';
    await stage.attack('forge-log-entries', { ...told(run), message });
    await stage.attack('look-for-code');
    await stage.release(run);
    const { client, workflow } = stage.neighbour;
    const logs = [
      ...(await client.executions.logs(workflow.id, run.executionId)),
      ...(await client.workflows.logs(workflow.id)),
    ];
    expect(JSON.stringify(logs)).not.toContain(message);
  });
});
