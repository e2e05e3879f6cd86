/**
 * Job: the runtime tokens of the executions whose activities run here now, or ran here a moment ago.
 *
 * Boundary: asks the supervisor through `ask`; `runtime-env.ts` shows the tokens to the activities.
 *
 * Invariants
 * 1. Activities of one run of one queue share a token, also those that follow each other within {@link LINGER_MS}: asking
 *    for it is a good part of what a short activity takes. Of runs without an activity at most {@link CAPACITY} are kept.
 * 2. It is renewed at half its life as long as one of them runs; a failed renewal is tried again until then. One that
 *    nobody uses is dropped by then, so that no activity begins with a token that has less than half its life left.
 * 3. An activity waits for its first token at most {@link FIRST_TOKEN_MS}; without one it runs, and has none.
 */
export interface AskedRun {
  taskQueue: string;
  workflowId: string;
  runId: string;
}

export interface GivenToken {
  token: string;
  /** Milliseconds until it expires, from when it was given. */
  lifetimeMs: number;
}

/** Rejects, or answers `undefined`, when there is none to be had. */
export type AskForToken = (run: AskedRun) => Promise<GivenToken | undefined>;

interface Kept {
  users: number;
  /** When half the token's life is over, by `performance.now()`. */
  freshUntil: number;
  token: string | undefined;
  first: Promise<void>;
  /** Of the next renewal while it is used, of its end while it is not. */
  timer: NodeJS.Timeout | undefined;
}

export const FIRST_TOKEN_MS = 5_000;
export const LINGER_MS = 10_000;
export const CAPACITY = 500;
const RETRY_MS = 5_000;

export class TokenKeeper {
  readonly #kept = new Map<string, Kept>();
  /** Of those, the ones that nobody uses, the longest unused first. */
  readonly #idle = new Set<string>();

  constructor(private readonly ask: AskForToken) {}

  /** Runs `work` with a look at the run's present token. */
  async during<T>(run: AskedRun, work: (token: () => string | undefined) => Promise<T>): Promise<T> {
    const key = `${run.taskQueue} ${run.runId}`;
    const kept = this.#take(key, run);
    try {
      await withinLimit(kept.first);
      return await work(() => kept.token);
    } finally {
      kept.users--;
      if (kept.users === 0) this.#rest(key, kept);
    }
  }

  #take(key: string, run: AskedRun): Kept {
    let kept = this.#kept.get(key);
    if (!kept) {
      kept = { users: 1, freshUntil: 0, token: undefined, first: Promise.resolve(), timer: undefined };
      this.#kept.set(key, kept);
      kept.first = this.#renew(run, kept);
      return kept;
    }
    if (kept.users++ === 0) {
      this.#idle.delete(key);
      this.#renewAt(run, kept, kept.freshUntil);
    }
    return kept;
  }

  /** Keeps the token for the activity that follows. */
  #rest(key: string, kept: Kept): void {
    clearTimeout(kept.timer);
    const lingerMs = Math.min(LINGER_MS, kept.freshUntil - performance.now());
    if (kept.token === undefined || lingerMs <= 0) return this.#drop(key);
    this.#idle.add(key);
    kept.timer = setTimeout(() => this.#drop(key), lingerMs);
    kept.timer.unref();
    if (this.#idle.size > CAPACITY) this.#drop(this.#idle.values().next().value!);
  }

  #drop(key: string): void {
    clearTimeout(this.#kept.get(key)?.timer);
    this.#kept.delete(key);
    this.#idle.delete(key);
  }

  async #renew(run: AskedRun, kept: Kept): Promise<void> {
    const given = await this.ask(run).catch(() => undefined);
    if (given) {
      kept.token = given.token;
      kept.freshUntil = performance.now() + given.lifetimeMs / 2;
    }
    if (kept.users > 0) this.#renewAt(run, kept, given ? kept.freshUntil : performance.now() + RETRY_MS);
  }

  #renewAt(run: AskedRun, kept: Kept, at: number): void {
    clearTimeout(kept.timer);
    kept.timer = setTimeout(() => void this.#renew(run, kept), at - performance.now());
    kept.timer.unref();
  }
}

async function withinLimit(first: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<void>((resolve) => (timer = setTimeout(resolve, FIRST_TOKEN_MS)));
  await Promise.race([first, limit]);
  clearTimeout(timer);
}
