import { PegasusError } from '@pegasus-workflows/contracts';
import { type Context } from '../context.js';
import { nearest } from '../did-you-mean.js';
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
  if (options.token && options.baseUrl)
    return { token: options.token, baseUrl: checkedUrl(options.baseUrl), source: '--token' };
  const file = await readCredentials(context);
  for (const warning of file.warnings) out.warn(warning);
  const named = options.profile === undefined ? undefined : profileNamed(file, options.profile);
  const envToken = env['PEGASUS_WORKFLOW_TOKEN'];
  const fallback = file.profiles.get('default') ?? onlyProfile(file);

  const tokens: [string | undefined, string][] = [
    [options.token, '--token'],
    [named?.apiKey, `profile "${named?.name}"`],
    [envToken, 'PEGASUS_WORKFLOW_TOKEN'],
    [fallback?.apiKey, `profile "${fallback?.name}"`],
  ];
  const [token, source] = tokens.find(([value]) => value) ?? [];
  if (!token || !source) throw noCredentials(file);
  const baseUrl =
    options.baseUrl || named?.apiRoot || env['PEGASUS_BASE_URL'] || fallback?.apiRoot || FALLBACK_BASE_URL;
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
      : 'Start the platform on this machine with `pegasus-workflows dev`, which writes profile "local".',
  });
}

function noCredentials(file: CredentialsFile): PegasusError {
  const known = [...file.profiles.keys()];
  return new PegasusError('UNAUTHENTICATED', 'No API key was given.', {
    hint:
      known.length > 0
        ? `Name a profile of ${file.path}: --profile ${known[0]} (it holds: ${known.join(', ')}).`
        : `Start the platform on this machine with \`pegasus-workflows dev\`, or set PEGASUS_WORKFLOW_TOKEN and PEGASUS_BASE_URL, or write a profile to ${file.path}.`,
  });
}

function checkedUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url && (url.protocol === 'http:' || url.protocol === 'https:')) return text.replace(/\/+$/, '');
  throw new PegasusError('VALIDATION_ERROR', `Base URL "${text}" is not an http or https URL.`, {
    hint: 'Write it like https://pegasus.example.com or http://127.0.0.1:4800.',
  });
}
