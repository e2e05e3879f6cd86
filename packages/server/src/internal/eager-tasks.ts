/**
 * Job: the supervisors that have polls waiting, by task queue, and the way to them for a first workflow task.
 *
 * Boundary: memory of this process; which tasks there are is `temporal-client.ts`'s. A supervisor has its stream to one
 * server: the starts of the others are ordinary ones.
 *
 * Invariants
 * 1. A supervisor has one stream; a newer one ends the older one after everything that was given to it.
 * 2. A task is written to one stream, or refused; a stream whose reader falls behind is offered none.
 * 3. After {@link EagerTasks.close} none is open and none begins.
 */
import { EAGER_PING_MS, type EagerLine, type EagerPollsRequest } from '@pegasus-workflows/contracts';
import { type GiveTask } from '../infra/temporal.js';

/** Bytes that a reader may be behind. */
const BACKLOG_BYTES = 4 * 1024 * 1024;

interface Stream {
  taskQueues: ReadonlySet<string>;
  send: (line: EagerLine) => boolean;
  end: () => void;
}

export class EagerTasks {
  readonly #streams = new Map<string, Stream>();
  #closed = false;

  /** Where a poll of the queue is waiting, if there is one. */
  pollerFor(taskQueue: string): GiveTask | undefined {
    for (const [supervisorId, stream] of this.#streams) {
      if (!stream.taskQueues.has(taskQueue)) continue;
      // To the end of the line: supervisors that share a queue take turns.
      this.#streams.delete(supervisorId);
      this.#streams.set(supervisorId, stream);
      return (task) => stream.send({ type: 'task', taskQueue, task: Buffer.from(task).toString('base64') });
    }
    return undefined;
  }

  /** Begins a supervisor's stream: lines of {@link EagerLine}. */
  open({ supervisorId, taskQueues }: EagerPollsRequest): ReadableStream<Uint8Array> {
    const encoder = new TextEncoder();
    let ping: NodeJS.Timeout | undefined;
    let stream: Stream | undefined;
    const forget = (): void => {
      clearInterval(ping);
      if (this.#streams.get(supervisorId) === stream) this.#streams.delete(supervisorId);
    };
    return new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          if (this.#closed) return controller.close();
          let isOpen = true;
          stream = {
            taskQueues: new Set(taskQueues),
            send: (line) => {
              if (!isOpen || (controller.desiredSize ?? 0) <= 0) return false;
              controller.enqueue(encoder.encode(`${JSON.stringify(line)}\n`));
              return true;
            },
            end: () => {
              if (!isOpen) return;
              isOpen = false;
              forget();
              controller.close();
            },
          };
          this.#streams.get(supervisorId)?.end();
          this.#streams.set(supervisorId, stream);
          ping = setInterval(() => stream?.send({ type: 'ping' }), EAGER_PING_MS);
          stream.send({ type: 'ready' });
        },
        cancel: forget,
      },
      new ByteLengthQueuingStrategy({ highWaterMark: BACKLOG_BYTES }),
    );
  }

  /** Ends every stream; supervisors open theirs anew, here or at a successor. */
  close(): void {
    this.#closed = true;
    for (const stream of [...this.#streams.values()]) stream.end();
  }
}
