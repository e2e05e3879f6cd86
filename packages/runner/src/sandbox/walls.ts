import { type Capabilities } from './capabilities.js';
import { WALLS, type Wall, type WallName } from './sandbox.js';

/** Which walls stand on this host, and by what; what each of the others lacks. */
export function wallsOf(can: Capabilities): Wall[] {
  const { namespaces, users, groups, prlimit, lacks, syscallFilter } = can;
  const controllers = groups.controllers;
  const inside = namespaces !== undefined;
  const without = lacks.namespaces ?? 'no namespaces';
  const memory = byKernel('memory', 'RLIMIT_DATA', prlimit !== undefined);
  const tasks = byKernel('pids', 'RLIMIT_NPROC', prlimit !== undefined && users !== undefined);
  const found: Record<WallName, [boolean, string]> = {
    files: inside ? [true, `bubblewrap at ${namespaces.bwrap}`] : [false, without],
    processes: inside ? [true, 'a process namespace'] : [false, without],
    network: namespaces?.network ? [true, 'a network namespace'] : [false, lacks.network ?? without],
    user: users ? [true, 'a user id for each worker'] : [false, lacks.users ?? 'no user id of its own'],
    memory,
    cpu: controllers.includes('cpu')
      ? [true, 'a control group that weighs less than the platform']
      : [
          false,
          'no cpu control group is delegated to the supervisor; a lower priority (nice) is all there is',
        ],
    tasks,
    disk: inside ? [true, 'home and temporary directory are sized, in memory'] : [false, without],
    syscalls:
      inside && syscallFilter
        ? [true, 'a seccomp filter']
        : [false, inside ? 'the kernel takes no seccomp filter for this machine' : without],
    permission: can.permission
      ? [true, 'Node’s permission flags']
      : [false, 'this version of Node has no permission flags'],
  };
  return WALLS.map((name) => ({ name, up: found[name][0], detail: found[name][1] }));

  function byKernel(controller: 'memory' | 'pids', rlimit: string, hasRlimit: boolean): [boolean, string] {
    if (controllers.includes(controller)) return [true, 'a control group'];
    if (hasRlimit) return [true, rlimit];
    return [
      false,
      `no ${controller} control group is delegated to the supervisor, and ${rlimit} cannot be set`,
    ];
  }
}

/** What `PEGASUS_SANDBOX=require` insists on. */
export const REQUIRED_WALLS: readonly WallName[] = ['files', 'processes', 'network', 'memory'];
