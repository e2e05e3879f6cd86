import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { groupPlaces } from './cgroup-paths.js';
import { ControlGroups, sharedSettings, workerSettings } from './cgroups.js';
import { type SandboxLimits } from './sandbox.js';

const limits: SandboxLimits = { memoryBytes: 1_000, tasks: 9, openFiles: 1, diskBytes: 1, cpus: 1.5 };

let dir: string;
beforeEach(async () => (dir = await mkdtemp(join(tmpdir(), 'pegasus-cgroup-'))));
afterEach(() => rm(dir, { recursive: true, force: true }));

const v1 = (controller: string, root = '/') =>
  `31 23 0:28 ${root} ${dir}/${controller} rw,relatime - cgroup cgroup rw,${controller}`;
const v2 = () => `41 31 0:38 / ${dir} rw - cgroup2 cgroup2 rw`;

async function unified(path: string, subtree: string, controllers = subtree): Promise<void> {
  await mkdir(join(dir, path), { recursive: true });
  for (const [file, text] of [
    ['cgroup.subtree_control', subtree],
    ['cgroup.controllers', controllers],
    ['cgroup.procs', ''],
  ] as const)
    await writeFile(join(dir, path, file), text);
}

describe('places', () => {
  test('version 1: where each controller has this process', async () => {
    await mkdir(join(dir, 'memory/a/b'), { recursive: true });
    await mkdir(join(dir, 'pids'), { recursive: true });
    const membership = '4:memory:/a/b\n8:pids:/\n9:name=systemd:/\n0::/\n';
    expect(groupPlaces({ membership, mounts: `${v1('memory')}\n${v1('pids')}\n` })).toEqual([
      { version: 1, dir: join(dir, 'memory/a/b'), controllers: ['memory'], own: false },
      { version: 1, dir: join(dir, 'pids'), controllers: ['pids'], own: false },
    ]);
  });

  test('version 1 in a container: the path begins where the mount does', async () => {
    await mkdir(join(dir, 'pids'), { recursive: true });
    const files = { membership: '8:pids:/docker/abc', mounts: v1('pids', '/docker/abc') };
    expect(groupPlaces(files)).toMatchObject([{ dir: join(dir, 'pids') }]);
  });

  test('version 2: the nearest above that hands controllers on', async () => {
    await unified('user.slice', 'cpu memory pids io');
    await unified('user.slice/app.slice', 'memory pids');
    await unified('user.slice/app.slice/x.scope', '', 'memory pids');
    expect(groupPlaces({ membership: '0::/user.slice/app.slice/x.scope', mounts: v2() })).toEqual([
      { version: 2, dir: join(dir, 'user.slice/app.slice'), controllers: ['memory', 'pids'], own: false },
    ]);
  });

  test('version 2: its own, where only that is delegated', async () => {
    await unified('unit.service', '', 'cpu memory pids');
    expect(groupPlaces({ membership: '0::/unit.service', mounts: v2() })).toEqual([
      { version: 2, dir: join(dir, 'unit.service'), controllers: ['memory', 'pids', 'cpu'], own: true },
    ]);
  });

  test('none where nothing is delegated or mounted', () => {
    expect(groupPlaces({ membership: '0::/x', mounts: v2() })).toEqual([]);
    expect(groupPlaces({ membership: '', mounts: '' })).toEqual([]);
  });
});

test('what bounds a worker, and all of them together', () => {
  expect(workerSettings(2, 'memory', limits)[0]).toEqual({ file: 'memory.max', value: '1000' });
  expect(workerSettings(1, 'memory', limits)[0]).toEqual({ file: 'memory.limit_in_bytes', value: '1000' });
  expect(workerSettings(2, 'pids', limits)).toEqual([{ file: 'pids.max', value: '9' }]);
  expect(workerSettings(2, 'cpu', limits)).toEqual([{ file: 'cpu.max', value: '150000 100000' }]);
  expect(workerSettings(1, 'cpu', { ...limits, cpus: 0 })).toEqual([]);
  expect([sharedSettings(1)[0]!.value, sharedSettings(2)[0]!.value]).toEqual(['1024', '100']);
});

test('a bound on processor time can be changed while a worker runs, and one that is gone is let be', async () => {
  await unified('app.slice', 'cpu');
  await unified('app.slice/x.scope', '');
  const groups = await ControlGroups.open(limits, { membership: '0::/app.slice/x.scope', mounts: v2() });
  const quotaOf = ([entry]: string[]) => readFile(join(entry!, '../cpu.max'), 'utf8');
  const [running, gone] = [groups.make(), groups.make()];
  await rm(join(gone.entries[0]!, '..'), { recursive: true });
  for (const group of [running, gone]) group.boundCpus(0.5);
  expect(await quotaOf(running.entries)).toBe('50000 100000');
  expect(await quotaOf(groups.make().entries)).toBe('150000 100000');
});

test('a group of version 2 is made in the one of this supervisor, which hands its controllers on', async () => {
  await unified('app.slice', 'memory pids');
  await unified('app.slice/x.scope', '');
  const groups = await ControlGroups.open(limits, { membership: '0::/app.slice/x.scope', mounts: v2() });
  expect(groups.controllers).toEqual(['memory', 'pids']);
  const [entry] = groups.make().entries;
  expect(entry).toMatch(
    new RegExp(`/app\\.slice/pegasus-tenants-${process.pid}-\\d+-\\d+/worker-1/cgroup\\.procs$`),
  );
  const worker = join(entry!, '..');
  expect(await readFile(join(worker, 'memory.max'), 'utf8')).toBe('1000');
  expect(await readFile(join(worker, '../cgroup.subtree_control'), 'utf8')).toBe('+memory +pids');
});

test('what a supervisor left that is gone is removed, a living one’s stays (invariant 2)', async () => {
  await mkdir(join(dir, 'pids/pegasus-tenants-999999999-1-1/worker-1'), { recursive: true });
  await mkdir(join(dir, `pids/pegasus-tenants-${process.pid}-0-1/worker-1`), { recursive: true });
  const parent = (await readFile(`/proc/${process.ppid}/stat`, 'latin1')).split(') ')[1]!.split(' ')[19]!;
  const living = `pegasus-tenants-${process.ppid}-${parent}-1`;
  await mkdir(join(dir, 'pids', living), { recursive: true });
  await ControlGroups.open(limits, { membership: '8:pids:/', mounts: v1('pids') });
  const left = await readdir(join(dir, 'pids'));
  expect(left).toContain(living);
  expect(left.filter((name) => name.includes('999999999') || name.endsWith(`${process.pid}-0-1`))).toEqual(
    [],
  );
});
