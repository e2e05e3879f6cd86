import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TEST_SERVER_JARS, type LockedJar } from './jar-lock.js';

const MAVEN_CENTRAL = 'https://repo.maven.apache.org/maven2';
const PARALLEL = 6;
const ATTEMPT_MS = 120_000;

/**
 * Fetches the test server's jars into `directory`, each compared with its pinned sha256.
 * `PEGASUS_MAVEN_REPOSITORY` names a mirror of Maven Central.
 *
 * @throws Error naming the jar that could not be had, or is not the pinned one
 */
export async function fetchJars(
  directory: string,
  options: {
    env?: NodeJS.ProcessEnv;
    jars?: readonly LockedJar[];
    onProgress?: (done: number, total: number) => void;
  } = {},
): Promise<void> {
  const { env = process.env, jars = TEST_SERVER_JARS, onProgress } = options;
  const repository = (env['PEGASUS_MAVEN_REPOSITORY'] || MAVEN_CENTRAL).replace(/\/+$/, '');
  const queue = [...jars];
  let done = 0;
  const fetchNext = async () => {
    for (let jar = queue.shift(); jar; jar = queue.shift()) {
      const bytes = await fetchJar(repository, jar);
      await writeFile(join(directory, fileName(jar)), bytes);
      onProgress?.(++done, jars.length);
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, fetchNext));
}

function fileName(jar: LockedJar): string {
  return `${jar.artifact}-${jar.version}.jar`;
}

async function fetchJar(repository: string, jar: LockedJar): Promise<Uint8Array> {
  const url = `${repository}/${jar.group.replaceAll('.', '/')}/${jar.artifact}/${jar.version}/${fileName(jar)}`;
  for (let attempt = 1; ; attempt++) {
    try {
      const response = await fetch(url, { signal: AbortSignal.timeout(ATTEMPT_MS) });
      if (!response.ok) throw new Error(`HTTP ${response.status}`);
      const bytes = new Uint8Array(await response.arrayBuffer());
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      if (sha256 !== jar.sha256) throw new Error(`its sha256 is ${sha256}, not the pinned ${jar.sha256}`);
      return bytes;
    } catch (error) {
      if (attempt < 3) continue;
      const { origin, pathname } = new URL(url);
      throw new Error(
        `Cannot fetch ${origin}${pathname}: ${error instanceof Error ? error.message : String(error)}. ` +
          'Check the network, or name a mirror of Maven Central in PEGASUS_MAVEN_REPOSITORY.',
        { cause: error },
      );
    }
  }
}
