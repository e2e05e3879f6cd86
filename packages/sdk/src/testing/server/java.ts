import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { access, realpath, stat } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { TEST_SERVER_MAIN } from './jar-lock.js';

/** The `java` of `JAVA_HOME`, else the first on the PATH; `undefined` when there is none. */
export async function findJava(env: NodeJS.ProcessEnv = process.env): Promise<string | undefined> {
  const name = process.platform === 'win32' ? 'java.exe' : 'java';
  const home = env['JAVA_HOME'];
  const folders = [
    ...(home ? [join(home, 'bin')] : []),
    ...(env['PATH'] ?? '').split(delimiter).filter(Boolean),
  ];
  for (const folder of folders) {
    const path = join(folder, name);
    if (
      await access(path, constants.X_OK).then(
        () => true,
        () => false,
      )
    )
      return path;
  }
  return undefined;
}

/** A command line without its last argument, the port. */
export interface ServerCommand {
  command: string;
  args: string[];
  /** A file this run writes for later ones, put in its place when the run has ended. */
  archive?: { draft: string; final: string };
}

/**
 * The test server under `java`. Class loading is most of a JVM's start, so the first run records the loaded classes
 * in an archive (class data sharing), and later runs map that: about a third of the time.
 */
export async function javaCommand(java: string, versionDirectory: string): Promise<ServerCommand> {
  const archive = join(versionDirectory, `classes-${await fingerprint(java)}.jsa`);
  const recorded = await stat(archive).then(
    () => true,
    () => false,
  );
  const draft = `${archive}.${process.pid}.part`;
  return {
    command: java,
    args: [
      // Older Java lacks some of these; a mismatched archive is ignored. Neither may stop a test or print.
      '-XX:+IgnoreUnrecognizedVMOptions',
      '-XX:TieredStopAtLevel=1',
      '-XX:+UseSerialGC',
      '-Xshare:auto',
      '-Xlog:disable',
      '-Xmx256m',
      recorded ? `-XX:SharedArchiveFile=${archive}` : `-XX:ArchiveClassesAtExit=${draft}`,
      '-cp',
      join(versionDirectory, 'lib', '*'),
      TEST_SERVER_MAIN,
    ],
    ...(recorded ? {} : { archive: { draft, final: archive } }),
  };
}

/** Names the Java that an archive belongs to: the JVM refuses any other's. */
async function fingerprint(java: string): Promise<string> {
  const path = await realpath(java);
  const { size, mtimeMs } = await stat(path);
  return createHash('sha256').update(`${path} ${size} ${mtimeMs}`).digest('hex').slice(0, 12);
}
