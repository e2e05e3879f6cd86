import { accessSync, constants, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

/** The controllers that are used here. */
export const CONTROLLERS = ['memory', 'pids', 'cpu'] as const;
export type Controller = (typeof CONTROLLERS)[number];

/** Where groups for workers may be made. `own`: the group that this process is in is the only place (v2). */
export interface GroupPlace {
  version: 1 | 2;
  dir: string;
  controllers: Controller[];
  own: boolean;
}

/** What is read of a machine to find them; a test gives its own. */
export interface CgroupFiles {
  /** `/proc/self/cgroup`. */
  membership: string;
  /** `/proc/self/mountinfo`. */
  mounts: string;
}

export function readCgroupFiles(): CgroupFiles {
  const read = (file: string): string => {
    try {
      return readFileSync(file, 'utf8');
    } catch {
      return '';
    }
  };
  return { membership: read('/proc/self/cgroup'), mounts: read('/proc/self/mountinfo') };
}

/**
 * The places where this process may make groups with these controllers: of version 1 one for each controller, of
 * version 2 one for all. None where control groups are not delegated to this process.
 */
export function groupPlaces({ membership, mounts }: CgroupFiles): GroupPlace[] {
  const mounted = parseMounts(mounts);
  const places: GroupPlace[] = [];
  for (const line of membership.split('\n')) {
    const match = /^\d+:([^:]*):(.*)$/.exec(line);
    if (!match) continue;
    const [, names = '', path = '/'] = match;
    const controllers = names.split(',');
    const mount = mounted.find(({ type, options }) =>
      names === ''
        ? type === 'cgroup2'
        : type === 'cgroup' && controllers.every((name) => options.includes(name)),
    );
    if (!mount) continue;
    const dir = join(
      mount.point,
      relative(mount.root, path).startsWith('..') ? '' : relative(mount.root, path),
    );
    if (names === '') places.push(...unifiedPlace(mount.point, dir));
    else {
      const used = CONTROLLERS.filter((name) => controllers.includes(name));
      if (used.length > 0 && writable(dir)) places.push({ version: 1, dir, controllers: used, own: false });
    }
  }
  return places;
}

interface Mount {
  root: string;
  point: string;
  type: string;
  options: string[];
}

function parseMounts(mounts: string): Mount[] {
  return mounts.split('\n').flatMap((line): Mount[] => {
    const [before, after] = line.split(' - ');
    const fields = before?.split(' ') ?? [];
    const [type = '', , options = ''] = after?.split(' ') ?? [];
    const [root, point] = [fields[3], fields[4]];
    if (root === undefined || point === undefined || !type.startsWith('cgroup')) return [];
    return [{ root, point, type, options: options.split(',') }];
  });
}

/**
 * A group of version 2 may hold either processes or groups with controllers. So the nearest one above ours that hands
 * its controllers on, and only then our own, whose processes have to move into a group below it.
 */
function unifiedPlace(top: string, own: string): GroupPlace[] {
  for (let dir = dirname(own); dir.startsWith(top); dir = dirname(dir)) {
    const controllers = controllersIn(join(dir, 'cgroup.subtree_control'));
    if (controllers.length > 0 && writable(dir) && writable(join(dir, 'cgroup.procs')))
      return [{ version: 2, dir, controllers, own: false }];
  }
  const controllers = controllersIn(join(own, 'cgroup.controllers'));
  const delegated = writable(own) && writable(join(own, 'cgroup.subtree_control'));
  return delegated && controllers.length > 0 ? [{ version: 2, dir: own, controllers, own: true }] : [];
}

function controllersIn(file: string): Controller[] {
  try {
    const names = readFileSync(file, 'utf8').trim().split(' ');
    return CONTROLLERS.filter((name) => names.includes(name));
  } catch {
    return [];
  }
}

function writable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
