import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startPlatform, type Platform, type PlatformOptions } from '@pegasus-workflows/platform';
import { testTemporal, testTemporalEnv } from '../support/temporal.js';
import { eventually } from '../support/wait.js';

const fixture = (name: string): string => fileURLToPath(new URL(`./fixtures/${name}`, import.meta.url));
const programs = { server: fixture('server.mjs'), supervisor: fixture('supervisor.mjs') };

let dataDir: string;
let platforms: Platform[];

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'pegasus-platform-'));
  platforms = [];
});
afterEach(async () => {
  for (const platform of platforms) await platform.stop();
  await rm(dataDir, { recursive: true, force: true });
});

async function start(options: PlatformOptions = {}): Promise<Platform> {
  const platform = await startPlatform({
    dataDir,
    port: 0,
    programs,
    ...options,
    env: { ...testTemporalEnv(), ...options.env },
  });
  platforms.push(platform);
  return platform;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function seenByServer(
  platform: Platform,
): Promise<{ names: string[]; temporal: string; publicUrl: string }> {
  return (await (await fetch(platform.url)).json()) as {
    names: string[];
    temporal: string;
    publicUrl: string;
  };
}

describe('a platform', () => {
  it('starts server and supervisor, hands out the tenants, and leaves no process (invariants 2 and 5)', async () => {
    const platform = await start();
    const { server, supervisor, temporal } = platform.pids();
    expect(temporal).toBeUndefined();
    expect(platform.temporal).toMatchObject({ address: testTemporal().address, external: true });
    expect(platform.tenant).toEqual({ tenantId: 't', apiKey: 'key-t' });
    expect(platform.platformTenant).toEqual({ tenantId: 'p', apiKey: 'key-p' });
    await platform.stop();
    await platform.stop();
    expect([isAlive(server!), isAlive(supervisor!)]).toEqual([false, false]);
    await expect(stat(join(dataDir, 'platform.lock'))).rejects.toThrow('ENOENT');
  });

  it('gives a child its settings and nothing else of its own environment', async () => {
    process.env['SOME_PASSWORD'] = 'not for children';
    try {
      const platform = await start({ env: { FOR_ALL: '1' }, childEnv: { server: { FOR_SERVER: '1' } } });
      const { names, publicUrl } = await seenByServer(platform);
      expect(publicUrl).toBe(platform.url);
      expect(names).toEqual(
        expect.arrayContaining(['FOR_ALL', 'FOR_SERVER', 'PEGASUS_URL_SIGNING_KEY_FILE']),
      );
      expect(names).not.toContain('SOME_PASSWORD');
      expect(names).not.toContain('PEGASUS_URL_SIGNING_KEY');
    } finally {
      delete process.env['SOME_PASSWORD'];
    }
  });

  it('keeps its secrets over a restart, readable by this user alone', async () => {
    const key = join(dataDir, 'secrets', 'url-signing.key');
    await (await start()).stop();
    const first = await readFile(key, 'utf8');
    expect(Buffer.from(first.trim(), 'base64url')).toHaveLength(32);
    expect((await stat(key)).mode & 0o777).toBe(0o600);
    expect((await stat(join(dataDir, 'secrets'))).mode & 0o777).toBe(0o700);
    await start();
    expect(await readFile(key, 'utf8')).toBe(first);
  });

  it('starts a killed server again on the same port (invariant 3)', async () => {
    const said: string[] = [];
    const platform = await start({ onProgress: ({ message }) => said.push(message) });
    const { server } = platform.pids();
    process.kill(server!, 'SIGKILL');
    await eventually(async () => {
      expect(platform.pids().server).not.toBe(server);
      expect((await fetch(platform.url)).status).toBe(200);
    });
    expect(said).toContain('the server ended with SIGKILL; starting it again');
  });

  it('refuses a data directory that is in use, and says who has it (invariant 1)', async () => {
    await start();
    await expect(start()).rejects.toMatchObject({
      code: 'CONFLICT',
      message: expect.stringContaining(`in use by another platform: process ${process.pid}`),
    });
  });

  it('reports a part that does not start with the end of its log, and leaves nothing (invariant 2)', async () => {
    await expect(start({ childEnv: { server: { FIXTURE_FAIL: '1' } } })).rejects.toMatchObject({
      code: 'SERVICE_UNAVAILABLE',
      message:
        'the server ended with exit code 3 before it was ready; the end of its log:\nthe fixture was told to fail',
    });
    await start();
  });

  it('names a cluster that does not answer', async () => {
    await expect(start({ env: { TEMPORAL_NAMESPACE: 'no-such-namespace' } })).rejects.toMatchObject({
      code: 'SERVICE_UNAVAILABLE',
      message: expect.stringMatching(/^Temporal at .* is not usable: 5 NOT_FOUND: .*no-such-namespace/),
    });
  });

  describe('when its port is taken', () => {
    const taken = createServer();
    beforeEach(async () => {
      taken.listen(0, '127.0.0.1');
      await once(taken, 'listening');
    });
    afterEach(() => void taken.close());
    const port = (): number => (taken.address() as { port: number }).port;

    it('moves to the next free one and says so', async () => {
      const platform = await start({ port: port(), portIsExplicit: false });
      expect(platform.portMoved?.from).toBe(port());
      expect(platform.url).toBe(`http://127.0.0.1:${platform.portMoved?.to}`);
    });

    it('fails when the port was asked for', async () => {
      await expect(start({ port: port() })).rejects.toMatchObject({
        code: 'CONFLICT',
        message: `port ${port()} of 127.0.0.1 is taken`,
      });
    });
  });

  it('takes over after kill -9 of a whole platform, and ends what that left (invariant 4)', async () => {
    const args = [fixture('parent.mjs'), dataDir, programs.server, programs.supervisor];
    const parent = spawn(process.execPath, args, {
      env: {
        PATH: process.env['PATH'],
        HOME: process.env['HOME'],
        XDG_CACHE_HOME: process.env['XDG_CACHE_HOME'],
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(createInterface({ input: parent.stdout }), 'line')) as [string];
    const left = JSON.parse(line) as { temporal: number; server: number; supervisor: number };
    parent.kill('SIGKILL');
    await once(parent, 'exit');
    const platform = await start({ env: { TEMPORAL_ADDRESS: '' }, temporalUi: false });
    await eventually(() => {
      expect(Object.values(left).filter(isAlive)).toEqual([]);
    });
    expect(platform.temporal.external).toBe(false);
    expect((await seenByServer(platform)).temporal).toBe(platform.temporal.address);
    const { temporal } = platform.pids();
    await platform.stop();
    expect(isAlive(temporal!)).toBe(false);
  });
});
