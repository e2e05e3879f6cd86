import { execFileSync } from 'node:child_process';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { type AddressInfo } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../support/wait.js';
import { House, type Cell } from './cell.js';

/**
 * The real worker process in the real sandbox, with hostile code in it. Node's own permission flags are off, so that
 * what refuses is the wall that the test names; `permission.test.ts` has them on. After each attack a neighbour, in a
 * sandbox beside it, still does its work.
 */
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const MINUTE = 60_000;

let house: House;
let neighbour: Cell;
let outside: string;
beforeAll(async () => {
  house = await House.open({ permission: false });
  neighbour = await house.cell();
  outside = await mkdtemp(join(tmpdir(), 'pegasus-outside-'));
  await chmod(outside, 0o777);
  await writeFile(join(outside, 'secret'), 'a file of the platform', { mode: 0o666 });
}, MINUTE);
afterEach(() => neighbour.goesOn(), MINUTE);
afterAll(async () => {
  await house?.close();
  await rm(outside, { recursive: true, force: true });
});

const cell = (): Promise<Cell> => house.cell();
const REQUIRES = `const fs = require('node:fs'); const net = require('node:net'); const cp = require('node:child_process');`;
/** What reading, or doing, each of some things ends in. */
const tryEach = (items: readonly string[], attempt: string): string => `${REQUIRES}
  const ends = {};
  for (const item of ${JSON.stringify(items)}) try { ends[item] = 'ok'; ${attempt} } catch (error) { ends[item] = error.code; }
  return ends;`;
const all = (items: readonly string[], end: unknown) => Object.fromEntries(items.map((item) => [item, end]));

describe('files', () => {
  test('the platform’s, the installation’s and the host’s are not there', async () => {
    const files = [
      join(outside, 'secret'),
      join(ROOT, 'AGENTS.md'),
      join(ROOT, 'package-lock.json'),
      join(ROOT, 'packages/server/dist/main.js'),
      join(ROOT, 'packages/runner/src/protocol.ts'),
      '/etc/shadow',
      '/etc/hostname',
      '/etc/machine-id',
      join(homedir(), '.bashrc'),
      '/var/log',
      '/run',
      '/sys/fs/cgroup',
    ];
    expect(await (await cell()).run(tryEach(files, 'fs.statSync(item);'))).toEqual(all(files, 'ENOENT'));
  });

  test('nothing is written but in its home and its temporary directory', async () => {
    const refused = ['/x', '/etc/x', '/usr/x', '/dev/x', '/dev/shm', '/home/x', join(ROOT, 'node_modules/x')];
    const folders = ['/home/worker/x', '/tmp/x'];
    const ends = await (await cell()).run(tryEach([...refused, ...folders], `fs.writeFileSync(item, 'x');`));
    expect(ends).toMatchObject({
      ...all(folders, 'ok'),
      '/x': 'EROFS',
      '/dev/x': 'EROFS',
      '/home/x': 'EROFS',
    });
    expect(Object.values(ends as object).filter((end) => end === 'ok')).toHaveLength(folders.length);
  });

  test('another worker’s files and temporary files are not there', async () => {
    const [one, two] = [await cell(), await cell()];
    await one.run(
      `${REQUIRES} fs.writeFileSync('/tmp/mine', 'x'); fs.writeFileSync('/home/worker/mine', 'x');`,
    );
    const files = ['/tmp/mine', '/home/worker/mine'];
    expect(await two.run(tryEach(files, 'fs.readFileSync(item);'))).toEqual(all(files, 'ENOENT'));
  });

  test('another tenant’s artifact is not given out', async () => {
    const other = await cell();
    await other.start('');
    const sha256 = [...(other as unknown as { artifacts: Map<string, string> }).artifacts.keys()][0]!;
    const url = `process.env.PEGASUS_API_BASE_URL + '/artifacts/${sha256}/activities.cjs'`;
    expect(await (await cell()).run(`return (await fetch(${url})).status;`)).toBe(404);
    expect(await other.run(`return (await fetch(${url})).status;`)).toBe(200);
  });

  test('a disk that is filled ends at its size', async () => {
    const body = (dir: string) => `${REQUIRES} let bytes = 0; const piece = Buffer.alloc(1 << 20);
      try { for (let n = 0; n < 4096; n += 1) { fs.writeFileSync('${dir}/' + n, piece); bytes += piece.length; } }
      catch (error) { return { code: error.code, bytes }; }`;
    const filling = await cell();
    for (const dir of ['/tmp', '/home/worker']) {
      const { code, bytes } = await filling.run<{ code: string; bytes: number }>(body(dir));
      expect(code).toBe('ENOSPC');
      expect(bytes).toBeLessThanOrEqual(house.limits.diskBytes);
    }
  });
});

describe('processes', () => {
  test('of others are neither seen nor signalled, the supervisor’s included', async () => {
    const probing = await cell();
    const pids = ['4194000', String(process.pid), String(neighbour.worker.pid())];
    const inside = await probing.run<string[]>(
      `${REQUIRES} return fs.readdirSync('/proc').filter((n) => /^[0-9]+$/.test(n));`,
    );
    expect(inside).toEqual(['1', '2']);
    expect(await probing.run(tryEach(pids, `process.kill(Number(item), 'SIGKILL');`))).toEqual(
      all(pids, 'ESRCH'),
    );
    expect(await probing.run(tryEach(pids, `fs.readFileSync('/proc/' + item + '/environ');`))).toEqual(
      all(pids, 'ENOENT'),
    );
  });

  test('have a user id that no other worker and nobody else has', async () => {
    const uid = (of: Cell) =>
      Number(/^Uid:\s+(\d+)/m.exec(readFileSync(`/proc/${of.worker.pid()}/status`, 'utf8'))?.[1]);
    const one = await cell();
    await one.goesOn();
    expect(uid(one)).not.toBe(uid(neighbour));
    expect(uid(one)).not.toBe(process.getuid?.());
  });

  test('have no capability and get none, nor namespaces of their own', async () => {
    const status = await (
      await cell()
    ).run<string>(`${REQUIRES} return fs.readFileSync('/proc/self/status', 'utf8');`);
    expect(status).toMatch(/^CapEff:\s+0+$/m);
    expect(status).toMatch(/^NoNewPrivs:\s+1$/m);
    const commands = [
      'unshare --user true',
      'unshare --mount true',
      'mount -t tmpfs x /tmp',
      'chroot / true',
    ];
    const ends = await (
      await cell()
    ).run(
      tryEach(commands, `if (cp.spawnSync('/bin/sh', ['-c', item]).status !== 0) ends[item] = 'refused';`),
    );
    expect(ends).toEqual(all(commands, 'refused'));
  });

  test('make no system call that is filtered, though any process else may', async () => {
    // personality(0xffffffff) only asks, and is refused to nobody but for the filter.
    const ask = `syscall(${process.arch === 'arm64' ? 92 : 135}, 0xffffffff)`;
    expect(execFileSync('perl', ['-e', `print ${ask}`], { encoding: 'utf8' })).toBe('0');
    const inside = await (
      await cell()
    ).run<string>(
      `${REQUIRES} return cp.execFileSync('perl', ['-e', 'print ${ask}, " ", $!'], { encoding: 'utf8' });`,
    );
    expect(inside).toBe('-1 Operation not permitted');
  });

  test('a fork bomb ends at the bound, and with its worker', async () => {
    const bomb = await cell();
    const { started, code } = await bomb.run<{ started: number; code: string }>(`${REQUIRES}
      let started = 0;
      for (let n = 0; n < 1000; n += 1) {
        const child = cp.spawn('/bin/sleep', ['1000']);
        const code = await new Promise((resolve) => { child.on('error', (e) => resolve(e.code)); child.on('spawn', () => resolve()); });
        if (code) return { started, code };
        started += 1;
      }
      return { started, code: 'none' };`);
    expect(code).toBe('EAGAIN');
    expect(started).toBeLessThan(house.limits.tasks);
    const pid = bomb.worker.pid()!;
    bomb.worker.kill();
    await bomb.exited;
    await eventually(async () => expect(await readdir('/proc')).not.toContain(String(pid)));
  });

  test('all die with the keeper of their namespaces; its exit code is the worker’s', async () => {
    const one = await cell();
    await one.goesOn();
    await one.start('process.exit(70);');
    expect(await one.exited).toEqual({ code: 70, signal: null, outOfMemory: false });
    const two = await cell();
    await two.goesOn();
    const pid = two.worker.pid()!;
    two.worker.kill();
    await two.exited;
    await eventually(() => expect(() => process.kill(pid, 0)).toThrow('ESRCH'));
  });
});

describe('memory, descriptors, environment', () => {
  test(
    'a memory bomb is ended by the kernel, outside of V8’s heap too',
    async () => {
      const bomb = await cell();
      await bomb.start(`const held = []; for (;;) held.push(Buffer.alloc(16 << 20, 1));`);
      expect(await bomb.exited).toEqual({ code: null, signal: 'SIGKILL', outOfMemory: true });
    },
    MINUTE,
  );

  test('descriptors end at the bound', async () => {
    const { opened, code } = await (
      await cell()
    ).run<{ opened: number; code: string }>(`${REQUIRES}
      let opened = 0;
      try { for (;;) { fs.openSync('/dev/null', 'r'); opened += 1; } } catch (error) { return { opened, code: error.code }; }`);
    expect(code).toBe('EMFILE');
    expect(opened).toBeLessThan(house.limits.openFiles);
  });

  test('hold nothing of the supervisor’s environment', async () => {
    process.env['PEGASUS_RUNNER_TOKEN'] = 'a-secret-of-the-platform';
    const found = await (
      await cell()
    ).run<string>(`${REQUIRES}
      return fs.readFileSync('/proc/self/environ', 'latin1') + fs.readFileSync('/proc/1/cmdline', 'latin1') + JSON.stringify(process.env);`);
    delete process.env['PEGASUS_RUNNER_TOKEN'];
    expect(found).not.toContain('a-secret-of-the-platform');
    expect(found).not.toContain('PEGASUS_RUNNER');
    expect(found).toContain('HOME');
  });
});

describe('what a killed supervisor leaves', () => {
  test('control groups go when their workers have', async () => {
    const groups = async (): Promise<string> =>
      (await readFile('/proc/self/cgroup', 'utf8')).split('\n').find((line) => line.includes(':pids:')) ?? '';
    const one = await cell();
    await one.goesOn();
    const own = await readFile(`/proc/${one.worker.pid()}/cgroup`, 'utf8');
    const path = /:pids:(.*)$/m.exec(own)?.[1];
    expect(path).toMatch(/pegasus-tenants-.*\/worker-\d+$/);
    expect(await groups()).not.toContain('pegasus-tenants');
    one.worker.kill();
    await one.exited;
    await eventually(() => expect(stat(`/sys/fs/cgroup/pids${path}`)).rejects.toThrow('ENOENT'));
  });
});

describe('the platform’s API', () => {
  test(
    'is passed on, and nothing else of the server',
    async () => {
      const asked: string[] = [];
      const server = createServer((request, response) => {
        asked.push(`${request.method} ${request.url} ${request.headers['x-forwarded-for'] ?? '-'}`);
        response.end('answered');
      });
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const own = await House.open({
        serverUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      });
      try {
        const caller = await own.cell();
        const statuses = await caller.run(`const http = require('node:http');
        const base = new URL(process.env.PEGASUS_API_BASE_URL);
        const ask = (path) => new Promise((resolve, reject) => http.get({ host: base.hostname, port: base.port, path, headers: { 'x-forwarded-for': '1.2.3.4' } },
          (r) => { r.resume(); resolve(r.statusCode); }).on('error', reject));
        const statuses = [];
        for (const path of ['/api/v1/x?y=1', '/internal/v1/demand', '/api/../internal/v1/demand', '/api/%2e%2e/internal/v1/demand', '//internal/v1/demand', '/metrics'])
          statuses.push(await ask(path));
        return statuses;`);
        expect(statuses).toEqual([200, 404, 404, 404, 404, 404]);
        expect(asked).toEqual(['GET /api/v1/x?y=1 -']);
      } finally {
        await own.close();
        server.close();
      }
    },
    MINUTE,
  );
});
