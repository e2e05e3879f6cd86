/**
 * Job: tells the server which task queues have a poll here, and brings the first tasks that it sends to those polls.
 *
 * Boundary: knows the server only through `open`, polls only through {@link EagerQueues}.
 *
 * Invariants
 * 1. One stream is in force. A change of the queues opens a new one; the older one is read to its end, which the server
 *    makes after everything it had to say.
 * 2. A stream that is silent for {@link SILENCE_MS} counts as lost, and is opened again with backoff.
 * 3. Without a stream runs are started in the ordinary way: nothing waits for one.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { EAGER_PING_MS, type EagerLine } from '@pegasus-workflows/contracts';
import { type Logger } from '@pegasus-workflows/kit';
import { type EagerQueues } from '../gateway/eager-polls.js';
import { backoffMs } from '../backoff.js';

const RETRY = { baseMs: 100, maxMs: 5_000 };
/** Changes that come together are told together. */
const GATHER_MS = 20;
const SILENCE_MS = 3 * EAGER_PING_MS;

export class EagerStarts {
  readonly #stop = new AbortController();
  readonly #reading = new Set<Promise<void>>();
  #running: Promise<void> | undefined;
  #changed: (() => void) | undefined;
  /** What the stream in force was opened with. */
  #announced: string | undefined = '';
  #generation = 0;

  constructor(
    private readonly open: (taskQueues: string[], signal: AbortSignal) => AsyncIterable<EagerLine>,
    private readonly queues: EagerQueues,
    private readonly logger: Logger,
  ) {}

  start(): void {
    this.queues.onChange = () => this.#changed?.();
    this.#running ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    this.#changed?.();
    await Promise.all([this.#running, ...this.#reading]);
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    let failures = 0;
    while (!signal.aborted) {
      const taskQueues = this.queues.taskQueues.sort();
      const announcing = taskQueues.join('\n');
      if (announcing === this.#announced) {
        await this.#change();
        await delay(GATHER_MS, undefined, { signal }).catch(() => undefined);
        continue;
      }
      try {
        await this.#announce(taskQueues, announcing);
        failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        failures++;
        this.logger[failures === 1 ? 'info' : 'debug'](
          { err: error, failures },
          'no stream of first tasks; runs are started in the ordinary way',
        );
        await delay(backoffMs(failures, RETRY), undefined, { signal }).catch(() => undefined);
      }
    }
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#changed = () => {
        this.#changed = undefined;
        resolve();
      };
      if (this.#stop.signal.aborted) this.#changed();
    });
  }

  /** Resolves when the server has the queues; what comes then is read beside. */
  async #announce(taskQueues: string[], announcing: string): Promise<void> {
    const lost = new AbortController();
    const lines = this.open(taskQueues, AbortSignal.any([this.#stop.signal, lost.signal]))[
      Symbol.asyncIterator
    ]();
    const first = await within(lines.next(), lost);
    if (first.done || first.value.type !== 'ready') throw new Error('the stream ended before it began');
    this.#announced = announcing;
    const generation = ++this.#generation;
    const reading = this.#read(lines, lost).finally(() => {
      this.#reading.delete(reading);
      if (generation !== this.#generation) return;
      this.#announced = undefined;
      this.#changed?.();
    });
    this.#reading.add(reading);
  }

  async #read(lines: AsyncIterator<EagerLine>, lost: AbortController): Promise<void> {
    try {
      for (;;) {
        const { done, value } = await within(lines.next(), lost);
        if (done) break;
        if (value.type === 'task') this.queues.give(value.taskQueue, Buffer.from(value.task, 'base64'));
      }
    } catch (error) {
      if (!this.#stop.signal.aborted) this.logger.debug({ err: error }, 'a stream of first tasks broke off');
    }
  }
}

/** The next line, unless there is none for too long (invariant 2). */
async function within(
  next: Promise<IteratorResult<EagerLine>>,
  lost: AbortController,
): Promise<IteratorResult<EagerLine>> {
  const timer = setTimeout(() => lost.abort(new Error('the server is silent')), SILENCE_MS);
  try {
    return await next;
  } finally {
    clearTimeout(timer);
  }
}
