/**
 * Job: an API key that the platform shows this once gets to where the person wants it, and nowhere else.
 *
 * Boundary: `--out`, `--save-profile` and `--show-key`, and the call in between; what the call is, and what else is
 * printed, is its command's.
 *
 * Invariants
 * 1. Without a place for it nothing is asked of the platform: no key is made that nobody gets to see.
 * 2. A file is made before the call, readable by its owner alone, and never in place of another; when the call fails it
 *    is gone again. A profile that is there is never replaced.
 * 3. A key is on standard output with `--show-key` only; it is the one way round the mask.
 * 4. A key that was made and could not be kept is named by its id, to be revoked.
 */
import { type CreatedApiKey } from '@pegasus-workflows/contracts';
import { PegasusError } from '@pegasus-workflows/contracts/errors';
import { type Api } from '../api.js';
import { type Context } from '../context.js';
import { checkProfileName, readOwnCredentials } from '../credentials/files.js';
import { registerSecret, unmask } from '../credentials/mask.js';
import { NewPrivateFile } from '../files/new-private-file.js';
import { storeProfile } from './profile.js';

export interface KeyPlaces {
  /** A new file. */
  out?: string;
  /** A new profile of the credentials file. */
  saveProfile?: string;
  showKey?: boolean;
}

/** Where the key went: what `--json` says beside the key's description. */
export interface KeptKey {
  key?: string;
  /** Absolute path. */
  keyFile?: string;
  profile?: string;
}

/**
 * Makes a key and keeps it where the options say.
 * @param make the call, and the key in its answer
 * @throws PegasusError VALIDATION_ERROR before the call without a place; CONFLICT when the file or profile is there
 */
export async function keepKey<T>(
  context: Context,
  { credentials }: Api,
  places: KeyPlaces,
  make: () => Promise<T>,
  keyIn: (made: T) => CreatedApiKey,
): Promise<{ made: T; kept: KeptKey }> {
  const { out, saveProfile, showKey } = places;
  if (out === undefined && saveProfile === undefined && !showKey)
    throw new PegasusError('VALIDATION_ERROR', 'The key is shown this once, and nothing says where.', {
      hint: 'Add --out <file> (a new file that only you can read), --save-profile <name>, or --show-key to print it.',
    });
  if (saveProfile !== undefined) await refuseKnownProfile(context, saveProfile);
  const file = await NewPrivateFile.create(context.cwd, out);
  const made = await make().catch(async (error: unknown) => {
    await file?.discard();
    throw error;
  });
  const { key, id } = keyIn(made);
  if (showKey) unmask(key);
  else registerSecret(key);
  try {
    await file?.keep(key);
    if (saveProfile !== undefined)
      await storeProfile(context, saveProfile, { key, root: credentials.baseUrl });
  } catch (error) {
    throw new PegasusError('INTERNAL_ERROR', 'The key was made, and could not be kept.', {
      cause: error,
      hint: `Revoke it: pegasus-workflows keys revoke ${id}. Then make another.`,
    });
  }
  return {
    made,
    kept: {
      ...(showKey ? { key } : {}),
      ...(file === undefined ? {} : { keyFile: file.path }),
      ...(saveProfile === undefined ? {} : { profile: saveProfile }),
    },
  };
}

/** Says where the key is, or what it is. */
export function printKept({ out }: Context, { key, keyFile, profile }: KeptKey): void {
  const fact = (value: string): void => out.line(`${out.colors.quiet('key'.padEnd(14))}${value}`);
  if (keyFile !== undefined) fact(`in ${keyFile}`);
  if (profile !== undefined) fact(`in profile "${profile}"`);
  if (key !== undefined) fact(key);
  out.note(out.noteColors.quiet('nothing shows the key again'));
}

async function refuseKnownProfile(context: Context, name: string): Promise<void> {
  checkProfileName(name);
  const { profiles, path: file } = await readOwnCredentials(context);
  if (!profiles.has(name)) return;
  throw new PegasusError('CONFLICT', `Profile "${name}" is in ${file} already; it is not replaced.`, {
    hint: 'Give another name, or use --out and then configure.',
  });
}
