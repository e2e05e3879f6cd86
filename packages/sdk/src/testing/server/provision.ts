import { constants } from 'node:fs';
import { access, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { exists, makeOnce, testServerCache } from './cache.js';
import { fetchJars } from './fetch-jars.js';
import { findJava, javaCommand, type ServerCommand } from './java.js';
import { TEST_SERVER_VERSION } from './jar-lock.js';

export type TestServerSource = { kind: 'running'; address: string } | ({ kind: 'command' } & ServerCommand);

export interface ProvisionOptions {
  env?: NodeJS.ProcessEnv;
  /** One line per step that takes time; default: standard error. */
  onProgress?: (line: string) => void;
}

const PROBE_URL = 'https://temporal.download/temporal-test-server/default';
const PROBE_MS = 2_000;
const DOWNLOAD_MS = 180_000;

/**
 * Finds a time-skipping test server, in this order:
 *
 * 1. `PEGASUS_TEST_SERVER`: `host:port` of a running one, or the path of an executable;
 * 2. our cache (`$XDG_CACHE_HOME/pegasus/test-server`): a native one, else jars with a `java`;
 * 3. Temporal's own download of a native one, where it can be reached and fits the processor
 *    (`PEGASUS_TEST_SERVER_DOWNLOAD=off` skips it);
 * 4. the jars of Maven Central, with a `java`.
 *
 * @throws Error that says the one thing to do when none of them works
 */
export async function provisionTestServer(options: ProvisionOptions = {}): Promise<TestServerSource> {
  const { env = process.env, onProgress = (line) => void process.stderr.write(`${line}\n`) } = options;
  const given = env['PEGASUS_TEST_SERVER'];
  if (given) return fromSetting(given);

  const cache = testServerCache(env);
  const native = join(cache, 'native');
  const java = await findJava(env);
  const versionDirectory = join(cache, TEST_SERVER_VERSION);
  const jars = join(versionDirectory, 'lib');

  const cached = await findNative(native);
  if (cached) return { kind: 'command', command: cached, args: [] };
  if (java && (await exists(jars)))
    return { kind: 'command', ...(await javaCommand(java, versionDirectory)) };

  const downloaded = await download(native, env, onProgress);
  if (downloaded) return { kind: 'command', command: downloaded, args: [] };
  if (!java)
    throw new Error(
      'The time-skipping test server needs Java, and none was found in JAVA_HOME or on the PATH. ' +
        'Install one (Debian, Ubuntu: apt-get install default-jre-headless; macOS: brew install openjdk), ' +
        'or set PEGASUS_TEST_SERVER to a test server executable or to host:port of a running one.',
    );
  onProgress(`Fetching Temporal's test server ${TEST_SERVER_VERSION} from Maven (39 MB, once) into ${jars}`);
  const onJar = (done: number, total: number) => {
    if (done % 10 === 0 || done === total) onProgress(`  ${done} of ${total} jars`);
  };
  await makeOnce(jars, (directory) => fetchJars(directory, { env, onProgress: onJar }));
  return { kind: 'command', ...(await javaCommand(java, versionDirectory)) };
}

async function fromSetting(value: string): Promise<TestServerSource> {
  if (/^(\[[0-9a-f:]+\]|[^/\\:]+):\d+$/i.test(value)) return { kind: 'running', address: value };
  const executable = await access(value, constants.X_OK).then(
    () => true,
    () => false,
  );
  if (!executable)
    throw new Error(
      'PEGASUS_TEST_SERVER is neither host:port nor the path of a file that can be executed: mend or unset it.',
    );
  return { kind: 'command', command: value, args: [] };
}

async function findNative(directory: string): Promise<string | undefined> {
  const files = await readdir(directory).catch(() => []);
  const name = files.find((file) => /^temporal-test-server[^/]*[0-9](\.exe)?$/.test(file));
  return name && join(directory, name);
}

/** Lets the SDK download its native server into our cache; `undefined` when that is off, out of reach or fails. */
async function download(
  directory: string,
  env: NodeJS.ProcessEnv,
  onProgress: (line: string) => void,
): Promise<string | undefined> {
  if (env['PEGASUS_TEST_SERVER_DOWNLOAD'] === 'off') return undefined;
  // The downloader cannot be cancelled and waits long for a network that is not there.
  const probe = await fetch(PROBE_URL, { method: 'HEAD', signal: AbortSignal.timeout(PROBE_MS) }).catch(
    () => null,
  );
  if (!probe) return undefined;
  onProgress(`Downloading Temporal's test server (once) into ${directory}`);
  const timeout = AbortSignal.timeout(DOWNLOAD_MS);
  const expired = new Promise<never>((_, reject) => {
    timeout.addEventListener('abort', () => reject(new Error('the download took too long')), { once: true });
  });
  try {
    await makeOnce(directory, async (draft) => {
      const executable = { type: 'cached-download', downloadDir: draft } as const;
      const environment = await Promise.race([
        TestWorkflowEnvironment.createTimeSkipping({ server: { executable } }),
        expired,
      ]);
      await environment.teardown();
    });
    return await findNative(directory);
  } catch (error) {
    onProgress(
      `  it failed (${error instanceof Error ? error.message : String(error)}); trying Maven instead`,
    );
    return undefined;
  }
}
