import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { createLogger } from '@pegasus-workflows/kit';
import { openDatabase } from '@pegasus-workflows/server';
import { inject } from 'vitest';

/**
 * Making a new PGlite directory costs several seconds of processor time; copying a migrated one costs a fraction.
 * The template is made once for a set of migrations and a PGlite version, and kept in the repository's `.cache`.
 */
const ROOT = resolve(import.meta.dirname, '../..');
const MIGRATIONS = join(ROOT, 'packages/server/migrations');

/** The template's directory, made if there is none yet. For `global-setup.ts`. */
export async function preparePgliteTemplate(): Promise<string> {
  const directory = join(ROOT, '.cache', `pglite-${await fingerprint()}`);
  if (existsSync(directory)) return directory;
  await mkdir(dirname(directory), { recursive: true });
  const making = await mkdtemp(`${directory}.making-`);
  const logger = createLogger('pglite-template');
  logger.level = 'error';
  try {
    const db = await openDatabase({ pgliteDir: join(making, 'db') }, logger);
    await db.close();
    await rename(join(making, 'db'), directory).catch((error: unknown) => {
      // Another run was faster; its template is as good.
      if (!existsSync(directory)) throw error;
    });
  } finally {
    await rm(making, { recursive: true, force: true });
  }
  return directory;
}

/** Puts a migrated, empty database at `directory`, which must not exist yet. A thousand files: Node's own `cp` takes ten times as long. */
export async function copyPgliteTemplate(directory: string): Promise<void> {
  await mkdir(dirname(directory), { recursive: true });
  await promisify(execFile)('cp', ['-R', inject('pgliteTemplate'), directory]);
}

/** A migrated, empty database of one suite. */
export async function freshPglite(): Promise<{ pgliteDir: string; drop(): Promise<void> }> {
  const parent = await mkdtemp(join(tmpdir(), 'pegasus-pglite-'));
  const pgliteDir = join(parent, 'db');
  await copyPgliteTemplate(pgliteDir);
  return { pgliteDir, drop: () => rm(parent, { recursive: true, force: true }) };
}

async function fingerprint(): Promise<string> {
  const hash = createHash('sha256');
  const require = createRequire(join(ROOT, 'packages/server/package.json'));
  hash.update(await readFile(join(dirname(require.resolve('@electric-sql/pglite')), '../package.json')));
  for (const file of (await readdir(MIGRATIONS)).filter((name) => name.endsWith('.sql')).sort()) {
    hash.update(file).update(await readFile(join(MIGRATIONS, file)));
  }
  return hash.digest('hex').slice(0, 16);
}
