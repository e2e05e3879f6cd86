import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process';
import { mkdir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { PegasusError } from '@pegasus-workflows/contracts';
import { failpoint } from '@pegasus-workflows/kit/failpoints';
import { ToolError } from '../tools/tool-error.js';
import { LEASE_LOST } from '../tools/workspace.js';
import {
  claim,
  codeOf,
  currentOf,
  LEASE_MARK,
  leaseNames,
  LONGEST_MS,
  readHolder,
  nameOf,
  revoke,
  settle,
  settleBelow,
  topToken,
  writeHolder,
  type LeaseHolder,
} from './lease-folder.js';
import { fateOf, pause, thisProcess } from './processes.js';

/**
 * Job: one writer at a time on a workspace, also across crashes, stopped processes and hosts that share its files.
 *
 * Boundary: a folder, such as the workspace's `.pugi/lease`. A holder is a dispatch by its id, not a process: begun
 * again after a crash it takes the lease at once. Who waits is served in no order.
 *
 * Invariants
 * 1. The lease's folder is `lease-<token>`; a token is given once, and each is higher than those before.
 * 2. A lease is taken over only when it was given back, when its process is certainly gone from this host, or when it was
 *    seen not to be renewed for its whole length on the clock of the one that waits.
 * 3. Taking over is renaming the folder. A holder reaches its stage and starts its programs by the folder's path alone, so
 *    from that moment it can do neither: there is no moment between a check and an act.
 * 4. Before the next holder has the lease, the stage of the last one is emptied and its programs have ended. Where that
 *    cannot be known (they run on another host), nobody gets it.
 * 5. Nobody but its holder releases a lease, and one that was lost is not released.
 */
export interface LeaseRequest {
  /** The lease's own, such as `.pugi/lease` of a workspace; on one file system with what is written. */
  folder: string;
  /** Id of the dispatch. */
  holder: string;
  /** A lease that was not renewed for so long may be taken over. Milliseconds. */
  lengthMs?: number;
  /** Waits no longer. Milliseconds. */
  waitMs?: number;
  signal?: AbortSignal;
  /** Told when it has to wait, once for each holder. */
  onWait?: (holder: { holder: string; token: number }) => void;
}

export interface LeasedCommand {
  file: string;
  args: string[];
  /** To be added to the environment. */
  env: Record<string, string>;
}

const LENGTH_MS = 6_000;
const WAIT_MS = LONGEST_MS;
/** What a program's starter ends with when the lease is gone. */
export const NOT_STARTED = 75;

/**
 * Says by a name in the lease's folder which process it is, and becomes the program. The name is one system call: there
 * is no record that is half written.
 */
const STARTER = `programs=$1; shift
started_at() { started=\${20}; }
IFS= read -r stat < "/proc/$$/stat" || exit ${NOT_STARTED}
started_at \${stat##*) }
{ printf '' > "$programs/$$.$started"; } 2>/dev/null || {
  echo 'The lease was lost; the program was not started.' >&2
  exit ${NOT_STARTED}
}
exec "$@"`;

export class WriterLease {
  readonly #lost = new AbortController();
  #renewing: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isReleased = false;

  private constructor(
    private readonly parent: string,
    readonly token: number,
    private held: LeaseHolder,
  ) {}

  /**
   * Waits for the lease and takes it. Throws CONFLICT after {@link LeaseRequest.waitMs}, and where programs of an earlier
   * holder cannot be ended from here; the signal's reason when that is aborted.
   */
  static async take(request: LeaseRequest): Promise<WriterLease> {
    const { holder, lengthMs = LENGTH_MS, waitMs = WAIT_MS, signal } = request;
    await mkdir(request.folder, { recursive: true, mode: 0o700 });
    // Programs are known by the folder's path: it has to be the same one for all.
    const folder = await realpath(request.folder);
    const until = performance.now() + waitMs;
    const watch = new Watch({ ...request, folder });
    const mine = { holder, process: await thisProcess(), counter: 0, lengthMs };
    for (;;) {
      signal?.throwIfAborted();
      const names = await leaseNames(folder);
      const current = currentOf(names);
      if (!current) {
        const token = topToken(names) + 1;
        const lease = await claim(folder, token, mine);
        if (lease) return new WriterLease(folder, token, mine).#begin();
        continue;
      }
      if (await watch.mayTake(current.token)) {
        await revoke(folder, current.token);
        failpoint('agents.lease.revoked');
        continue;
      }
      if (performance.now() > until)
        throw new PegasusError(
          'CONFLICT',
          `lease: ${watch.holder} has written the workspace for longer than ${waitMs} ms.`,
          { hint: 'Wait for that dispatch to end, or cancel it.' },
        );
      await pause(Math.min(250, Math.max(10, lengthMs / 10)), signal);
    }
  }

  /** Invariant 4. */
  async #begin(): Promise<WriterLease> {
    failpoint('agents.lease.claimed');
    this.#timer = setInterval(() => {
      this.#renewing ??= this.#renew().finally(() => (this.#renewing = undefined));
    }, this.held.lengthMs / 3);
    this.#timer.unref();
    try {
      await settleBelow(this.parent, this.token);
      await this.check();
      return this;
    } catch (error) {
      await this.release();
      throw error;
    }
  }

  /** Where files are written that are to replace others, which is done by a rename of their path in here. */
  get stage(): string {
    return join(this.#folder, 'stage');
  }

  /** Aborted once it is known that somebody else has taken over. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  get #folder(): string {
    return join(this.parent, nameOf('lease', this.token));
  }

  /** Throws {@link ToolError} LEASE_LOST. What is true now may not be so a moment later: see {@link stage}. */
  async check(): Promise<void> {
    try {
      await stat(this.stage);
    } catch (error) {
      if (codeOf(error) === 'ENOENT') throw this.#lose();
      throw error;
    }
  }

  /**
   * A command line that starts a program under the lease (invariant 3). It has to lead a process group of its own
   * (`detached`), and ends with {@link NOT_STARTED} when the lease was gone before it had begun.
   */
  command(file: string, args: readonly string[]): LeasedCommand {
    const programs = join(this.#folder, 'programs');
    return {
      file: '/bin/sh',
      args: ['-c', STARTER, 'pegasus-start', programs, file, ...args],
      env: { [LEASE_MARK]: this.#folder },
    };
  }

  /** Starts a program under the lease. */
  spawn(file: string, args: readonly string[], options: SpawnOptions = {}): ChildProcess {
    const command = this.command(file, args);
    return spawn(command.file, command.args, {
      ...options,
      env: { ...(options.env ?? process.env), ...command.env },
      detached: true,
      shell: false,
    });
  }

  /** Starts a program and waits until it has ended. Throws LEASE_LOST where it was not started, or was ended by another. */
  async run(
    file: string,
    args: readonly string[],
    options: SpawnOptions = {},
  ): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
    const child = this.spawn(file, args, { stdio: 'ignore', ...options });
    const ended = await new Promise<{ code: number | null; signal: NodeJS.Signals | null }>(
      (resolve, reject) => {
        child.once('error', reject);
        child.once('close', (code, signal) => resolve({ code, signal }));
      },
    );
    await this.check();
    return ended;
  }

  /** Ends what was started under it and is still there, and lets the next one in (invariant 5). */
  async release(): Promise<void> {
    if (this.#isReleased) return;
    this.#isReleased = true;
    clearInterval(this.#timer);
    await this.#renewing;
    if (await revoke(this.parent, this.token)) await settle(this.parent, nameOf('revoked', this.token));
  }

  async #renew(): Promise<void> {
    try {
      const next = { ...this.held, counter: this.held.counter + 1 };
      await writeHolder(this.#folder, next);
      this.held = next;
    } catch (error) {
      // A disk that is full for a moment is no loss; a lease that was not renewed is taken over in time.
      if (codeOf(error) === 'ENOENT') this.#lose();
    }
  }

  #lose(): ToolError {
    clearInterval(this.#timer);
    const error = new ToolError(LEASE_LOST, 'The lease was lost: another writer has the workspace now.');
    if (!this.#isReleased) this.#lost.abort(error);
    return error;
  }
}

/** What a contender has seen of the holder (invariant 2). */
class Watch {
  holder = 'another dispatch';
  #seen = '';
  #since = 0;
  #told = 0;

  constructor(private readonly request: LeaseRequest) {}

  async mayTake(token: number): Promise<boolean> {
    const { folder, lengthMs = LENGTH_MS, onWait } = this.request;
    // Before it is read: a contender that is stopped after it has read has not seen what it missed.
    const now = performance.now();
    const found = await readHolder(join(folder, nameOf('lease', token)));
    if (!found) return false;
    const { holder } = found;
    this.holder = holder?.holder ?? this.holder;
    if (holder && (await fateOf(holder.process)) === 'gone') return true;
    const seen = `${token} ${found.text}`;
    if (seen !== this.#seen) {
      [this.#seen, this.#since] = [seen, now];
    } else if (now - this.#since > Math.max(lengthMs, holder?.lengthMs ?? LONGEST_MS)) return true;
    if (this.#told !== token) {
      this.#told = token;
      onWait?.({ holder: this.holder, token });
    }
    return false;
  }
}
