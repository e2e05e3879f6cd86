import { PegasusError } from '@pegasus-workflows/contracts/errors';
import { type Context } from '../context.js';
import { checkedUrl } from '../credentials/base-url.js';
import {
  checkProfileName,
  DEFAULT_API_ROOT,
  readOwnCredentials,
  writeProfile,
  type Profile,
} from '../credentials/files.js';
import { credentialsPathForReading } from '../credentials/location.js';
import { maskKey } from '../credentials/mask.js';
import { askKey, askText, canAsk } from './ask.js';
import { keyProblem, readGivenKey } from './key.js';

/** What flags may say about a profile. `--token` and `--base-url`, which every command takes, mean the same here. */
export interface ProfileFlags {
  apiKey?: string;
  apiRoot?: string;
}

/** The profile that a command of the first run is about. */
export interface ChosenProfile {
  name: string;
  /** What the file that is written to holds under that name. */
  existing: Profile | undefined;
  /** The values flags give, checked; undefined where they are silent. */
  key: string | undefined;
  root: string | undefined;
}

/** Reads and checks everything that is given, before a question is asked or a byte is written. */
export async function chooseProfile(context: Context, flags: ProfileFlags): Promise<ChosenProfile> {
  const { options, out } = context;
  const name = options.profile ?? 'default';
  checkProfileName(name);
  const givenKey = flags.apiKey ?? options.token;
  const givenRoot = flags.apiRoot ?? options.baseUrl;
  const root = givenRoot === undefined ? undefined : checkedUrl(givenRoot);
  const file = await readOwnCredentials(context);
  for (const warning of file.warnings) out.warn(warning);
  const key = givenKey === undefined ? undefined : await readGivenKey(context, givenKey);
  return { name, existing: file.profiles.get(name), key, root };
}

export interface AskOptions {
  /** What an empty answer to the question for a key means, in words; without, a key is needed. */
  withoutKey?: string;
}

/**
 * Key and address of the profile: as given, asked for where they are not, kept where the person leaves them.
 * The key is undefined only when `withoutKey` allows it.
 *
 * @throws PegasusError VALIDATION_ERROR when something is missing and nobody can be asked; Interrupted on Ctrl-C
 */
export async function completeProfile(
  context: Context,
  chosen: ChosenProfile,
  { withoutKey }: AskOptions = {},
): Promise<{ key: string | undefined; root: string }> {
  const { existing } = chosen;
  if (chosen.key !== undefined)
    return { key: chosen.key, root: chosen.root ?? existing?.apiRoot ?? DEFAULT_API_ROOT };
  // An address alone, for a profile that has a key: nothing is missing.
  if (existing && chosen.root !== undefined) return { key: existing.apiKey, root: chosen.root };
  if (!canAsk(context)) throw nobodyToAsk(context);
  const root = chosen.root ?? (await askRoot(existing?.apiRoot ?? DEFAULT_API_ROOT));
  const empty = existing ? `Enter keeps ${maskKey(existing.apiKey)}` : withoutKey;
  const typed = await askKey({
    message: `API key of profile "${chosen.name}"; it is not shown${empty ? `. ${empty}` : ''}`,
    problem: (answer) => (answer === '' && empty ? undefined : keyProblem(answer)),
  });
  return { key: typed === '' ? existing?.apiKey : typed, root };
}

function askRoot(initial: string): Promise<string> {
  return askText({
    message: 'Address of the platform',
    initial,
    problem: (answer) => {
      try {
        checkedUrl(answer);
        return undefined;
      } catch (error) {
        return error instanceof PegasusError ? `${error.message} ${error.hint ?? ''}` : String(error);
      }
    },
  }).then(checkedUrl);
}

function nobodyToAsk({ env, stdin }: Context): PegasusError {
  const why =
    env['TERM'] === 'dumb' && stdin.isTTY
      ? 'this terminal (TERM=dumb) cannot hide what is typed'
      : 'there is no terminal to ask at';
  return new PegasusError('VALIDATION_ERROR', `No API key was given, and ${why}.`, {
    hint: 'Give --api-key - and the key on standard input, and --api-root <url>.',
  });
}

/** Writes the profile and says what commands will make of it. @returns the file */
export async function storeProfile(
  context: Context,
  name: string,
  { key, root }: { key: string; root: string },
): Promise<string> {
  const file = await writeProfile(context, name, { api_key: key, api_root: root });
  const read = credentialsPathForReading(context);
  if (read !== file)
    context.out.warn(`commands in ${context.cwd} read ${read}, not ${file}; move one of them away`);
  return file;
}
