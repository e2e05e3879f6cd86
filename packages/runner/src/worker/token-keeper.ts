/**
 * Job: the runtime tokens of the executions whose activities run here now.
 *
 * Boundary: asks the supervisor through `ask`; `runtime-env.ts` shows the tokens to the activities.
 *
 * Invariants
 * 1. Activities of one run of one queue share a token; it is dropped when the last of them has ended.
 * 2. It is renewed at half its life as long as one of them runs; a failed renewal is tried again until then.
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
  token: string | undefined;
  first: Promise<void>;
  timer: NodeJS.Timeout | undefined;
}

export const FIRST_TOKEN_MS = 5_000;
const RETRY_MS = 5_000;

export class TokenKeeper {
  readonly #kept = new Map<string, Kept>();

  constructor(private readonly ask: AskForToken) {}

  /** Runs `work` with a look at the run's present token. */
  async during<T>(run: AskedRun, work: (token: () => string | undefined) => Promise<T>): Promise<T> {
    const key = `${run.taskQueue} ${run.runId}`;
    let kept = this.#kept.get(key);
    if (!kept) {
      kept = { users: 0, token: undefined, first: Promise.resolve(), timer: undefined };
      this.#kept.set(key, kept);
      kept.users++;
      kept.first = this.#renew(run, kept);
    } else kept.users++;
    const mine = kept;
    try {
      await withinLimit(mine.first);
      return await work(() => mine.token);
    } finally {
      mine.users--;
      if (mine.users === 0) {
        clearTimeout(mine.timer);
        this.#kept.delete(key);
      }
    }
  }

  async #renew(run: AskedRun, kept: Kept): Promise<void> {
    const given = await this.ask(run).catch(() => undefined);
    if (kept.users === 0) return;
    if (given) kept.token = given.token;
    const again = given ? given.lifetimeMs / 2 : RETRY_MS;
    kept.timer = setTimeout(() => void this.#renew(run, kept), again);
    kept.timer.unref();
  }
}

async function withinLimit(first: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<void>((resolve) => (timer = setTimeout(resolve, FIRST_TOKEN_MS)));
  await Promise.race([first, limit]);
  clearTimeout(timer);
}
