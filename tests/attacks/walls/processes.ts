import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { requireCommand } from '../../support/apt.js';
import { BOUNDS, stage, WALLS } from '../stage.js';
import { expectRefused, type Outcome } from './outcomes.js';

type Outcomes = Record<string, Outcome>;

/** The platform's processes, as this machine numbers them. */
const platformPids = (): number[] =>
  Object.values(stage.platform.pids()).filter((pid): pid is number => pid !== undefined);

describe('processes', () => {
  test.runIf(WALLS['processes'])('of others are not seen', async () => {
    const commands = await stage.attack<string[]>('list-processes');
    expect(commands).toHaveLength(2);
    expect(commands.join()).not.toMatch(/supervisor|server\/dist|temporal server/);
  });

  test('of the platform keep their environment and memory to themselves', async () => {
    const pids = platformPids();
    expect(pids.length).toBeGreaterThanOrEqual(2);
    expectRefused(await stage.attack<Outcomes>('read-others', { pids }));
  });

  test('of the platform cannot be signalled or debugged', async () => {
    const before = stage.platform.pids();
    expectRefused(await stage.attack<Outcomes>('signal-others', { pids: platformPids() }), 'ESRCH', 'EPERM');
    expectRefused(await stage.attack<Outcomes>('debug-others', { pids: platformPids() }));
    expect(stage.platform.pids()).toEqual(before);
  });

  test.runIf(WALLS['processes'])(
    'that it can signal are its own: the first of them is not the supervisor',
    async () => {
      const before = stage.platform.pids();
      await stage.attack('signal-the-parent');
      expect(stage.platform.pids()).toEqual(before);
    },
  );

  test('cannot be started: exec, spawn, fork, and what is behind them', async () => {
    expectRefused(await stage.attack<Outcomes>('start-processes'), 'ERR_ACCESS_DENIED');
  });

  test.runIf(WALLS['user'])('have no rights and get none', async () => {
    const { status, noNewPrivileges, ...tried } = await stage.attack<
      Outcomes & { status: string; noNewPrivileges: string }
    >('become-root');
    expectRefused(tried, 'EPERM', 'EINVAL');
    expect([Number(status), noNewPrivileges]).toEqual([0, '1']);
  });

  test('cannot be inspected from inside', async () => {
    expectRefused(await stage.attack<Outcomes>('open-the-inspector'), 'ERR_ACCESS_DENIED');
  });

  test('have nothing of the platform’s in their environment and command line', async () => {
    const found = JSON.stringify(await stage.attack('read-the-environment'));
    const dir = join(stage.platform.dataDir, 'secrets');
    for (const name of await readdir(dir)) {
      const secret = (await readFile(join(dir, name), 'utf8')).trim();
      expect(found.includes(secret)).toBe(false);
    }
    for (const name of [
      'PEGASUS_RUNNER',
      'PEGASUS_MASTER',
      'TEMPORAL_',
      'DATABASE_URL',
      stage.platform.dataDir,
    ])
      expect(found).not.toContain(name);
    expect(found).toContain('PEGASUS_API_BASE_URL');
  });
});

const BY_HAND = `
#include <unistd.h>
__attribute__((constructor)) static void loaded(void) {
  if (fork() == 0) execl("/bin/sh", "sh", "/home/worker/script.sh", (char *)0);
}
`;

/** A native addon whose loading starts a shell. */
async function compileAddon(): Promise<string> {
  const cc = await requireCommand('cc', 'gcc');
  const dir = await mkdtemp(join(tmpdir(), 'pegasus-addon-'));
  try {
    await writeFile(join(dir, 'addon.c'), BY_HAND);
    await promisify(execFile)(cc, [
      '-shared',
      '-fPIC',
      '-s',
      '-o',
      join(dir, 'addon.node'),
      join(dir, 'addon.c'),
    ]);
    return await readFile(join(dir, 'addon.node'), 'base64');
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

describe('a native addon, which Node’s own rules do not bind', () => {
  interface Heard {
    loaded: Outcome;
    heard: string;
  }
  const shell = async (script: string, options = {}): Promise<string> => {
    const addon = await compileAddon();
    const { loaded, heard } = await stage.attack<Heard>(
      'run-a-shell-by-an-addon',
      { addon, script },
      options,
    );
    // It is no addon that Node would take, but by then its code has run.
    expect(loaded).toMatchObject({ says: expect.stringMatching(/self-register/) });
    return heard;
  };

  test.runIf(WALLS['files'] && WALLS['processes'])(
    'gets a shell, which sees no file and no process of others',
    async () => {
      const { dataDir } = stage.platform;
      const heard = await shell(
        `ls -d ${dataDir} ${homedir()}/.[a-z]* /etc/shadow; ls / /home; cat /proc/[0-9]*/comm; echo end`,
      );
      expect(heard).toMatch(/end\s*$/);
      expect(heard).toContain(`cannot access '${dataDir}'`);
      expect(heard).toContain(`cannot access '/etc/shadow'`);
      expect(heard).toMatch(/\/home:\nworker\n/);
      expect(heard).not.toMatch(/postgres|temporal|bash/);
    },
  );

  test.runIf(WALLS['network'])(
    'gets a shell, which reaches neither Temporal nor the server nor the cloud',
    async () => {
      const [temporal, server] = [stage.platform.temporal.address, new URL(stage.platform.url).host];
      const dial = [temporal, server, '169.254.169.254:80'].map((address) => {
        const [host, port] = address.split(':');
        return `bash -c 'echo > /dev/tcp/${host}/${port}' && echo reached ${address}`;
      });
      const heard = await shell(`${dial.join('\n')}\ncat /proc/net/dev; echo end`);
      expect(heard).toMatch(/end\s*$/);
      expect(heard).not.toContain('reached');
      expect(heard).not.toMatch(/eth0|ens\d|docker/);
    },
  );

  test.runIf(WALLS['syscalls'] && WALLS['user'])(
    'gets a shell, which mounts, traces and becomes nothing',
    async () => {
      const heard = await shell(
        `unshare -Ur id && echo got; mount -t tmpfs x /tmp && echo got; chroot / id && echo got; kill -9 1; mknod /tmp/sda b 8 0 && echo got; echo > /proc/sys/kernel/core_pattern && echo got; echo end`,
      );
      expect(heard).toMatch(/end\s*$/);
      expect(heard).not.toContain('got');
    },
  );

  test.runIf(WALLS['tasks'])(
    'gets a shell, whose fork bomb ends at the bound, and with its process',
    async () => {
      const by = await stage.tenant('bomber');
      const heard = await shell(`n=0; while [ $n -lt 400 ]; do sleep 60 & n=$((n+1)); done; echo end`, {
        by,
      });
      expect(heard).toMatch(/fork|Resource temporarily unavailable/i);
      const sleeping = async (): Promise<number> => {
        const commands = await Promise.all(
          (await readdir('/proc'))
            .filter((name) => /^\d+$/.test(name))
            .map((pid) => readFile(`/proc/${pid}/cmdline`, 'latin1').catch(() => '')),
        );
        return commands.filter((command) => command === 'sleep\x0060\x00').length;
      };
      expect(await sleeping()).toBeLessThan(BOUNDS.tasks);
      await stage.endsItsProcess(by, 'end-the-process');
      expect(await sleeping()).toBe(0);
    },
  );
});

describe('Node itself', () => {
  test('requires what it likes at run time, and gains nothing by it', async () => {
    const { platform, child, wasi } = await stage.attack<{
      platform: Outcomes;
      child: Outcome;
      wasi: Outcome;
    }>('require-at-run-time');
    expectRefused({ ...platform, child, wasi });
  });

  test('has no switch for its rules: thread, variable, binding', async () => {
    expectRefused(await stage.attack<Outcomes>('switch-permissions-off'));
  });

  test.runIf(WALLS['files'])(
    'binds no thread by its rules, not what --require brings there; the sandbox does',
    async () => {
      const paths = ['/etc/shadow', `${stage.platform.dataDir}/secrets/runner.token`];
      const { saw } = await stage.attack<{ saw: Record<string, string> }>('require-by-a-thread', { paths });
      expect(Object.values(saw)).toHaveLength(4);
      for (const end of Object.values(saw)) expect(end).not.toBe('ok');
    },
  );

  test('loads nothing in the next process that --require, NODE_OPTIONS or files were left for', async () => {
    const by = await stage.tenant('squatter');
    await stage.endsItsProcess(by, 'leave-code-for-later');
    for (const next of [by, await stage.tenant('accomplice')])
      expect(await stage.attack('look-for-code', {}, { by: next })).toMatchObject({
        evil: false,
        options: [null, null, []],
      });
  });

  test('can be changed for its own tenant, and for nobody else', async () => {
    const by = await stage.tenant('poisoner');
    // The neighbour's runs say what they find of it.
    await stage.endsItsProcess(by, 'poison-the-process');
    await stage.whileNeighbourWorks(async () => undefined);
  });

  test('lets the SDK be taken over, and no queue of others be polled by it', async () => {
    const by = await stage.tenant('accomplice');
    const held = await stage.hold();
    const { connection } = await stage.attack<Outcomes>(
      'take-over-the-sdk',
      { queue: stage.neighbour.taskQueue },
      { by },
    );
    expectRefused({ connection: connection! });
    expect(await stage.logged('"rule":"task-queue"')).not.toEqual([]);
    await stage.release(held);
  });
});
