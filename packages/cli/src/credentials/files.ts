/**
 * Job: the credentials file: which one is in force, what it holds, and changing one profile of it.
 *
 * Boundary: reads and writes the file system; knows nothing of flags or of which profile a command wants.
 *
 * Invariants
 * 1. Reads look at `PEGASUS_CREDENTIALS_FILE`, else `./.pegasus/credentials` if it exists, else the home file.
 * 2. Writes go to `PEGASUS_CREDENTIALS_FILE`, else the home file, never to the folder's own file.
 * 3. A write is atomic (a reader sees the old file or the new one), leaves mode 0600, and changes one profile's lines.
 * 4. No message of this module holds a key.
 */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { PegasusError } from '@pegasus-workflows/contracts';
import { parse } from 'smol-toml';
import { PROFILE_NAME_PATTERN, setProfile, UneditableError, type ProfileValues } from './edit.js';

/** Where a profile without `api_root` points at. */
export const DEFAULT_API_ROOT = 'https://api.pegasus.dolas.dev';

export interface Profile {
  name: string;
  apiKey: string;
  apiRoot: string;
}

export interface CredentialsFile {
  path: string;
  profiles: ReadonlyMap<string, Profile>;
  /** Sentences to print; a file that others can read, for one. */
  warnings: string[];
}

interface Place {
  env: NodeJS.ProcessEnv;
  cwd: string;
}

function homeFile(env: NodeJS.ProcessEnv): string {
  return path.join(env['HOME'] || homedir(), '.pegasus', 'credentials');
}

/** Where profiles are read from (invariant 1). */
export function credentialsPathForReading({ env, cwd }: Place): string {
  const override = env['PEGASUS_CREDENTIALS_FILE'];
  if (override) return path.resolve(cwd, override);
  const local = path.join(cwd, '.pegasus', 'credentials');
  return existsSync(local) ? local : homeFile(env);
}

/** Where a profile is written to (invariant 2). */
export function credentialsPathForWriting({ env, cwd }: Place): string {
  const override = env['PEGASUS_CREDENTIALS_FILE'];
  return override ? path.resolve(cwd, override) : homeFile(env);
}

/** The file in force; no file is no profile. @throws PegasusError VALIDATION_ERROR when it is not readable TOML */
export async function readCredentials(place: Place): Promise<CredentialsFile> {
  const file = credentialsPathForReading(place);
  const text = await readIfThere(file);
  if (text === undefined) return { path: file, profiles: new Map(), warnings: [] };
  return { path: file, profiles: parseProfiles(text, file), warnings: await looseModeWarnings(file) };
}

function parseProfiles(text: string, file: string): Map<string, Profile> {
  let tables: Record<string, unknown>;
  try {
    tables = parse(text);
  } catch (error) {
    // Only the position: the parser's own message quotes the line, which may hold a key.
    const line = error instanceof Error && 'line' in error ? `:${String(error.line)}` : '';
    throw new PegasusError('VALIDATION_ERROR', `${file}${line} is not valid TOML.`, {
      hint: 'Mend that line: a profile is a [name] header with api_key = "…" below it.',
    });
  }
  const profiles = new Map<string, Profile>();
  for (const [name, table] of Object.entries(tables)) {
    if (typeof table !== 'object' || table === null) continue;
    const { api_key: apiKey, api_root: apiRoot } = table as Record<string, unknown>;
    if (typeof apiKey !== 'string' || apiKey === '') continue;
    profiles.set(name, { name, apiKey, apiRoot: typeof apiRoot === 'string' ? apiRoot : DEFAULT_API_ROOT });
  }
  return profiles;
}

async function looseModeWarnings(file: string): Promise<string[]> {
  if (process.platform === 'win32') return [];
  const { mode } = await stat(file);
  if ((mode & 0o077) === 0) return [];
  return [`${file} can be read by others (mode ${(mode & 0o777).toString(8)}); run: chmod 600 ${file}`];
}

/**
 * Sets one profile in the file for writing (invariants 2 and 3).
 *
 * @returns the path that was written
 * @throws PegasusError VALIDATION_ERROR for a bad name, or a file that cannot be edited without harm
 */
export async function writeProfile(place: Place, name: string, values: ProfileValues): Promise<string> {
  if (!PROFILE_NAME_PATTERN.test(name))
    throw new PegasusError('VALIDATION_ERROR', `Profile name "${name}" is not usable.`, {
      hint: 'Use 1 to 64 letters, digits, "-" or "_".',
    });
  const file = credentialsPathForWriting(place);
  let text: string;
  try {
    text = setProfile((await readIfThere(file)) ?? '', name, values);
  } catch (error) {
    if (!(error instanceof UneditableError)) throw error;
    throw new PegasusError('VALIDATION_ERROR', `${file} was left as it is: ${error.message}.`, {
      hint: `Write the profile as a [${name}] header with api_key = "…" below it, or move the file away.`,
    });
  }
  await writeAtomically(file, text);
  return file;
}

async function writeAtomically(file: string, text: string): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
  // A link (dotfiles kept elsewhere) stays a link: what it points at is replaced.
  const target = existsSync(file) ? await realpath(file) : file;
  const draft = `${target}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    await writeFile(draft, text, { mode: 0o600, flag: 'wx', flush: true });
    await rename(draft, target);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
