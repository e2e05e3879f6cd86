import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import { eagerLineSchema, type EagerLine } from '@pegasus-workflows/contracts';
import { EagerTasks } from './eager-tasks.js';

const TASK = Buffer.from('task');

function reading(stream: ReadableStream<Uint8Array>) {
  const reader = stream.getReader();
  return {
    next: async (): Promise<EagerLine | undefined> => {
      const { done, value } = await reader.read();
      return done ? undefined : eagerLineSchema.parse(JSON.parse(Buffer.from(value).toString('utf8')));
    },
    cancel: () => reader.cancel(),
  };
}

it('2: a task goes to the stream that has its queue', async () => {
  const tasks = new EagerTasks();
  expect(tasks.pollerFor('a')).toBeUndefined();
  const lines = reading(tasks.open({ supervisorId: randomUUID(), taskQueues: ['a'] }));
  expect(await lines.next()).toEqual({ type: 'ready' });
  expect(tasks.pollerFor('b')).toBeUndefined();
  expect(tasks.pollerFor('a')!(TASK)).toBe(true);
  expect(await lines.next()).toEqual({ type: 'task', taskQueue: 'a', task: TASK.toString('base64') });
  tasks.close();
});

it('1: a newer stream of the supervisor ends the older one, after what was given to it', async () => {
  const tasks = new EagerTasks();
  const supervisorId = randomUUID();
  const older = reading(tasks.open({ supervisorId, taskQueues: ['a'] }));
  expect(tasks.pollerFor('a')!(TASK)).toBe(true);
  const newer = reading(tasks.open({ supervisorId, taskQueues: ['b'] }));
  expect((await older.next())?.type).toBe('ready');
  expect((await older.next())?.type).toBe('task');
  expect(await older.next()).toBeUndefined();
  expect(tasks.pollerFor('a')).toBeUndefined();
  expect(tasks.pollerFor('b')!(TASK)).toBe(true);
  expect((await newer.next())?.type).toBe('ready');
  tasks.close();
});

it('2: a stream that is gone, or whose reader is behind, takes no task', async () => {
  const tasks = new EagerTasks();
  const lines = reading(tasks.open({ supervisorId: randomUUID(), taskQueues: ['a'] }));
  const give = tasks.pollerFor('a')!;
  let given = 0;
  while (give(Buffer.alloc(1024 * 1024))) given++;
  expect(given).toBeGreaterThan(1);
  await lines.cancel();
  expect(give(TASK)).toBe(false);
  expect(tasks.pollerFor('a')).toBeUndefined();
});

it('supervisors that share a queue take turns', () => {
  const tasks = new EagerTasks();
  const streams = [1, 2].map(() => reading(tasks.open({ supervisorId: randomUUID(), taskQueues: ['a'] })));
  for (let turn = 0; turn < 4; turn++) tasks.pollerFor('a')!(TASK);
  return Promise.all(
    streams.map(async ({ next }) => {
      const types = [await next(), await next(), await next()].map((line) => line?.type);
      expect(types).toEqual(['ready', 'task', 'task']);
    }),
  ).finally(() => tasks.close());
});

it('3: after close nothing is open and nothing begins', async () => {
  const tasks = new EagerTasks();
  const lines = reading(tasks.open({ supervisorId: randomUUID(), taskQueues: ['a'] }));
  tasks.close();
  expect((await lines.next())?.type).toBe('ready');
  expect(await lines.next()).toBeUndefined();
  const late = reading(tasks.open({ supervisorId: randomUUID(), taskQueues: ['a'] }));
  expect(await late.next()).toBeUndefined();
  expect(tasks.pollerFor('a')).toBeUndefined();
});
