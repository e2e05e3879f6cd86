import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findOnPath } from '../process/find-on-path.js';
import { run } from '../process/run.js';
import {
  TEMPORAL_CLI_VERSION,
  TEMPORAL_GO_LDFLAGS,
  TEMPORAL_GO_PACKAGE,
  TEMPORAL_GO_PACKAGES,
} from './version.js';

export type BuildResult =
  | { ok: true; path: string }
  /** `reason` is a sentence without a full stop that says why this way did not work here. */
  | { ok: false; reason: string };

/** One way of getting a Temporal binary onto this machine. */
export interface TemporalBuilder {
  /** Recorded in the cache: `download`, `go-install`. */
  name: string;
  /**
   * Leaves a binary somewhere in `directory`, which is empty and is removed afterwards.
   * An abort ends whatever it runs.
   * @throws only on a fault or an abort; "not possible here" is a result.
   */
  build(
    directory: string,
    report: (message: string) => void,
    env: NodeJS.ProcessEnv,
    signal?: AbortSignal,
  ): Promise<BuildResult>;
}

const DOWNLOAD_TIMEOUT_MS = 120_000;
const GO_INSTALL_TIMEOUT_MS = 30 * 60_000;
/** Thousands of lines come by; a person reads one a second. */
const COUNT_EVERY_MS = 1_000;

/**
 * Temporal's own downloader, which is a part of its SDK and runs only as the start of a server. It is run in a process
 * of its own, because it can be neither cancelled nor given a timeout.
 */
export const downloadBuilder: TemporalBuilder = {
  name: 'download',
  async build(directory, report, env, signal) {
    if (/^(off|false|0)$/.test(env['PEGASUS_TEMPORAL_DOWNLOAD'] ?? ''))
      return { ok: false, reason: 'download: switched off by PEGASUS_TEMPORAL_DOWNLOAD' };
    report(`downloading Temporal CLI ${TEMPORAL_CLI_VERSION}`);
    const main = fileURLToPath(new URL('./download-main.js', import.meta.url));
    const result = await run(process.execPath, [main, directory, `v${TEMPORAL_CLI_VERSION}`], {
      timeoutMs: DOWNLOAD_TIMEOUT_MS,
      env,
      signal,
    });
    if (result.timedOut)
      return { ok: false, reason: `download: not finished after ${DOWNLOAD_TIMEOUT_MS / 1000} s` };
    if (result.exitCode !== 0)
      return { ok: false, reason: `download: ${result.tail.at(-1) ?? `exit code ${result.exitCode}`}` };
    const path = await largestFile(directory);
    return path ? { ok: true, path } : { ok: false, reason: 'download: left no file' };
  },
};

async function largestFile(directory: string): Promise<string | undefined> {
  const entries = await readdir(directory, { withFileTypes: true, recursive: true });
  const files = await Promise.all(
    entries
      .filter((entry) => entry.isFile())
      .map(async (entry) => {
        const path = join(entry.parentPath, entry.name);
        return { path, size: (await stat(path)).size };
      }),
  );
  return files.sort((a, b) => b.size - a.size)[0]?.path;
}

/** Builds Temporal from source with the Go tool chain: about four minutes on two cores when nothing is cached. */
export const goInstallBuilder: TemporalBuilder = {
  name: 'go-install',
  async build(directory, report, env, signal) {
    const go = await findOnPath('go', env);
    if (!go) return { ok: false, reason: 'go install: there is no "go" on the PATH' };
    report(`building Temporal CLI ${TEMPORAL_CLI_VERSION} with Go; the first time takes about four minutes`);
    let packages = 0;
    let reportedAt = performance.now();
    const result = await run(go, ['install', '-v', `-ldflags=${TEMPORAL_GO_LDFLAGS}`, TEMPORAL_GO_PACKAGE], {
      timeoutMs: GO_INSTALL_TIMEOUT_MS,
      signal,
      env: { ...env, GOBIN: directory },
      onLine: (line) => {
        if (!line.startsWith('go: ')) packages++;
        if (performance.now() - reportedAt < COUNT_EVERY_MS) return;
        reportedAt = performance.now();
        report(
          packages === 0
            ? `fetching Temporal's sources: ${line.replace('go: downloading ', '')}`
            : `building Temporal: ${packages} of about ${TEMPORAL_GO_PACKAGES} packages compiled`,
        );
      },
    });
    if (result.timedOut)
      return { ok: false, reason: `go install: not finished after ${GO_INSTALL_TIMEOUT_MS / 60_000} min` };
    if (result.exitCode !== 0)
      return { ok: false, reason: `go install: ${result.tail.slice(-3).join(' / ')}` };
    return { ok: true, path: join(directory, process.platform === 'win32' ? 'temporal.exe' : 'temporal') };
  },
};
