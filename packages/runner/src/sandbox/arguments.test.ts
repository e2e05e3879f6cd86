import { describe, expect, test } from 'vitest';
import { bubblewrapArguments, ETC_FILES, INSIDE } from './bubblewrap-arguments.js';
import { rlimitWords } from './limits.js';
import { permissionFlags } from './permission.js';
import { type SandboxLimits } from './sandbox.js';
import { endInside, entryWords, userWords } from './spawn.js';
import { outsideOf } from './system-folders.js';

const limits: SandboxLimits = { memoryBytes: 1 << 30, tasks: 100, openFiles: 50, diskBytes: 4_096, cpus: 0 };

describe('bubblewrap', () => {
  const args = (over: Partial<Parameters<typeof bubblewrapArguments>[0]> = {}): string =>
    bubblewrapArguments({
      system: [{ path: '/usr' }, { path: '/lib', link: 'usr/lib' }],
      code: ['/opt/app/dist'],
      limits,
      etc: new Map([['/etc/passwd', 6]]),
      statusFd: 5,
      ownNetwork: true,
      ...over,
    }).join(' ');

  test('has every namespace, no way to more of them, and ends with its parent', () => {
    for (const flag of ['user', 'pid', 'ipc', 'uts', 'net', 'cgroup-try'])
      expect(args()).toContain(`--unshare-${flag} `);
    expect(args()).toContain('--disable-userns --die-with-parent --new-session');
    expect(args({ ownNetwork: false })).not.toContain('--unshare-net');
  });

  test('binds nothing writable, and sizes what is', () => {
    expect(args()).not.toMatch(/--(dev-)?bind /);
    expect(args()).toContain(`--perms 0700 --size 4096 --tmpfs ${INSIDE.home}`);
    expect(args()).toContain(`--perms 1777 --size 4096 --tmpfs ${INSIDE.tmp}`);
    expect(args().indexOf('--remount-ro /dev --remount-ro /')).toBeGreaterThan(
      args().lastIndexOf('--ro-bind '),
    );
  });

  test('binds the code after the temporary directory, in which it may lie', () => {
    expect(args().indexOf('--ro-bind /opt/app/dist')).toBeGreaterThan(
      args().indexOf(`--tmpfs ${INSIDE.tmp}`),
    );
    expect(args()).toContain('--symlink usr/lib /lib');
    expect(outsideOf([{ path: '/usr' }], ['/usr/bin/node', '/usrx/a'])).toEqual(['/usrx/a']);
  });

  test('has one user, whose number is the one inside', () => {
    expect(ETC_FILES['/etc/passwd']).toBe(`worker:x:1000:1000::${INSIDE.home}:/usr/sbin/nologin\n`);
    expect(args()).toContain('--uid 1000 --gid 1000');
  });
});

test('resource limits: by kind, and memory and tasks only where nothing else holds them', () => {
  expect(rlimitWords('/bin/prlimit', limits, { tasks: false, memory: false })).toEqual([
    '/bin/prlimit',
    '--core=0',
    '--nofile=50',
    '--fsize=4096',
    '--',
  ]);
  const both = rlimitWords('/bin/prlimit', limits, { tasks: true, memory: true });
  expect(both).toContain('--nproc=100');
  expect(both).toContain(`--data=${2 * (1 << 30)}`);
});

test('another user is taken for good, without the groups of this one', () => {
  expect(userWords('/bin/setpriv', 7).join(' ')).toBe(
    '/bin/setpriv --reuid 7 --regid 7 --clear-groups --no-new-privs --',
  );
});

test('control groups are entered by the shell that runs the rest, and none without one', () => {
  expect(entryWords([])).toEqual([]);
  const words = entryWords(['/a/cgroup.procs', '/b/cgroup.procs']);
  expect(words.slice(0, 2)).toEqual(['/bin/sh', '-c']);
  expect(words.slice(3)).toEqual(['sh', '/a/cgroup.procs', '/b/cgroup.procs', '--']);
});

describe('Node’s permission flags', () => {
  test('are those that this version knows', () => {
    expect(permissionFlags([], [], new Set())).toEqual([]);
    expect(permissionFlags([], [], new Set(['--experimental-permission']))[0]).toBe(
      '--experimental-permission',
    );
    const newest = permissionFlags(
      [],
      [],
      new Set(['--permission', '--experimental-permission', '--allow-net']),
    );
    expect(newest[0]).toBe('--permission');
    expect(newest).toContain('--allow-net');
  });

  test('name no path inside of another one, which would close the outer folder itself', () => {
    const flags = permissionFlags(
      ['/tmp/clone/dist', '/tmp/clone/package.json', '/etc/'],
      ['/tmp', '/home/x'],
    );
    expect(flags.filter((flag) => flag.startsWith('--allow-fs-read'))).toEqual([
      '--allow-fs-read=/etc/*',
      '--allow-fs-read=/tmp/*',
      '--allow-fs-read=/home/x/*',
    ]);
  });

  test('let folders be read whole and files by name, and write the writable alone', () => {
    const flags = permissionFlags(['/code/dist', '/code/package.json'], ['/home'], new Set(['--permission']));
    expect(flags.filter((flag) => flag.startsWith('--allow-fs'))).toEqual([
      '--allow-fs-read=/code/dist/*',
      '--allow-fs-read=/code/package.json',
      '--allow-fs-read=/home/*',
      '--allow-fs-write=/home/*',
    ]);
    expect(flags).not.toContain('--allow-child-process');
    expect(flags).not.toContain('--allow-wasi');
  });
});

test('how a process inside ended is told by the code of what kept it', () => {
  expect(endInside({ code: 0, signal: null })).toEqual({ code: 0, signal: null });
  expect(endInside({ code: 70, signal: null })).toEqual({ code: 70, signal: null });
  expect(endInside({ code: 137, signal: null })).toEqual({ code: null, signal: 'SIGKILL' });
  // Not SIGIOT, which is the same number.
  expect(endInside({ code: 134, signal: null })).toEqual({ code: null, signal: 'SIGABRT' });
  expect(endInside({ code: null, signal: 'SIGKILL' })).toEqual({ code: null, signal: 'SIGKILL' });
  expect(endInside({ code: 250, signal: null })).toEqual({ code: 250, signal: null });
});
