import { PegasusError } from '@pegasus-workflows/contracts/errors';
import { type Context } from '../context.js';
import { nearest } from '@pegasus-workflows/contracts/nearest';
import { checkedUrl } from './base-url.js';
import { readCredentials, type CredentialsFile, type Profile } from './files.js';

/** What the base URL is when nothing names one. */
export const FALLBACK_BASE_URL = 'http://localhost:3000';

export interface ResolvedCredentials {
  token: string;
  baseUrl: string;
  /** Where the token came from, for messages: `--token`, `profile "local"`, … Never the token. */
  source: string;
}

/**
 * Who is calling, and where. Token and base URL are each taken from the first that gives one: flags, the profile named
 * by `--profile`, `PEGASUS_WORKFLOW_TOKEN`/`PEGASUS_BASE_URL`, the profile `default`. A file whose only profile has
 * another name has that one used in place of `default`, and a note says so.
 *
 * @throws PegasusError UNAUTHENTICATED when no token is found or the named profile does not exist
 */
export async function resolveCredentials(context: Context): Promise<ResolvedCredentials> {
  const { env, options, out } = context;
  const envToken = env['PEGASUS_WORKFLOW_TOKEN'];
  const envUrl = env['PEGASUS_BASE_URL'];
  // When nothing is left for a profile to say, a file that is broken or another user's is not in the way.
  const unnamed = options.profile === undefined;
  const given = {
    token: options.token || (unnamed ? envToken : undefined),
    url: options.baseUrl || (unnamed ? envUrl : undefined),
  };
  if (given.token && given.url) {
    const source = options.token ? '--token' : 'PEGASUS_WORKFLOW_TOKEN';
    return { token: given.token, baseUrl: checkedUrl(given.url), source };
  }
  const file = await readCredentials(context);
  for (const warning of file.warnings) out.warn(warning);
  const named = options.profile === undefined ? undefined : profileNamed(file, options.profile);
  const fallback = file.profiles.get('default') ?? onlyProfile(file);

  const tokens: [string | undefined, string][] = [
    [options.token, '--token'],
    [named?.apiKey, `profile "${named?.name}"`],
    [envToken, 'PEGASUS_WORKFLOW_TOKEN'],
    [fallback?.apiKey, `profile "${fallback?.name}"`],
  ];
  const [token, source] = tokens.find(([value]) => value) ?? [];
  if (!token || !source) throw noCredentials(file);
  const baseUrl = options.baseUrl || named?.apiRoot || envUrl || fallback?.apiRoot || FALLBACK_BASE_URL;
  if (fallback && fallback.name !== 'default' && token === fallback.apiKey && !named)
    out.note(out.noteColors.quiet(`using profile "${fallback.name}", the only one in ${file.path}`));
  return { token, baseUrl: checkedUrl(baseUrl), source };
}

function onlyProfile(file: CredentialsFile): Profile | undefined {
  const [first, ...others] = file.profiles.values();
  return others.length === 0 ? first : undefined;
}

function profileNamed(file: CredentialsFile, name: string): Profile {
  const profile = file.profiles.get(name);
  if (profile) return profile;
  const known = [...file.profiles.keys()];
  const guess = nearest(name, known);
  const there = known.length > 0 ? `It holds: ${known.join(', ')}.` : 'It holds no profile.';
  throw new PegasusError('UNAUTHENTICATED', `There is no profile "${name}" in ${file.path}. ${there}`, {
    hint: guess
      ? `Did you mean --profile ${guess}?`
      : `Make it: pegasus-workflows configure --profile ${name}`,
  });
}

function noCredentials(file: CredentialsFile): PegasusError {
  const known = [...file.profiles.keys()];
  return new PegasusError('UNAUTHENTICATED', 'No API key was given.', {
    hint:
      known.length > 0
        ? `Name a profile of ${file.path}: --profile ${known[0]} (it holds: ${known.join(', ')}).`
        : 'Store one with `pegasus-workflows setup`, start a platform on this machine with `pegasus-workflows dev`, or set PEGASUS_WORKFLOW_TOKEN and PEGASUS_BASE_URL.',
  });
}
