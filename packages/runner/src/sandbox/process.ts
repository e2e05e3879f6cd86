/**
 * Job: worker processes where there are no namespaces: a user of their own, bounds of the kernel, Node's permission
 * flags, as far as the host can; and as plain processes when the sandbox is off.
 *
 * Boundary: what it does not stop is in its `walls` and in `docs/sandbox.md`: such a worker sees the machine's network,
 * and whatever files its user may read once code has got past Node's flags.
 *
 * Invariants
 * 1. A home belongs to its worker's user alone, and goes with the process.
 * 2. A user id is given to another worker only after the process has ended.
 */
import { chownSync } from 'node:fs';
import { type WorkerHomes } from '../supervisor/worker-homes.js';
import { type Capabilities } from './capabilities.js';
import { rlimitWords } from './limits.js';
import { permissionFlags } from './permission.js';
import { type Launched, type LaunchRequest, type Sandbox, type SandboxLimits, type Wall } from './sandbox.js';
import { entryWords, niceWords, spawnWorker, userWords } from './spawn.js';

export class ProcessSandbox implements Sandbox {
  readonly kind = 'process';
  readonly ownNetwork = false;

  constructor(
    private readonly can: Capabilities,
    private readonly limits: SandboxLimits,
    private readonly code: readonly string[],
    private readonly homes: WorkerHomes,
    readonly walls: readonly Wall[],
  ) {}

  launch({ main, args, execArgv, env }: LaunchRequest): Launched {
    const { users, groups, prlimit } = this.can;
    const user = users?.ids.take();
    const group = groups.make();
    const home = this.homes.make();
    if (user !== undefined) chownSync(home, user, user);
    const flags = this.can.permission ? permissionFlags([...this.code, '/etc/ssl/', '/proc/'], [home]) : [];
    const words = [
      ...entryWords(group.entries),
      ...(groups.controllers.includes('cpu') ? [] : niceWords()),
      ...(users && user !== undefined ? userWords(users.setpriv, user) : []),
      ...(prlimit
        ? rlimitWords(prlimit, this.limits, {
            tasks: user !== undefined,
            memory: !groups.controllers.includes('memory'),
          })
        : []),
    ];
    const { child, exited } = spawnWorker(
      [...words, process.execPath, ...flags, ...execArgv, main, ...args],
      {
        cwd: home,
        env: { ...env, HOME: home, TMPDIR: home },
        ipc: false,
      },
    );
    const ended = exited.then((end) => ({ ...end, outOfMemory: group.ranOutOfMemory() }));
    void ended.then(async () => {
      if (user !== undefined) users?.ids.release(user);
      await Promise.all([group.remove(), this.homes.remove(home)]);
    });
    return { child, exited: ended, pid: () => child.pid, boundCpus: group.boundCpus };
  }

  async close(): Promise<void> {
    await this.can.groups.close();
  }
}

/** No walls at all, for debugging. */
export class NoSandbox implements Sandbox {
  readonly kind = 'off';
  readonly ownNetwork = false;

  constructor(
    private readonly homes: WorkerHomes,
    readonly walls: readonly Wall[],
  ) {}

  launch({ main, args, execArgv, env }: LaunchRequest): Launched {
    const home = this.homes.make();
    const { child, exited } = spawnWorker([process.execPath, ...execArgv, main, ...args], {
      cwd: home,
      env: { ...env, HOME: home, TMPDIR: home },
      ipc: false,
    });
    void exited.then(() => this.homes.remove(home));
    return { child, exited, pid: () => child.pid, boundCpus: () => undefined };
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
