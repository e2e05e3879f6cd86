import { type SandboxLimits } from './sandbox.js';

/** The worker's surroundings inside. */
export const INSIDE = {
  home: '/home/worker',
  tmp: '/tmp',
  path: '/usr/local/bin:/usr/bin:/bin',
  uid: 1000,
} as const;

/** Where the linker and programs of a system are; links of a merged `/usr` are made anew, folders are bound. */
export interface SystemFolder {
  path: string;
  /** What it points to, where it is a symbolic link. */
  link?: string;
}

/** Of `/etc`: trusted certificates, the linker's cache, the time zone. */
export const SHARED_ETC = [
  '/etc/ssl/certs',
  '/etc/ssl/openssl.cnf',
  '/etc/pki/tls/certs',
  '/etc/pki/ca-trust/extracted',
  '/etc/ca-certificates/extracted',
  '/etc/ld.so.cache',
  '/etc/localtime',
] as const;

/** What `/etc` has of our own: one user, one host. */
export const ETC_FILES: Readonly<Record<string, string>> = {
  '/etc/passwd': `worker:x:${INSIDE.uid}:${INSIDE.uid}::${INSIDE.home}:/usr/sbin/nologin\n`,
  '/etc/group': `worker:x:${INSIDE.uid}:\n`,
  '/etc/hosts': '127.0.0.1 localhost\n::1 localhost\n',
};

export interface BubblewrapOptions {
  system: readonly SystemFolder[];
  /** Paths outside of the system folders that are bound read-only: Node and the worker's code. */
  code: readonly string[];
  limits: Pick<SandboxLimits, 'diskBytes'>;
  /** File descriptors that hold {@link ETC_FILES}, by path. */
  etc: ReadonlyMap<string, number>;
  /** Where bwrap says the pid of what it keeps. */
  statusFd?: number;
  seccompFd?: number;
  ownNetwork: boolean;
  /** A command's workspace: mounts over all the others, and the folder in them that it begins in. */
  workspace?: { mounts: readonly string[]; cwd: string };
}

/**
 * The arguments of `bwrap` up to the command: namespaces of its own for everything, a root of which nothing can be
 * written but home and temporary directory, both sized and in memory.
 */
export function bubblewrapArguments(options: BubblewrapOptions): string[] {
  const { system, code, limits, etc, statusFd, seccompFd, ownNetwork, workspace } = options;
  const tmpfs = (perms: string, path: string): string[] => [
    '--perms',
    perms,
    '--size',
    String(limits.diskBytes),
    '--tmpfs',
    path,
  ];
  return [
    '--unshare-user',
    '--unshare-pid',
    '--unshare-ipc',
    '--unshare-uts',
    '--unshare-cgroup-try',
    ...(ownNetwork ? ['--unshare-net'] : []),
    '--disable-userns',
    '--die-with-parent',
    '--new-session',
    ...['--uid', String(INSIDE.uid), '--gid', String(INSIDE.uid), '--hostname', 'worker'],
    ...system.flatMap(({ path, link }) =>
      link === undefined ? ['--ro-bind', path, path] : ['--symlink', link, path],
    ),
    ...SHARED_ETC.flatMap((path) => ['--ro-bind-try', path, path]),
    ...[...etc].flatMap(([path, fd]) => ['--ro-bind-data', String(fd), path]),
    ...['--proc', '/proc', '--dev', '/dev'],
    ...tmpfs('1777', INSIDE.tmp),
    ...tmpfs('0700', INSIDE.home),
    ...code.flatMap((path) => ['--ro-bind', path, path]),
    ...(workspace?.mounts ?? []),
    // The kernel's settings are files of the user root, whom it asks for no capability; bwrap covers only what looks
    // writable to it, which their folder does not. Its own /dev and root are file systems in memory without a size.
    ...['--remount-ro', '/proc', '--remount-ro', '/dev', '--remount-ro', '/'],
    ...['--chdir', workspace?.cwd ?? INSIDE.home],
    ...(statusFd === undefined ? [] : ['--json-status-fd', String(statusFd)]),
    ...(seccompFd === undefined ? [] : ['--seccomp', String(seccompFd)]),
    '--',
  ];
}
