/**
 * Job: find a Temporal binary that runs on this machine, or make one.
 *
 * Boundary: the PATH, the user's cache, Temporal's downloader and the Go tool chain. It starts no server, and knows
 * nothing of `TEMPORAL_ADDRESS`.
 *
 * Invariants
 * 1. The order is PATH, cache, then each builder; the first that yields a binary which answers `--version` wins.
 * 2. However many processes ask at once, one builds; the others wait for it and use what it built.
 * 3. A cached binary that is not what was recorded is never used, but built anew, and the caller is told.
 * 4. A builder that fails leaves nothing behind, neither in the cache nor beside it.
 */
import { mkdir, rm } from 'node:fs/promises';
import lockfile from 'proper-lockfile';
import { PegasusError } from '@pegasus-workflows/contracts';
import { findOnPath } from '../process/find-on-path.js';
import { run } from '../process/run.js';
import { stageReporter, type OnProgress } from '../progress.js';
import { downloadBuilder, goInstallBuilder, type TemporalBuilder } from './builders.js';
import { installIntoCache, makeStagingDir, readCache, temporalCacheDir } from './cache.js';
import { TEMPORAL_CLI_VERSION, TEMPORAL_GO_PACKAGE } from './version.js';

export interface TemporalBinary {
  /** Absolute path of an executable `temporal`. */
  path: string;
  /** What `temporal --version` prints. */
  version: string;
  /** `path`, `cache`, or the name of the builder that made it just now. */
  source: string;
}

export interface EnsureTemporalOptions {
  onProgress?: OnProgress;
  env?: NodeJS.ProcessEnv;
  /** Aborting ends a build or a wait for another's at once. */
  signal?: AbortSignal | undefined;
  /** Ways to get a binary, in the order they are tried. */
  builders?: TemporalBuilder[];
}

const VERSION_TIMEOUT_MS = 20_000;
/** A builder that died holding the lock is noticed after this long; the live one renews it four times as often. */
const LOCK_STALE_MS = 10_000;
const LOCK_POLL_MS = 250;
const LOCK_WAIT_MS = 35 * 60_000;

/**
 * Finds or makes a Temporal binary.
 * @throws PegasusError SERVICE_UNAVAILABLE with the reasons of every way tried, and the one command that mends it.
 */
export async function ensureTemporal(options: EnsureTemporalOptions = {}): Promise<TemporalBinary> {
  const env = options.env ?? process.env;
  const report = stageReporter('temporal-binary', options.onProgress);
  const found = await findTemporal(env, report);
  if (found) return found;
  return withBuildLock(temporalCacheDir(env), report, options.signal, async () => {
    // Somebody else may have built it while this process waited for the lock.
    const built = await fromCache(env, report);
    return (
      built ?? build(options.builders ?? [downloadBuilder, goInstallBuilder], env, report, options.signal)
    );
  });
}

/** What is already on this machine: PATH, then cache. Makes nothing. */
export async function findTemporal(
  env: NodeJS.ProcessEnv = process.env,
  report: (message: string) => void = () => {},
): Promise<TemporalBinary | undefined> {
  return (await fromPath(env, report)) ?? (await fromCache(env, report));
}

async function fromPath(
  env: NodeJS.ProcessEnv,
  report: (message: string) => void,
): Promise<TemporalBinary | undefined> {
  const path = await findOnPath('temporal', env);
  if (!path) return undefined;
  const version = await versionOf(path);
  if (version) return { path, version, source: 'path' };
  report(`${path} is on the PATH but does not run; looking further`);
  return undefined;
}

async function fromCache(
  env: NodeJS.ProcessEnv,
  report: (message: string) => void,
): Promise<TemporalBinary | undefined> {
  const lookup = await readCache(temporalCacheDir(env));
  if (lookup.state === 'absent') return undefined;
  if (lookup.state === 'damaged') {
    report(`the cached Temporal ${lookup.reason}; it is built anew`);
    return undefined;
  }
  const version = await versionOf(lookup.path);
  if (version) return { path: lookup.path, version, source: 'cache' };
  report('the cached Temporal does not run on this machine; it is built anew');
  return undefined;
}

/** The first line of `temporal --version`, or undefined when it does not run. */
async function versionOf(path: string): Promise<string | undefined> {
  try {
    const result = await run(path, ['--version'], { timeoutMs: VERSION_TIMEOUT_MS });
    return result.exitCode === 0 ? result.tail.find((line) => line.trim() !== '') : undefined;
  } catch {
    return undefined;
  }
}

async function build(
  builders: TemporalBuilder[],
  env: NodeJS.ProcessEnv,
  report: (message: string) => void,
  signal: AbortSignal | undefined,
): Promise<TemporalBinary> {
  const directory = temporalCacheDir(env);
  const reasons: string[] = [];
  for (const builder of builders) {
    const staging = await makeStagingDir(directory);
    try {
      const result = await builder.build(staging, report, env, signal);
      signal?.throwIfAborted();
      if (!result.ok) {
        report(result.reason);
        reasons.push(result.reason);
        continue;
      }
      const version = await versionOf(result.path);
      if (!version) {
        reasons.push(`${builder.name}: what it made does not run on this machine`);
        continue;
      }
      const path = await installIntoCache(directory, result.path, builder.name);
      report(`Temporal is ready: ${version}`);
      return { path, version, source: builder.name };
    } finally {
      await rm(staging, { recursive: true, force: true });
    }
  }
  throw new PegasusError(
    'SERVICE_UNAVAILABLE',
    `there is no Temporal on this machine and none could be made (${reasons.join('; ')})`,
    { hint: await remedy(env) },
  );
}

/** The one command that mends a missing Temporal on this machine. */
export async function remedy(env: NodeJS.ProcessEnv = process.env): Promise<string> {
  if (await findOnPath('go', env)) return `go install ${TEMPORAL_GO_PACKAGE}`;
  if (process.platform === 'darwin') return 'brew install temporal';
  return `install Go from https://go.dev/dl and start again, or set TEMPORAL_ADDRESS to a Temporal cluster you have`;
}

async function withBuildLock<T>(
  directory: string,
  report: (message: string) => void,
  signal: AbortSignal | undefined,
  body: () => Promise<T>,
): Promise<T> {
  await mkdir(directory, { recursive: true });
  const release = await acquire(directory, report, signal);
  try {
    return await body();
  } finally {
    await release();
  }
}

async function acquire(
  directory: string,
  report: (message: string) => void,
  signal: AbortSignal | undefined,
): Promise<() => Promise<void>> {
  const deadline = performance.now() + LOCK_WAIT_MS;
  for (let waited = false; ; waited = true) {
    signal?.throwIfAborted();
    try {
      return await lockfile.lock(directory, {
        stale: LOCK_STALE_MS,
        update: LOCK_STALE_MS / 4,
        // Losing the lock (a laptop that slept) costs a second build, never a broken cache: the rename decides.
        onCompromised: () => report('the build lock was lost; carrying on'),
      });
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ELOCKED')) throw error;
      if (performance.now() > deadline)
        throw new PegasusError(
          'SERVICE_UNAVAILABLE',
          `another process has been preparing Temporal ${TEMPORAL_CLI_VERSION} for too long`,
          { hint: `end it and remove ${directory}.lock`, cause: error },
        );
      if (!waited) report('another process is preparing Temporal; waiting for it');
      await new Promise((resolve) => setTimeout(resolve, LOCK_POLL_MS));
    }
  }
}
