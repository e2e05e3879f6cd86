import { Worker } from 'node:worker_threads';
import { EVENT_LIMITS, PegasusError } from '@pegasus-workflows/contracts';

/**
 * Job: whether a payload fits the JSON Schema of its event type, and whether that schema is one.
 *
 * Boundary: schemas are tenants' and may be made to be slow: patterns that backtrack, references that branch at every
 * level, lists compared item by item. They are compiled and run in a thread of their own, each within a time limit that
 * ends even a regular expression, so what a schema costs is bounded whatever it says, and nobody's request is held up
 * by it. References to other documents are not followed.
 *
 * Invariants
 * 1. No schema and no payload holds up the server's own thread for longer than it takes to send it.
 * 2. A check ends within {@link SchemaLimits.timeoutMs} of its turn; a tenant whose check did not is refused
 *    further ones for {@link SchemaLimits.pauseMs}, so that its turns are few and the others' come soon.
 * 3. A check that fills the thread's memory ends it, and counts as one that did not end in time; those that waited behind
 *    it are made by a new thread. A thread that ends for any other reason fails the checks it had.
 * 4. A problem names places and what the schema wants there, never a value of the payload.
 */
export interface SchemaLimits {
  /** By the clock on the wall, so with room for a busy machine; an ordinary check takes less than a millisecond. */
  timeoutMs: number;
  pauseMs: number;
  memoryMb: number;
}

const LIMITS: SchemaLimits = { timeoutMs: 3_000, pauseMs: 30_000, memoryMb: 256 };
/** The same distance from `src` and from `dist`. */
const THREAD = new URL('../../threads/payload-schemas.mjs', import.meta.url);

interface Reply {
  id: number;
  ok?: true;
  problems?: string[];
  /** Further problems that are not listed. */
  more?: number;
  schemaProblem?: string;
  slow?: true;
  /** It has filled the thread's memory. */
  large?: true;
  failure?: string;
}

interface Check {
  schema: string;
  payload: unknown;
}

/** A thread and the checks that it has, in the order in which it makes them. */
interface Thread {
  worker: Worker;
  waiting: Map<number, { check: Check; resolve: (reply: Reply) => void; reject: (error: Error) => void }>;
}

export class PayloadSchemas {
  readonly #limits: SchemaLimits;
  /** Tenant → until when nothing of it is checked, in epoch milliseconds. */
  readonly #paused = new Map<string, number>();
  #thread: Thread | undefined;
  #lastId = 0;

  constructor(limits: Partial<SchemaLimits> = {}) {
    this.#limits = { ...LIMITS, ...limits };
  }

  /** Throws VALIDATION_ERROR, saying why this is no usable JSON Schema. */
  async requireSchema(tenantId: string, schema: Record<string, unknown>): Promise<void> {
    const { payloadSchemaBytes, payloadSchemaDepth } = EVENT_LIMITS;
    const text = JSON.stringify(schema);
    if (Buffer.byteLength(text) > payloadSchemaBytes) {
      throw unusable(`it has more than ${payloadSchemaBytes} bytes`);
    }
    if (depthOf(schema, payloadSchemaDepth) > payloadSchemaDepth) {
      throw unusable(`it is nested deeper than ${payloadSchemaDepth} levels`);
    }
    const { schemaProblem } = await this.#ask(tenantId, text, undefined, 'This schema');
    if (schemaProblem !== undefined) throw unusable(schemaProblem);
  }

  /** Throws VALIDATION_ERROR with each failing path in `problems`, unless the payload fits. */
  async requireFit(
    tenantId: string,
    eventType: string,
    schema: Record<string, unknown>,
    payload: Record<string, unknown>,
  ): Promise<void> {
    const owner = `The schema of the event type ${eventType}`;
    const reply = await this.#ask(tenantId, JSON.stringify(schema), payload, owner);
    if (reply.schemaProblem !== undefined) {
      throw new PegasusError(
        'VALIDATION_ERROR',
        `${owner} is not usable: ${reply.schemaProblem}. Correct it first.`,
      );
    }
    const [first] = reply.problems ?? [];
    if (first === undefined) return;
    const others = (reply.problems?.length ?? 0) - 1 + (reply.more ?? 0);
    const rest = others > 0 ? ` (and ${others} more problem${others > 1 ? 's' : ''})` : '';
    throw new PegasusError(
      'VALIDATION_ERROR',
      `payload: does not fit the event type ${eventType}: ${first}${rest}.`,
      {
        problems: reply.problems ?? [],
      },
    );
  }

  async close(): Promise<void> {
    const thread = this.#thread;
    this.#thread = undefined;
    await thread?.worker.terminate();
  }

  async #ask(tenantId: string, schema: string, payload: unknown, owner: string): Promise<Reply> {
    this.#refuseWhilePaused(tenantId, owner);
    const reply = await this.#send({ schema, payload });
    if (reply.slow || reply.large) {
      this.#paused.set(tenantId, Date.now() + this.#limits.pauseMs);
      const what = reply.large ? 'too much memory' : `more than ${this.#limits.timeoutMs} ms`;
      const sentence = `${owner} takes ${what} to check; make it, or the payload, simpler.`;
      throw new PegasusError('VALIDATION_ERROR', sentence);
    }
    if (reply.failure !== undefined) throw new Error(`a payload could not be checked: ${reply.failure}`);
    return reply;
  }

  /** Invariant 2. */
  #refuseWhilePaused(tenantId: string, owner: string): void {
    const until = this.#paused.get(tenantId);
    if (until === undefined) return;
    if (until > Date.now()) {
      throw new PegasusError(
        'RATE_LIMITED',
        `${owner} is not checked now: a schema of this tenant was too slow a moment ago. Make it simpler and try again later.`,
        { retryAfterSeconds: Math.ceil((until - Date.now()) / 1_000) },
      );
    }
    this.#paused.delete(tenantId);
  }

  #send(check: Check): Promise<Reply> {
    const { worker, waiting } = (this.#thread ??= this.#start());
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      waiting.set(id, { check, resolve, reject });
      // It keeps the process alive only while somebody waits for it.
      worker.ref();
      worker.postMessage({ id, ...check });
    });
  }

  #start(): Thread {
    const { timeoutMs, memoryMb } = this.#limits;
    const worker = new Worker(THREAD, {
      workerData: { timeoutMs },
      resourceLimits: { maxOldGenerationSizeMb: memoryMb },
      // No flags of the process: a debugger's or a test runner's would break or slow the thread.
      execArgv: [],
    });
    const thread: Thread = { worker, waiting: new Map() };
    worker.on('message', (reply: Reply) => {
      thread.waiting.get(reply.id)?.resolve(reply);
      thread.waiting.delete(reply.id);
      if (thread.waiting.size === 0) worker.unref();
    });
    const ended = (error?: unknown): void => {
      if (this.#thread === thread) this.#thread = undefined;
      if ((error as NodeJS.ErrnoException | undefined)?.code === 'ERR_WORKER_OUT_OF_MEMORY')
        this.#goOn(thread);
      const sentence = 'The payload could not be checked now; try again.';
      for (const { reject } of thread.waiting.values())
        reject(new PegasusError('SERVICE_UNAVAILABLE', sentence));
      thread.waiting.clear();
    };
    worker.on('error', ended);
    worker.on('exit', () => ended());
    worker.unref();
    return thread;
  }

  /** Invariant 3. */
  #goOn({ waiting }: Thread): void {
    const [culprit, ...others] = waiting;
    waiting.clear();
    if (culprit) culprit[1].resolve({ id: culprit[0], large: true });
    for (const [, { check, resolve, reject }] of others) this.#send(check).then(resolve, reject);
  }
}

function unusable(why: string): PegasusError {
  return new PegasusError('VALIDATION_ERROR', `payloadSchema: is not a usable JSON Schema: ${why}.`);
}

/** How deep it nests, looked at no deeper than one level more than `most`. */
function depthOf(value: unknown, most: number): number {
  if (typeof value !== 'object' || value === null || most < 0) return 0;
  return 1 + Math.max(0, ...Object.values(value).map((member) => depthOf(member, most - 1)));
}
