/**
 * Job: the credentials file: what it holds, and changing one profile of it.
 *
 * Boundary: reads and writes the file system; knows nothing of flags or of which profile a command wants.
 *
 * Invariants
 * 1. Reads look at `PEGASUS_CREDENTIALS_FILE`, else `./.pegasus/credentials` if it exists, else the home file.
 * 2. Writes go to `PEGASUS_CREDENTIALS_FILE`, else the home file, never to the folder's own file.
 * 3. A write is atomic (a reader, also after a crash, sees the old file or the new one), leaves mode 0600, and changes
 *    one profile's lines.
 * 4. No message of this module holds a key, and every key it has read is a registered secret.
 * 5. Of two processes that write at once, neither loses what the other wrote.
 */
import { PegasusError } from '@pegasus-workflows/contracts/errors';
import { parse } from 'smol-toml';
import { unwritable } from '../files/file-errors.js';
import { PROFILE_NAME_PATTERN, setProfile, UneditableError, type ProfileValues } from './edit.js';
import { credentialsPathForReading, credentialsPathForWriting, HOME_FILE, type Place } from './location.js';
import { registerSecret } from './mask.js';
import { readSecretFile } from './read-file.js';

/** Where a profile without `api_root` points at. */
export const DEFAULT_API_ROOT = 'https://api.pegasus.dolas.dev';

export interface Profile {
  name: string;
  apiKey: string;
  apiRoot: string;
}

export interface CredentialsFile {
  /** For messages; `~/.pegasus/credentials` where there is no home folder. */
  path: string;
  profiles: ReadonlyMap<string, Profile>;
  /** Sentences to print; a file that others can read, for one. */
  warnings: string[];
}

/**
 * The file in force (invariant 1); no file is no profile.
 * @throws PegasusError VALIDATION_ERROR when it is not readable TOML, FORBIDDEN when it is another user's
 */
export async function readCredentials(place: Place): Promise<CredentialsFile> {
  const file = credentialsPathForReading(place);
  return file === undefined ? { path: HOME_FILE, profiles: new Map(), warnings: [] } : readFile(file);
}

/** The file that {@link writeProfile} changes; the folder's own one is not it. Throws as {@link readCredentials} does. */
export async function readOwnCredentials(place: Place): Promise<CredentialsFile> {
  return readFile(credentialsPathForWriting(place));
}

async function readFile(file: string): Promise<CredentialsFile> {
  const found = await readSecretFile(file);
  if (!found) return { path: file, profiles: new Map(), warnings: [] };
  return { path: file, profiles: parseProfiles(found.text, file), warnings: found.warnings };
}

function parseProfiles(text: string, file: string): Map<string, Profile> {
  let tables: Record<string, unknown>;
  try {
    tables = parse(text.replace(/^\uFEFF/, ''));
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
    registerSecret(apiKey);
    profiles.set(name, { name, apiKey, apiRoot: typeof apiRoot === 'string' ? apiRoot : DEFAULT_API_ROOT });
  }
  return profiles;
}

/** @throws PegasusError VALIDATION_ERROR for a name that cannot be a profile's */
export function checkProfileName(name: string): void {
  if (PROFILE_NAME_PATTERN.test(name)) return;
  throw new PegasusError('VALIDATION_ERROR', `Profile name "${name}" is not usable.`, {
    hint: 'Use 1 to 64 letters, digits, "-" or "_".',
  });
}

/**
 * Sets one profile in the file for writing (invariants 2, 3 and 5).
 *
 * @returns the path that was written
 * @throws PegasusError VALIDATION_ERROR for a bad name, a file that cannot be edited without harm, or no home folder;
 *   INTERNAL_ERROR where nothing can be written; CONFLICT when another process does not finish
 */
export async function writeProfile(place: Place, name: string, values: ProfileValues): Promise<string> {
  checkProfileName(name);
  registerSecret(values.api_key);
  const file = credentialsPathForWriting(place);
  // Here and not above: commands that only read start without them.
  const { withFileLock } = await import('../files/file-lock.js');
  const { writeAtomically } = await import('../files/write-atomically.js');
  try {
    await withFileLock(file, { folderMode: 0o700 }, async () => {
      const before = (await readSecretFile(file))?.text ?? '';
      const text = edited(file, before, name, values);
      await writeAtomically(file, text, { mode: 0o600, folderMode: 0o700, name: 'credentials' });
    });
  } catch (error) {
    throw unwritable(file, error, 'Name a place that can be written: PEGASUS_CREDENTIALS_FILE=<file>.');
  }
  return file;
}

function edited(file: string, before: string, name: string, values: ProfileValues): string {
  try {
    return setProfile(before, name, values);
  } catch (error) {
    if (!(error instanceof UneditableError)) throw error;
    throw new PegasusError('VALIDATION_ERROR', `${file} was left as it is: ${error.message}.`, {
      hint: `Write the profile as a [${name}] header with api_key = "…" below it, or move the file away.`,
    });
  }
}
