import { type EagerLine } from '@pegasus-workflows/contracts';
import { createLogger } from '@pegasus-workflows/kit';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { EagerPolls, EagerQueues } from '../gateway/eager-polls.js';
import { EagerStarts } from './eager-starts.js';

/** A server's streams, which a test writes by hand. */
class Streams {
  readonly opened: { taskQueues: string[]; write: (line: EagerLine | undefined) => void }[] = [];
  isAway = false;

  async *open(taskQueues: string[], signal: AbortSignal): AsyncGenerator<EagerLine, void> {
    if (this.isAway) throw new Error('the server is away');
    const lines: (EagerLine | undefined)[] = [{ type: 'ready' }];
    let wake: () => void = () => undefined;
    signal.addEventListener('abort', () => wake());
    this.opened.push({
      taskQueues,
      write: (line) => {
        lines.push(line);
        wake();
      },
    });
    for (;;) {
      if (signal.aborted) throw signal.reason;
      if (lines.length === 0) await new Promise<void>((resolve) => (wake = resolve));
      else {
        const line = lines.shift();
        if (!line) return;
        yield line;
      }
    }
  }
}

const never = { whenAbandoned: () => undefined };
const forEver = () => new Promise<Uint8Array>(() => undefined);

let streams: Streams;
let queues: EagerQueues;
let starts: EagerStarts;
const returned: string[] = [];

beforeEach(() => {
  returned.length = 0;
  streams = new Streams();
  queues = new EagerQueues((token) => void returned.push(Buffer.from(token).toString()));
  starts = new EagerStarts(
    (taskQueues, signal) => streams.open(taskQueues, signal),
    queues,
    createLogger('test'),
  );
  starts.start();
});
afterEach(() => starts.stop());

/** `PollWorkflowTaskQueueResponse` with a task token alone. */
const task = (token: string): Buffer => Buffer.from([0x0a, token.length, ...Buffer.from(token)]);
const line = (taskQueue: string, token: string): EagerLine => ({
  type: 'task',
  taskQueue,
  task: task(token).toString('base64'),
});

it('1: the queues that are polled are told, and a change of them opens a new stream', async () => {
  const polls = new EagerPolls(queues);
  void polls.poll('a', forEver, never);
  await vi.waitFor(() => expect(streams.opened.at(-1)?.taskQueues).toEqual(['a']));
  void polls.poll('b', forEver, never);
  await vi.waitFor(() => expect(streams.opened.at(-1)?.taskQueues).toEqual(['a', 'b']));
  polls.close();
  await vi.waitFor(() => expect(streams.opened.at(-1)?.taskQueues).toEqual([]));
});

it('1: what the older stream still says is heard', async () => {
  const polls = new EagerPolls(queues);
  const first = polls.poll('a', forEver, never);
  await vi.waitFor(() => expect(streams.opened).toHaveLength(1));
  void polls.poll('b', forEver, never);
  await vi.waitFor(() => expect(streams.opened).toHaveLength(2));
  streams.opened[0]!.write(line('a', 'late'));
  expect(await first).toEqual(task('late'));
  polls.close();
});

it('2: a stream that ends is opened again, and tasks reach the polls', async () => {
  const polls = new EagerPolls(queues);
  const first = polls.poll('a', forEver, never);
  await vi.waitFor(() => expect(streams.opened).toHaveLength(1));
  streams.opened[0]!.write(undefined);
  await vi.waitFor(() => expect(streams.opened).toHaveLength(2));
  streams.opened[1]!.write(line('a', 'token'));
  expect(await first).toEqual(task('token'));
  polls.close();
});

it('3: a server that is away is asked again', async () => {
  streams.isAway = true;
  const polls = new EagerPolls(queues);
  void polls.poll('a', forEver, never);
  await new Promise(setImmediate);
  streams.isAway = false;
  await vi.waitFor(() => expect(streams.opened).toHaveLength(1));
  polls.close();
});

it('a task for a queue that nobody polls here goes back to Temporal', async () => {
  const polls = new EagerPolls(queues);
  void polls.poll('a', forEver, never);
  await vi.waitFor(() => expect(streams.opened).toHaveLength(1));
  streams.opened[0]!.write(line('gone', 'mine'));
  await vi.waitFor(() => expect(returned).toEqual(['mine']));
  polls.close();
});
