import { constants } from 'node:fs';
import { access, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { parseTemporalSettings } from '@pegasus-workflows/kit';
import { inspectSandbox, REQUIRED_WALLS } from '@pegasus-workflows/runner';
import { dataLayout, defaultDataDir } from './data/layout.js';
import { DEFAULT_PORT } from './http-port.js';
import { findOnPath } from './process/find-on-path.js';
import { isPortFree } from './process/ports.js';
import { run } from './process/run.js';
import { temporalCacheDir } from './temporal/cache.js';
import { findTemporal, remedy } from './temporal/ensure.js';
import { probeTemporal } from './temporal/health.js';
import { TEMPORAL_CLI_VERSION } from './temporal/version.js';

/** One thing `doctor` looked at. */
export interface Finding {
  name: string;
  /** `warn`: works, or works later, with a drawback. `missing`: the platform cannot start here. */
  status: 'ok' | 'warn' | 'missing';
  /** What was found, a clause. */
  detail: string;
  /** One command (or one step) that mends it. */
  fix?: string;
}

export interface DiagnoseOptions {
  dataDir?: string;
  port?: number;
  env?: NodeJS.ProcessEnv;
}

const NODE_MINIMUM = [20, 19] as const;
const FREE_BYTES_NEEDED = 2 * 1024 ** 3;
const PROBE_TIMEOUT_MS = 10_000;

/** Looks at what the platform needs on this machine. Changes nothing, starts nothing, never throws. */
export async function diagnose(options: DiagnoseOptions = {}): Promise<Finding[]> {
  const env = options.env ?? process.env;
  const dataDir = dataLayout(options.dataDir ?? defaultDataDir(env)).root;
  return Promise.all([
    nodeVersion(),
    temporal(env),
    go(env),
    java(env),
    writable(dataDir),
    freeDisk(dataDir),
    httpPort(options.port ?? DEFAULT_PORT),
    sandbox(),
  ]);
}

async function nodeVersion(): Promise<Finding> {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const good = major > NODE_MINIMUM[0] || (major === NODE_MINIMUM[0] && minor >= NODE_MINIMUM[1]);
  const detail = `${process.versions.node} at ${process.execPath}`;
  return good
    ? { name: 'Node', status: 'ok', detail }
    : {
        name: 'Node',
        status: 'missing',
        detail: `${detail}; 20.19 or later is needed`,
        fix: 'nvm install 22',
      };
}

async function temporal(env: NodeJS.ProcessEnv): Promise<Finding> {
  const name = 'Temporal';
  if (env['TEMPORAL_ADDRESS']) return cluster(env);
  const found = await findTemporal(env);
  if (found) return { name, status: 'ok', detail: `${found.version} at ${found.path}` };
  const canBuild = (await findOnPath('go', env)) !== undefined;
  return {
    name,
    status: 'warn',
    detail: canBuild
      ? `not on the PATH, not in ${temporalCacheDir(env)}; the first start downloads version ${TEMPORAL_CLI_VERSION}, or builds it with Go (about four minutes)`
      : `not on the PATH, not in ${temporalCacheDir(env)}; the first start tries to download version ${TEMPORAL_CLI_VERSION}, and cannot build it without Go`,
    fix: await remedy(env),
  };
}

async function cluster(env: NodeJS.ProcessEnv): Promise<Finding> {
  const name = 'Temporal';
  const fix = 'check TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE and its TLS or API key settings';
  try {
    const settings = parseTemporalSettings(env);
    const failure = await probeTemporal(settings);
    const where = `${settings.address}, namespace ${settings.namespace}`;
    return failure === undefined
      ? { name, status: 'ok', detail: `the cluster at ${where} answers` }
      : { name, status: 'missing', detail: `the cluster at ${where} does not answer: ${failure}`, fix };
  } catch (error) {
    return { name, status: 'missing', detail: error instanceof Error ? error.message : String(error), fix };
  }
}

/** The line of a program's own version output that says the most, or undefined when it does not run. */
async function versionLine(file: string, args: string[]): Promise<string | undefined> {
  try {
    const result = await run(file, args, { timeoutMs: PROBE_TIMEOUT_MS });
    return result.exitCode === 0 ? result.tail[0] : undefined;
  } catch {
    return undefined;
  }
}

async function go(env: NodeJS.ProcessEnv): Promise<Finding> {
  const path = await findOnPath('go', env);
  const version = path && (await versionLine(path, ['version']));
  if (version) return { name: 'Go', status: 'ok', detail: version };
  return {
    name: 'Go',
    status: 'warn',
    detail: 'not found; needed only where Temporal must be built',
    fix: process.platform === 'darwin' ? 'brew install go' : 'install it from https://go.dev/dl',
  };
}

async function java(env: NodeJS.ProcessEnv): Promise<Finding> {
  const path = await findOnPath('java', env);
  const version = path && (await versionLine(path, ['-version']));
  if (version) return { name: 'Java', status: 'ok', detail: version };
  return {
    name: 'Java',
    status: 'warn',
    detail: 'not found; needed only where the time-skipping test server cannot be downloaded',
    fix: process.platform === 'darwin' ? 'brew install openjdk' : 'apt-get install default-jre-headless',
  };
}

/** The nearest directory at or above `path` that is there. */
async function existing(path: string): Promise<string> {
  try {
    await access(path);
    return path;
  } catch {
    return dirname(path) === path ? path : existing(dirname(path));
  }
}

async function writable(dataDir: string): Promise<Finding> {
  const name = 'Data directory';
  const nearest = await existing(dataDir);
  try {
    await access(nearest, constants.W_OK | constants.X_OK);
    const detail = nearest === dataDir ? `${dataDir} is writable` : `${dataDir} can be made`;
    return { name, status: 'ok', detail };
  } catch {
    return {
      name,
      status: 'missing',
      detail: `${nearest} is not writable by this user`,
      fix: 'start with another --data-dir, or set XDG_DATA_HOME',
    };
  }
}

async function freeDisk(dataDir: string): Promise<Finding> {
  const name = 'Free disk';
  const nearest = await existing(dataDir);
  const { bavail, bsize } = await statfs(nearest);
  const detail = `${((bavail * bsize) / 1024 ** 3).toFixed(1)} GiB at ${nearest}`;
  return bavail * bsize >= FREE_BYTES_NEEDED
    ? { name, status: 'ok', detail }
    : { name, status: 'warn', detail: `${detail}; 2 GiB are advised`, fix: 'free some space there' };
}

async function httpPort(port: number): Promise<Finding> {
  const name = 'Port';
  return (await isPortFree('127.0.0.1', port))
    ? { name, status: 'ok', detail: `${port} is free` }
    : {
        name,
        status: 'warn',
        detail: `${port} is taken; the next free one is used unless --port asks for this one`,
        fix: 'pegasus-workflows dev --port 0',
      };
}

/** What stands between tenant code and this machine. */
async function sandbox(): Promise<Finding> {
  const name = 'Sandbox';
  try {
    const walls = await inspectSandbox();
    const missing = walls.filter(({ up }) => !up);
    const standing = walls.filter(({ up }) => up).map((wall) => wall.name);
    const detail = `tenant code is held by: ${standing.join(', ') || 'nothing'}`;
    if (missing.length === 0) return { name, status: 'ok', detail };
    const lacks = missing.map((wall) => `${wall.name} (${wall.detail})`).join('; ');
    const required = missing.some((wall) => REQUIRED_WALLS.includes(wall.name));
    return {
      name,
      status: required ? 'warn' : 'ok',
      detail: `${detail}; not by: ${lacks}`,
      fix: 'see docs/sandbox.md for what each wall needs',
    };
  } catch (error) {
    return { name, status: 'warn', detail: error instanceof Error ? error.message : String(error) };
  }
}
