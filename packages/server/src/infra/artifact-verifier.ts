import { Worker } from 'node:worker_threads';
import { PegasusError } from '@pegasus-workflows/contracts';
import {
  ArtifactProblems,
  type ExpectedArtifact,
  type VerifiedArtifact,
} from '@pegasus-workflows/project/artifact-problems';
import pLimit from 'p-limit';

/**
 * Job: verifies uploaded artifacts in a thread of its own, so that a large one, or one made to be slow, holds up no
 * other request.
 *
 * Boundary: what is sound, `verifyArtifact` of `project` says; this bounds what saying so may cost.
 *
 * Invariants
 * 1. One artifact at a time; the others wait their turn, which no limit counts.
 * 2. An artifact that needs too much memory or time is refused like any other unsound one, and its thread ends with it.
 * 3. A thread that ended, however, fails only the artifact it had; the next one gets a new thread.
 * 4. The thread keeps the process alive only while it verifies.
 * 5. A thread that nobody has needed for {@link VerifierLimits.idleMs} is ended: it holds 200 MiB.
 */
export interface VerifierLimits {
  /** For one artifact, without its turn and the start of the thread. */
  timeoutMs: number;
  /** Of the thread's heap; the zip itself lies outside of it. */
  memoryMb: number;
  idleMs: number;
}

const LIMITS: VerifierLimits = { timeoutMs: 60_000, memoryMb: 512, idleMs: 600_000 };
/** Loading a parser of TypeScript and the rest; far less on an idle machine. */
const START_MS = 60_000;
/** The same distance from `src` and from `dist`. */
const THREAD = new URL('../../threads/verify.mjs', import.meta.url);

interface Reply {
  ready?: true;
  id?: number;
  verified?: VerifiedArtifact;
  problems?: string[];
  tooLarge?: boolean;
  failure?: string;
}

/** A thread and the moment it is ready. */
interface Started {
  worker: Worker;
  ready: Promise<unknown>;
}

/** The thread gave no answer; `why` is for the log. */
class NoAnswer extends Error {
  constructor(
    readonly kind: 'time' | 'memory' | 'ended',
    why: string,
  ) {
    super(why);
    this.name = 'NoAnswer';
  }
}

export class ArtifactVerifier {
  readonly #limits: VerifierLimits;
  readonly #inTurn = pLimit(1);
  #thread: Started | undefined;
  #lastId = 0;
  #idle: NodeJS.Timeout | undefined;

  constructor(limits: Partial<VerifierLimits> = {}) {
    this.#limits = { ...LIMITS, ...limits };
  }

  /** Starts the thread, so that the first artifact need not wait for it. Never rejects, delays nothing. */
  warmUp(): void {
    this.#thread ??= this.#start();
    this.#endWhenIdle();
  }

  /** Whether there is a thread. */
  get isWarm(): boolean {
    return this.#thread !== undefined;
  }

  /**
   * What is to be known of a sound artifact. Throws ArtifactProblems (ARTIFACT_INVALID, ARTIFACT_TOO_LARGE), and
   * SERVICE_UNAVAILABLE when the thread could not do its work.
   */
  verify(path: string, expected: ExpectedArtifact): Promise<VerifiedArtifact> {
    return this.#inTurn(() => this.#verify(path, expected));
  }

  async close(): Promise<void> {
    clearTimeout(this.#idle);
    const thread = this.#thread;
    this.#thread = undefined;
    await thread?.worker.terminate();
  }

  async #verify(path: string, expected: ExpectedArtifact): Promise<VerifiedArtifact> {
    clearTimeout(this.#idle);
    const { worker, ready } = (this.#thread ??= this.#start());
    const id = ++this.#lastId;
    worker.ref();
    try {
      await ready;
      const reply = waitFor(worker, this.#limits.timeoutMs, (heard) => heard.id === id);
      worker.postMessage({ id, path, expected });
      return outcomeOf(await reply);
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error;
      this.#forget(worker);
      await worker.terminate();
      throw this.#refusal(error);
    } finally {
      worker.unref();
      this.#endWhenIdle();
    }
  }

  /** Invariant 5. One that is verifying has no such time. */
  #endWhenIdle(): void {
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => {
      if (this.#inTurn.activeCount === 0) void this.close();
    }, this.#limits.idleMs).unref();
  }

  /** Invariant 2. */
  #refusal(error: NoAnswer): PegasusError {
    if (error.kind === 'ended') {
      const sentence = 'The artifact could not be verified now; finalize the upload again.';
      return new PegasusError('SERVICE_UNAVAILABLE', sentence, { cause: error });
    }
    const { timeoutMs, memoryMb } = this.#limits;
    const bound = error.kind === 'time' ? `${timeoutMs / 1_000} seconds` : `${memoryMb} MiB of memory`;
    return new ArtifactProblems([
      `Verifying the artifact takes more than ${bound}; make its files or its diagram smaller.`,
    ]);
  }

  #start(): Started {
    const worker = new Worker(THREAD, {
      resourceLimits: { maxOldGenerationSizeMb: this.#limits.memoryMb },
      // No flags of the process: a debugger's or a test runner's would break or slow the thread.
      execArgv: [],
    });
    const ready = waitFor(worker, START_MS, (reply) => reply.ready === true);
    // Whoever awaits it sees the failure; when nobody does it must not end the process.
    ready.catch(() => undefined);
    worker.on('error', () => this.#forget(worker));
    worker.on('exit', () => this.#forget(worker));
    worker.unref();
    return { worker, ready };
  }

  #forget(worker: Worker): void {
    if (this.#thread?.worker === worker) this.#thread = undefined;
  }
}

function outcomeOf({ verified, problems, tooLarge, failure }: Reply): VerifiedArtifact {
  if (verified) return verified;
  if (problems) throw new ArtifactProblems(problems, { tooLarge: tooLarge === true });
  throw new Error(`an artifact could not be verified: ${failure ?? 'no reason given'}`);
}

/** The first reply that is wanted. Rejects with {@link NoAnswer} when the thread fails or `ms` pass. */
function waitFor(worker: Worker, ms: number, isWanted: (reply: Reply) => boolean): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const settle = (finish: () => void): void => {
      clearTimeout(timer);
      worker.off('message', onMessage).off('error', onError).off('exit', onExit);
      finish();
    };
    const onMessage = (reply: Reply): void => {
      if (isWanted(reply)) settle(() => resolve(reply));
    };
    const onError = (error: Error): void => {
      const kind = 'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY' ? 'memory' : 'ended';
      settle(() => reject(new NoAnswer(kind, error.message)));
    };
    const onExit = (): void => settle(() => reject(new NoAnswer('ended', 'the thread ended')));
    const timer = setTimeout(
      () => settle(() => reject(new NoAnswer('time', `no answer within ${ms} ms`))),
      ms,
    );
    timer.unref();
    worker.on('message', onMessage).on('error', onError).on('exit', onExit);
  });
}
