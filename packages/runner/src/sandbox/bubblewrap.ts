/**
 * Job: worker processes in namespaces of their own, by bubblewrap.
 *
 * Boundary: turns a launch request into one command line and file descriptors; what the arguments are is
 * `bubblewrap-arguments.ts`, what the host can do is `capabilities.ts`.
 *
 * Invariants
 * 1. Nothing of the worker runs outside of its control groups, its user id and its namespaces: each is entered before
 *    the next program of the chain is run.
 * 2. The end of the keeper is the end of all inside; the end of the supervisor is the end of the keeper.
 * 3. A user id is given to another worker, and a control group removed, only after the process has ended.
 */
import { closeSync, openSync, readFileSync } from 'node:fs';
import { type Readable } from 'node:stream';
import { bubblewrapArguments, ETC_FILES, INSIDE } from './bubblewrap-arguments.js';
import { type Capabilities } from './capabilities.js';
import { openContents } from './contents.js';
import { rlimitWords } from './limits.js';
import { permissionFlags } from './permission.js';
import { type Launched, type LaunchRequest, type Sandbox, type SandboxLimits, type Wall } from './sandbox.js';
import { endInside, entryWords, niceWords, spawnWorker, userWords } from './spawn.js';
import { outsideOf, systemFolders } from './system-folders.js';

/** The descriptor after the channel's. */
const STATUS_FD = 5;

export class Bubblewrap implements Sandbox {
  readonly kind = 'bubblewrap';
  readonly #system = systemFolders();
  readonly #etc: ReadonlyMap<string, number>;
  /** The filter of system calls as an open file. */
  readonly #filter: number | undefined;
  readonly #flags: string[];

  constructor(
    private readonly can: Capabilities,
    private readonly limits: SandboxLimits,
    private readonly code: readonly string[],
    readonly walls: readonly Wall[],
  ) {
    this.#etc = openContents(ETC_FILES);
    const { syscallFilter } = can;
    this.#filter = syscallFilter && openContents({ filter: syscallFilter }).get('filter');
    this.#flags = can.permission
      ? permissionFlags([...code, '/etc/', '/proc/', '/usr/share/'], [INSIDE.home, INSIDE.tmp])
      : [];
  }

  get ownNetwork(): boolean {
    return this.can.namespaces?.network === true;
  }

  launch({ main, args, execArgv, env }: LaunchRequest): Launched {
    const { users, groups } = this.can;
    const user = users?.ids.take();
    const group = groups.make();
    const command = [process.execPath, ...this.#flags, ...execArgv, main, ...args];
    const files =
      this.#filter === undefined ? [...this.#etc.values()] : [...this.#etc.values(), this.#filter];
    const fds = files.map((fd) => openSync(`/proc/self/fd/${fd}`, 'r'));
    try {
      const { child, exited } = spawnWorker([...this.#words(group.entries, user), ...command], {
        cwd: '/',
        env: { ...env, PATH: INSIDE.path, HOME: INSIDE.home, TMPDIR: INSIDE.tmp },
        ipc: this.ownNetwork,
        extra: ['pipe', ...fds],
      });
      const keeper = childPid((child.stdio as readonly unknown[])[STATUS_FD] as Readable | undefined);
      const ended = exited.then((end) => ({ ...endInside(end), outOfMemory: group.ranOutOfMemory() }));
      void ended.then(async () => {
        if (user !== undefined) users?.ids.release(user);
        await group.remove();
      });
      return { child, exited: ended, pid: () => onlyChildOf(keeper()), boundCpus: group.boundCpus };
    } finally {
      fds.forEach(closeSync);
    }
  }

  async close(): Promise<void> {
    for (const fd of this.#etc.values()) closeSync(fd);
    if (this.#filter !== undefined) closeSync(this.#filter);
    await this.can.groups.close();
  }

  #words(entries: readonly string[], user: number | undefined): string[] {
    const { users, groups, prlimit, namespaces } = this.can;
    const controllers = groups.controllers;
    const paths = [...this.#etc.keys()];
    return [
      ...entryWords(entries),
      ...(controllers.includes('cpu') ? [] : niceWords()),
      ...(users && user !== undefined ? userWords(users.setpriv, user) : []),
      namespaces!.bwrap,
      ...bubblewrapArguments({
        system: this.#system,
        code: outsideOf(this.#system, this.code),
        limits: this.limits,
        etc: new Map(paths.map((path, index) => [path, STATUS_FD + 1 + index])),
        statusFd: STATUS_FD,
        ...(this.#filter === undefined ? {} : { seccompFd: STATUS_FD + 1 + paths.length }),
        ownNetwork: this.ownNetwork,
      }),
      ...(prlimit
        ? rlimitWords(prlimit, this.limits, {
            tasks: users !== undefined,
            memory: !controllers.includes('memory'),
          })
        : []),
    ];
  }
}

/** Reads bwrap's status: the pid of the first process of its namespace, once it has said so. */
function childPid(status: Readable | undefined): () => number | undefined {
  let text = '';
  status?.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  status?.on('error', () => undefined);
  return () => {
    const pid = /"child-pid"\s*:\s*(\d+)/.exec(text)?.[1];
    return pid === undefined ? undefined : Number(pid);
  };
}

/** The worker itself: the one child of the namespace's first process. */
function onlyChildOf(pid: number | undefined): number | undefined {
  if (pid === undefined) return undefined;
  try {
    const [child] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
    return child ? Number(child) : undefined;
  } catch {
    return undefined;
  }
}
