import { createHash } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { localServer, type LocalServer } from '../../client/testing-support/local-server.js';
import { exists, makeOnce, testServerCache } from './cache.js';
import { fetchJars } from './fetch-jars.js';
import { TEST_SERVER_JARS, TEST_SERVER_VERSION } from './jar-lock.js';
import { provisionTestServer } from './provision.js';

describe('where the test server comes from', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'pegasus-sdk-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));
  const silent = { onProgress: () => undefined };
  const executable = async (path: string) => {
    await mkdir(join(path, '..'), { recursive: true });
    await writeFile(path, '');
    await chmod(path, 0o755);
    return path;
  };

  it('takes what PEGASUS_TEST_SERVER names, and says so when it cannot', async () => {
    const at = (value: string) => provisionTestServer({ ...silent, env: { PEGASUS_TEST_SERVER: value } });
    expect(await at('localhost:7777')).toEqual({ kind: 'running', address: 'localhost:7777' });
    const path = await executable(join(folder, 'server'));
    expect(await at(path)).toEqual({ kind: 'command', command: path, args: [] });
    await expect(at(join(folder, 'absent'))).rejects.toThrow(/PEGASUS_TEST_SERVER is neither/);
  });

  it('prefers a native server in the cache, else the jars there with a java', async () => {
    const env = {
      XDG_CACHE_HOME: folder,
      JAVA_HOME: join(folder, 'java'),
      PEGASUS_TEST_SERVER_DOWNLOAD: 'off',
    };
    const java = await executable(join(folder, 'java', 'bin', 'java'));
    const cache = testServerCache(env);
    await mkdir(join(cache, TEST_SERVER_VERSION, 'lib'), { recursive: true });
    const first = await provisionTestServer({ ...silent, env });
    expect(first).toMatchObject({ kind: 'command', command: java });
    expect(first.kind === 'command' && first.args.join(' ')).toContain('-XX:ArchiveClassesAtExit=');
    const native = await executable(join(cache, 'native', 'temporal-test-server-sdk-typescript-1.24.0'));
    expect(await provisionTestServer({ ...silent, env })).toMatchObject({ command: native });
  });

  it('names the one thing to do where there is no Java', async () => {
    const env = { XDG_CACHE_HOME: folder, PATH: folder, PEGASUS_TEST_SERVER_DOWNLOAD: 'off' };
    await expect(provisionTestServer({ ...silent, env })).rejects.toThrow(
      /needs Java.*apt-get install.*PEGASUS_TEST_SERVER/,
    );
  });

  it('pins every jar by a sha256', () => {
    expect(TEST_SERVER_JARS.length).toBeGreaterThan(30);
    for (const jar of TEST_SERVER_JARS) expect(Object.values(jar).every(Boolean)).toBe(true);
    for (const { sha256 } of TEST_SERVER_JARS) expect(sha256).toMatch(/^[0-9a-f]{64}$/);
  });

  describe('the jars of a Maven repository', () => {
    let repository: LocalServer;
    beforeEach(async () => {
      repository = await localServer();
      repository.answer((request, response) => void response.end(`bytes of ${request.url}`));
    });
    afterEach(() => repository.close());
    const path = '/mirror/org/demo/lib/1.0/lib-1.0.jar';
    const sha256 = createHash('sha256').update(`bytes of ${path}`).digest('hex');
    const jar = { group: 'org.demo', artifact: 'lib', version: '1.0', sha256 };

    it('come from the mirror that is named', async () => {
      const env = { PEGASUS_MAVEN_REPOSITORY: `${repository.url}/mirror/` };
      await fetchJars(folder, { env, jars: [jar] });
      expect(await readFile(join(folder, 'lib-1.0.jar'), 'utf8')).toBe(`bytes of ${path}`);
    });

    it('are refused when they are not the pinned bytes', async () => {
      const env = { PEGASUS_MAVEN_REPOSITORY: `${repository.url}/other` };
      await expect(fetchJars(folder, { env, jars: [jar] })).rejects.toThrow(
        /lib-1.0.jar: its sha256 is .* not the pinned/,
      );
      expect(await readdir(folder)).toEqual([]);
    });
  });

  it('is made once, whole, however many ask, and again after a failure', async () => {
    const target = join(folder, 'a', 'lib');
    await expect(makeOnce(target, () => Promise.reject(new Error('no network')))).rejects.toThrow(
      'no network',
    );
    expect(await exists(target)).toBe(false);
    let fills = 0;
    const fill = async (directory: string) => {
      fills++;
      await writeFile(join(directory, 'x'), 'x');
      expect(await exists(target)).toBe(false);
    };
    await Promise.all(Array.from({ length: 5 }, () => makeOnce(target, fill)));
    expect(fills).toBe(1);
    expect(await readdir(join(folder, 'a'))).toEqual(['lib']);
  });

  it('takes over from a process that died while it made it', async () => {
    const target = join(folder, 'lib');
    // No process has this id: it is beyond the largest that Linux and macOS give out.
    await writeFile(`${target}.lock`, '99999999');
    await makeOnce(target, async (directory) => writeFile(join(directory, 'x'), 'x'));
    expect(await readdir(folder)).toEqual(['lib']);
  });
});
