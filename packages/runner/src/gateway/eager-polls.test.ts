import { status } from '@grpc/grpc-js';
import { expect, it } from 'vitest';
import { EagerPolls, EagerQueues, type Life } from './eager-polls.js';

/** `PollWorkflowTaskQueueResponse` with a task token alone. */
const task = (token: string): Buffer => Buffer.from([0x0a, token.length, ...Buffer.from(token)]);

/** A caller, or a call at Temporal, in the hands of a test. */
class Caller implements Life {
  abandon: () => void = () => undefined;
  whenAbandoned(listener: () => void): void {
    this.abandon = listener;
  }
}

function stage() {
  const returned: string[] = [];
  const polls = new EagerPolls(new EagerQueues((token) => void returned.push(Buffer.from(token).toString())));
  const upstream: { answer: (response: Uint8Array) => void; cancelled: boolean }[] = [];
  const begin = (life: Life) =>
    new Promise<Uint8Array>((answer, reject) => {
      const call = { answer, cancelled: false };
      upstream.push(call);
      life.whenAbandoned(() => {
        call.cancelled = true;
        reject(new Error('cancelled'));
      });
    });
  const poll = (caller: Life = new Caller()) => polls.poll('queue', begin, caller);
  return { polls, poll, upstream, returned };
}

it('a poll that its caller gives up ends, and is given up at Temporal', async () => {
  const { poll, upstream } = stage();
  const caller = new Caller();
  const answer = poll(caller);
  caller.abandon();
  await expect(answer).rejects.toMatchObject({ code: status.CANCELLED });
  expect(upstream.map(({ cancelled }) => cancelled)).toEqual([true]);
});

it('1: an overtaken poll is the next one, and brings its task even between the two', async () => {
  const { polls, poll, upstream } = stage();
  const first = poll();
  polls.give('queue', task('eager'));
  expect(await first).toEqual(task('eager'));
  upstream[0]!.answer(task('ordinary'));
  expect(await poll()).toEqual(task('ordinary'));
  expect(upstream).toHaveLength(1);
});

it('1: an overtaken poll that ends without a task is not the next one', async () => {
  const { polls, poll, upstream } = stage();
  const first = poll();
  polls.give('queue', task('eager'));
  await first;
  upstream[0]!.answer(Buffer.alloc(0));
  await new Promise(setImmediate);
  const second = poll();
  expect(upstream).toHaveLength(2);
  upstream[1]!.answer(task('ordinary'));
  expect(await second).toEqual(task('ordinary'));
});

it('2: what waits for a poll is given back when its queue ends, and kept polls are cancelled', async () => {
  const { polls, poll, upstream, returned } = stage();
  const first = poll();
  polls.give('queue', task('one'));
  await first;
  polls.give('queue', task('two'));
  polls.close();
  expect(returned).toEqual(['two']);
  expect(upstream[0]!.cancelled).toBe(true);
  polls.give('queue', task('three'));
  expect(returned).toEqual(['two', 'three']);
});
