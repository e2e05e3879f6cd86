import { spawn } from 'node:child_process';
import { accessSync, constants, existsSync, realpathSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { bubblewrapArguments } from './bubblewrap-arguments.js';
import { ControlGroups } from './cgroups.js';
import { closedTo } from './code-roots.js';
import { permissionFlags } from './permission.js';
import { type SandboxLimits } from './sandbox.js';
import { userWords } from './spawn.js';
import { syscallFilter } from './syscall-filter.js';
import { systemFolders } from './system-folders.js';
import { UserIds } from './user-ids.js';

/** What this host can do for a sandbox; what it cannot is said as a clause. */
export interface Capabilities {
  /** Namespaces by bubblewrap. `network`: one with nothing in it is among them. */
  namespaces: { bwrap: string; network: boolean } | undefined;
  /** User ids of their own for workers. */
  users: { setpriv: string; ids: UserIds } | undefined;
  groups: ControlGroups;
  /** Absolute path of util-linux's program. */
  prlimit: string | undefined;
  /** The filter of system calls, where this kernel takes one for this machine. */
  syscallFilter: Buffer | undefined;
  /** Whether this Node has permission flags. */
  permission: boolean;
  /** Why `namespaces`, their `network`, and `users` are not there. */
  lacks: { namespaces?: string; network?: string; users?: string };
}

const PROBE_TIMEOUT_MS = 5_000;
/** There where the kernel filters system calls. */
const SECCOMP = '/proc/sys/kernel/seccomp/actions_avail';

/**
 * Finds out by trying: runs one command in the walls that workers would get, and in fewer if that fails.
 *
 * @param code what workers must be able to read
 */
export async function probeCapabilities(
  code: readonly string[],
  limits: SandboxLimits,
): Promise<Capabilities> {
  const [prlimit, setpriv, bwrap] = ['prlimit', 'setpriv', 'bwrap'].map(findProgram);
  const groups = await ControlGroups.open(limits);
  const users = usersOrReason(setpriv, code);
  const lacks: Capabilities['lacks'] = users.reason === undefined ? {} : { users: users.reason };
  const permission = permissionFlags([], []).length > 0;
  const filter = existsSync(SECCOMP) ? syscallFilter() : undefined;
  const base = { groups, prlimit, permission, lacks, users: users.users, syscallFilter: filter };
  if (process.platform !== 'linux') {
    lacks.namespaces = 'only Linux has namespaces';
    return { ...base, namespaces: undefined };
  }
  if (!bwrap) {
    lacks.namespaces = 'bubblewrap is not installed (apt-get install bubblewrap, dnf install bubblewrap)';
    return { ...base, namespaces: undefined };
  }
  for (const network of [true, false])
    for (const withUser of users.users ? [true, false] : [false]) {
      const reason = await tryOut(bwrap, network, withUser ? users.users : undefined);
      if (reason === undefined) {
        if (users.users && !withUser) lacks.users = 'bubblewrap does not start under another user here';
        return { ...base, users: withUser ? users.users : undefined, namespaces: { bwrap, network } };
      }
      if (network) lacks.network = reason;
      lacks.namespaces = reason;
    }
  return { ...base, namespaces: undefined };
}

function usersOrReason(
  setpriv: string | undefined,
  code: readonly string[],
): { users: Capabilities['users']; reason?: string } {
  const lacking = (reason: string): { users: undefined; reason: string } => ({ users: undefined, reason });
  if (process.platform !== 'linux') return lacking('only Linux is supported');
  if (process.getuid?.() !== 0) return lacking('the supervisor does not run as root');
  if (!setpriv) return lacking('setpriv of util-linux is not installed');
  const closed = code.map(closedTo).find((path) => path !== undefined);
  if (closed !== undefined)
    return lacking(`${closed} is closed to other users, and the worker's code is in it`);
  return { users: { setpriv, ids: new UserIds(process.pid) } };
}

/** Runs nothing in the walls of a worker. @returns why that failed, as bwrap says it; `undefined` when it did not */
async function tryOut(
  bwrap: string,
  ownNetwork: boolean,
  users: Capabilities['users'],
): Promise<string | undefined> {
  const user = users?.ids.take();
  try {
    const words = [
      ...(users && user !== undefined ? userWords(users.setpriv, user) : []),
      bwrap,
      ...bubblewrapArguments({
        system: systemFolders(),
        code: [],
        limits: { diskBytes: 1024 * 1024 },
        etc: new Map(),
        ownNetwork,
      }),
      ...['/bin/sh', '-c', ':'],
    ];
    return await failureOf(words);
  } finally {
    if (user !== undefined) users?.ids.release(user);
  }
}

function failureOf(words: readonly string[]): Promise<string | undefined> {
  return new Promise((resolve) => {
    const child = spawn(words[0]!, words.slice(1), {
      cwd: '/',
      env: {},
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => (said = (said + chunk).slice(0, 1_000)));
    const kill = setTimeout(() => child.kill('SIGKILL'), PROBE_TIMEOUT_MS);
    const settle = (failure: string | undefined): void => {
      clearTimeout(kill);
      resolve(failure);
    };
    child.once('error', (error) => settle(error.message));
    child.once('close', (code) => {
      const reason = said
        .trim()
        .split('\n')[0]
        ?.replace(/^bwrap: /, '');
      settle(code === 0 ? undefined : `bubblewrap failed here: ${reason || `exit code ${code}`}`);
    });
  });
}

/** Absolute real path of a program on the PATH. */
function findProgram(name: string): string | undefined {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter).filter(Boolean))
    try {
      const file = join(folder, name);
      accessSync(file, constants.X_OK);
      return realpathSync(file);
    } catch {
      // Not in this folder.
    }
  return undefined;
}
