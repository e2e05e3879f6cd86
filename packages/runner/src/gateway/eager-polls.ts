/**
 * Job: gives first workflow tasks, which came to the server with the answer to a start, to polls that wait here anyhow.
 *
 * Boundary: bytes of tasks as Temporal sends them; who may poll which queue is decided before. {@link EagerQueues} is
 * what all sessions of a gateway have in common, {@link EagerPolls} is one session's.
 *
 * Invariants
 * 1. A poll at Temporal is never cancelled because an eager task overtook it: what it brings may be a task. It is kept
 *    for the worker's next poll of that queue, and only ends with the queue.
 * 2. A task is given to one poll, or back to Temporal: when none comes for it within {@link PATIENCE_MS}, and when its
 *    queue ends.
 * 3. A queue is announced from its first poll on, until it ends; with two sessions the newer one gets its tasks.
 */
import { status } from '@grpc/grpc-js';
import { CallFailed } from './grpc.js';
import { fieldOf } from './wire.js';

/** A poll is a few milliseconds away while a worker has slots; its absence for this long means that it has none. */
const PATIENCE_MS = 1_000;

/** Something that a caller may give up. */
export interface Life {
  whenAbandoned(listener: () => void): void;
}

/** `PollWorkflowTaskQueueResponse.task_token`. */
export function taskTokenOf(response: Uint8Array): Uint8Array {
  return fieldOf(response, 1);
}

export class EagerQueues {
  readonly #sessions = new Map<string, EagerPolls>();
  readonly #giveBack: (taskToken: Uint8Array) => void;
  /** The set of queues has changed. */
  onChange: () => void = () => undefined;

  /** @param giveBack fails a task at Temporal, which hands it out anew */
  constructor(giveBack: (taskToken: Uint8Array) => void) {
    this.#giveBack = giveBack;
  }

  /** Task queues for which a task would find a poll. */
  get taskQueues(): string[] {
    return [...this.#sessions.keys()];
  }

  /** Invariant 2. */
  give(taskQueue: string, task: Uint8Array): void {
    const polls = this.#sessions.get(taskQueue);
    if (polls) polls.give(taskQueue, task);
    else this.giveBack(task);
  }

  giveBack(task: Uint8Array): void {
    this.#giveBack(taskTokenOf(task));
  }

  announce(taskQueue: string, polls: EagerPolls): void {
    const known = this.#sessions.has(taskQueue);
    this.#sessions.set(taskQueue, polls);
    if (!known) this.onChange();
  }

  withdraw(taskQueue: string, polls: EagerPolls): void {
    if (this.#sessions.get(taskQueue) !== polls) return;
    this.#sessions.delete(taskQueue);
    this.onChange();
  }
}

/** A call that is under way at Temporal. */
class UpstreamPoll implements Life {
  readonly response: Promise<Uint8Array>;
  #listener: (() => void) | undefined;

  constructor(begin: (life: Life) => Promise<Uint8Array>) {
    this.response = begin(this);
  }

  whenAbandoned(listener: () => void): void {
    this.#listener = listener;
  }

  cancel(): void {
    this.#listener?.();
  }
}

interface Waiter {
  poll: UpstreamPoll;
  take: (task: Uint8Array) => void;
}

interface Pending {
  task: Uint8Array;
  timer: NodeJS.Timeout;
}

interface Queue {
  /** Polls of the worker, in the order they came. */
  waiting: Set<Waiter>;
  /** Polls at Temporal that an eager task has overtaken. */
  kept: Set<UpstreamPoll>;
  pending: Set<Pending>;
}

export class EagerPolls {
  readonly #queues = new Map<string, Queue>();

  constructor(private readonly all: EagerQueues) {}

  /**
   * A poll of the worker: answered by Temporal, or by a task that was given meanwhile.
   * @param begin polls at Temporal, until the life ends
   */
  poll(taskQueue: string, begin: (life: Life) => Promise<Uint8Array>, life: Life): Promise<Uint8Array> {
    const queue = this.#queue(taskQueue);
    const [early] = queue.pending;
    if (early) {
      clearTimeout(early.timer);
      queue.pending.delete(early);
      return Promise.resolve(early.task);
    }
    const [kept] = queue.kept;
    if (kept) queue.kept.delete(kept);
    const poll = kept ?? new UpstreamPoll(begin);
    return new Promise((resolve, reject) => {
      const waiter: Waiter = { poll, take: resolve };
      queue.waiting.add(waiter);
      life.whenAbandoned(() => {
        if (!queue.waiting.delete(waiter)) return;
        poll.cancel();
        // Nobody reads it, but whoever counts this poll must see it end.
        reject(CallFailed.of(status.CANCELLED, 'the poll was given up'));
      });
      poll.response.then(
        (response) => queue.waiting.delete(waiter) && resolve(response),
        (error: Error) => queue.waiting.delete(waiter) && reject(error),
      );
    });
  }

  give(taskQueue: string, task: Uint8Array): void {
    const queue = this.#queues.get(taskQueue);
    if (!queue) return this.all.giveBack(task);
    const [waiter] = queue.waiting;
    if (waiter) {
      queue.waiting.delete(waiter);
      this.#keep(queue, waiter.poll);
      waiter.take(task);
      return;
    }
    const pending: Pending = {
      task,
      timer: setTimeout(() => {
        queue.pending.delete(pending);
        this.all.giveBack(task);
      }, PATIENCE_MS),
    };
    queue.pending.add(pending);
  }

  /** The queue's artifact is no longer loaded here. */
  end(taskQueue: string): void {
    const queue = this.#queues.get(taskQueue);
    if (!queue) return;
    this.#queues.delete(taskQueue);
    this.all.withdraw(taskQueue, this);
    for (const poll of queue.kept) poll.cancel();
    for (const { task, timer } of queue.pending) {
      clearTimeout(timer);
      this.all.giveBack(task);
    }
  }

  close(): void {
    for (const taskQueue of [...this.#queues.keys()]) this.end(taskQueue);
  }

  #queue(taskQueue: string): Queue {
    const known = this.#queues.get(taskQueue);
    if (known) return known;
    const queue: Queue = { waiting: new Set(), kept: new Set(), pending: new Set() };
    this.#queues.set(taskQueue, queue);
    this.all.announce(taskQueue, this);
    return queue;
  }

  /** Invariant 1. One that ends without a task is of no use to the next poll. */
  #keep(queue: Queue, poll: UpstreamPoll): void {
    queue.kept.add(poll);
    poll.response.then(
      (response) => {
        if (taskTokenOf(response).length === 0) queue.kept.delete(poll);
      },
      () => queue.kept.delete(poll),
    );
  }
}
