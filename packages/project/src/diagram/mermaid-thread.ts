/**
 * Job: one warm thread that parses Mermaid, shared by the process.
 *
 * Boundary: diagrams come from strangers. The thread has limited memory and each diagram limited time.
 *
 * Invariants
 * 1. One diagram at a time: when the time is up, it is that diagram's, and its thread ends.
 * 2. A thread that ended, however, fails only the diagram it had; the next one gets a new thread.
 * 3. The thread keeps the process alive only while a diagram is being parsed.
 */
import { Worker } from 'node:worker_threads';

export interface MermaidError {
  message: string;
  unexpected?: string;
  line?: number;
  column?: number;
}

/** One thing that a diagram shows. Texts are as written, entities and tags included. */
export interface Mark {
  kind: 'node' | 'edge' | 'group' | 'participant' | 'message' | 'state';
  /** Of a node, group, participant or state; else ''. */
  id: string;
  text: string;
  /** Mermaid's word for it, such as `diamond`. */
  shape: string;
  classes: string[];
  /** Ids of what an edge or a message connects; else ''. */
  from: string;
  to: string;
}

export interface Outline {
  /** Mermaid's word for the type of diagram, such as `flowchart-v2`. */
  type: string;
  /** Absent when diagrams of this type are not read. */
  marks?: Mark[] | undefined;
}

interface Reply {
  ready?: true;
  id?: number;
  error?: MermaidError | null;
  outline?: Outline;
}

interface Question {
  text: string;
  outline: boolean;
}

type Answer = { error: MermaidError } | { error: null; outline: Outline | undefined };

/** Loading jsdom and Mermaid takes about a second; a busy machine may need far longer. */
const START_MS = 60_000;
const MEMORY_MB = 512;
/** The same distance from `src` and from `dist`. */
const THREAD = new URL('../../threads/mermaid.mjs', import.meta.url);

export class MermaidThread {
  private worker: Worker | undefined;
  private ready: Promise<void> | undefined;
  private queue: Promise<unknown> = Promise.resolve();
  private lastId = 0;

  /**
   * What Mermaid has against a text; null when nothing. A diagram that takes too long or too much memory is an error too.
   *
   * @param timeoutMs the most that this diagram may take, not counting its turn and the start of the thread
   */
  async parse(text: string, timeoutMs: number): Promise<MermaidError | null> {
    return (await this.enqueue({ text, outline: false }, timeoutMs)).error;
  }

  /** What a diagram shows, by Mermaid's own database; undefined when it does not parse. Time is as for {@link parse}. */
  async outline(text: string, timeoutMs: number): Promise<Outline | undefined> {
    const answer = await this.enqueue({ text, outline: true }, timeoutMs);
    return answer.error ? undefined : answer.outline;
  }

  /** Ends the thread. The next `parse` starts one again. */
  async close(): Promise<void> {
    const { worker } = this;
    this.forget(worker);
    await worker?.terminate();
  }

  private enqueue(question: Question, timeoutMs: number): Promise<Answer> {
    const turn = this.queue.then(() => this.take(question, timeoutMs));
    this.queue = turn.catch(() => undefined);
    return turn;
  }

  private async take(question: Question, timeoutMs: number): Promise<Answer> {
    const worker = this.worker ?? this.start();
    worker.ref();
    try {
      await this.ready;
      return await this.ask(worker, question, timeoutMs);
    } finally {
      worker.unref();
    }
  }

  private start(): Worker {
    const worker = new Worker(THREAD, {
      resourceLimits: { maxOldGenerationSizeMb: MEMORY_MB },
      // No flags of the process: a debugger's or a test runner's would break or slow the thread.
      execArgv: [],
    });
    this.worker = worker;
    this.ready = waitFor(worker, START_MS, (reply) => (reply.ready ? true : undefined)).then(() => undefined);
    // Whoever awaits it sees the failure; when nobody does it must not end the process.
    this.ready.catch(() => undefined);
    worker.on('error', () => this.forget(worker));
    worker.on('exit', () => this.forget(worker));
    return worker;
  }

  private async ask(worker: Worker, question: Question, timeoutMs: number): Promise<Answer> {
    const id = ++this.lastId;
    const answer = waitFor<Answer>(worker, timeoutMs, ({ id: of, error, outline }) => {
      if (of !== id) return undefined;
      return error ? { error } : { error: null, outline };
    });
    worker.postMessage({ id, ...question });
    try {
      return await answer;
    } catch (error) {
      this.forget(worker);
      await worker.terminate();
      return { error: { message: error instanceof Error ? error.message : String(error) } };
    }
  }

  private forget(worker: Worker | undefined): void {
    if (this.worker !== worker) return;
    this.worker = undefined;
    this.ready = undefined;
  }
}

/** The first reply that `pick` takes; rejects when the thread fails or `ms` pass. */
function waitFor<T>(worker: Worker, ms: number, pick: (reply: Reply) => T | undefined): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const settle = (finish: () => void): void => {
      clearTimeout(timer);
      worker.off('message', onMessage).off('error', onError).off('exit', onExit);
      finish();
    };
    const onMessage = (reply: Reply): void => {
      const picked = pick(reply);
      if (picked !== undefined) settle(() => resolve(picked));
    };
    const onError = (error: Error): void => settle(() => reject(error));
    const onExit = (): void => settle(() => reject(new Error('the Mermaid thread ended')));
    const timer = setTimeout(() => settle(() => reject(new Error(`Mermaid took longer than ${ms} ms`))), ms);
    worker.on('message', onMessage).on('error', onError).on('exit', onExit);
  });
}
