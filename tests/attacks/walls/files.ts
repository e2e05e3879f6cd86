import { homedir } from 'node:os';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { BOUNDS, stage, WALLS } from '../stage.js';
import { expectRefused, type Outcome } from './outcomes.js';

type Outcomes = Record<string, Outcome>;
const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const NOT_THERE = ['ENOENT', 'EACCES', 'ERR_ACCESS_DENIED', 'EPERM'];

describe('files', () => {
  const platformFiles = (): string[] => {
    const { dataDir } = stage.platform;
    const secrets = readdirSync(join(dataDir, 'secrets')).map((name) => join(dataDir, 'secrets', name));
    expect(secrets.length).toBeGreaterThan(2);
    for (const file of secrets) expect(readFileSync(file).length).toBeGreaterThan(0);
    return [...secrets, join(dataDir, 'logs/runner.log'), join(dataDir, 'db'), join(dataDir, 'artifacts')];
  };

  test('of the platform cannot be read: keys, logs, database, artifacts', async () => {
    expectRefused(await stage.attack<Outcomes>('read-files', { paths: platformFiles() }), ...NOT_THERE);
  });

  test('of the installation and of the host cannot be read', async () => {
    const paths = [
      join(ROOT, 'package.json'),
      join(ROOT, 'packages/server/dist/main.js'),
      join(homedir(), '.bashrc'),
      '/etc/shadow',
      '/etc/hostname',
      '/root',
      '/var/log',
      '/var/run/secrets/kubernetes.io/serviceaccount/token',
      '/sys/fs/cgroup',
    ];
    expectRefused(await stage.attack<Outcomes>('read-files', { paths }), ...NOT_THERE);
  });

  test.runIf(WALLS['files'])('are not reached by a path through /proc', async () => {
    const paths = [...platformFiles(), '/etc/shadow'];
    expectRefused(await stage.attack<Outcomes>('read-through-proc', { paths }), ...NOT_THERE);
  });

  test('are not reached by a symbolic link that it makes', async () => {
    expectRefused(await stage.attack<Outcomes>('read-through-a-link', { paths: platformFiles() }));
  });

  test('of the worker’s own code cannot be changed', async () => {
    const { main, ...written } = await stage.attack<Outcomes & { main: string }>('overwrite-the-worker');
    expect(main).toContain('worker/main.js');
    expectRefused(written, 'EROFS', 'ERR_ACCESS_DENIED', 'EACCES', 'EPERM');
    expect(readFileSync(main as unknown as string, 'utf8')).not.toContain('mine');
  });

  test.runIf(WALLS['files'])(
    'of another tenant’s worker are not there, nor do they stay for it',
    async () => {
      const mark = 'mark-of-mallory';
      await stage.attack('leave-a-mark', { mark });
      expect(await stage.attack('look-for-a-mark', { mark })).toHaveLength(2);
      const by = await stage.tenant('accomplice');
      expect(await stage.attack('look-for-a-mark', { mark }, { by })).toEqual([]);
    },
  );

  test('that are devices cannot be read', async () => {
    expectRefused(await stage.attack<Outcomes>('read-devices'));
  });

  test.runIf(WALLS['files'])(
    'that are open when it starts are its own pipes, and nothing of the host',
    async () => {
      const descriptors = await stage.attack<Record<string, string>>('list-descriptors');
      const files = Object.values(descriptors).filter((to) => !/^(socket|pipe|anon_inode):/.test(to));
      expect(files.filter((to) => to !== '/dev/null' && !to.startsWith('/proc/'))).toEqual([]);
    },
  );

  test.runIf(WALLS['disk'])('end at the disk’s bound', async () => {
    const { ends, megabytes } = await stage.attack<{ ends: Outcomes; megabytes: number[] }>('fill-the-disk');
    expectRefused(ends, 'ENOSPC');
    for (const written of megabytes) expect(written).toBeLessThanOrEqual(BOUNDS.diskMb);
  });
});
