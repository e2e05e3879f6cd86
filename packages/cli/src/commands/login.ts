import { PegasusError } from '@pegasus-workflows/contracts/errors';
import { type Context } from '../context.js';
import { maskKey } from '../credentials/mask.js';
import { withProgress } from '../output/progress.js';
import { chooseProfile, completeProfile, storeProfile, type ProfileFlags } from '../setup/profile.js';

export interface LoginOptions extends ProfileFlags {
  verify?: boolean;
}

/**
 * Stores a key for a platform. With `verify` the platform is asked first, and a key that it does not take is not
 * stored; without, no call is made.
 */
export async function login(
  context: Context,
  platform: string | undefined,
  { verify, ...flags }: LoginOptions,
): Promise<void> {
  const { out } = context;
  const chosen = await chooseProfile(
    context,
    platform === undefined ? flags : { ...flags, apiRoot: platform },
  );
  // A new platform wants a key of its own: the one that is stored belongs to another.
  const moves = chosen.root !== undefined && chosen.root !== chosen.existing?.apiRoot;
  const { key, root } = await completeProfile(context, moves ? { ...chosen, existing: undefined } : chosen);
  if (key === undefined) throw new PegasusError('VALIDATION_ERROR', 'An API key is needed.');
  if (verify) await withProgress(out, `asking ${root}`, () => ask(root, key));
  const file = await storeProfile(context, chosen.name, { key, root });
  out.line(
    `Profile "${chosen.name}" (${maskKey(key)}, ${root}) is in ${file}; ${verify ? `${root} takes the key` : 'the key was not tried, --verify does that'}.`,
  );
  out.result({ name: chosen.name, apiRoot: root, file, verified: verify ?? false });
}

const ANSWER_MS = 15_000;

/** @throws the SDK's error when the platform does not answer or does not take the key */
async function ask(baseUrl: string, token: string): Promise<void> {
  const { PegasusClient, isPegasusApiError } = await import('pegasus-workflows-sdk/client');
  const client = new PegasusClient({ baseUrl, token, userAgent: 'pegasus-workflows-cli' });
  try {
    await client.workflows.list({ timeoutMs: ANSWER_MS, signal: AbortSignal.timeout(ANSWER_MS) });
  } catch (error) {
    // The platform knows the key; that it may not list workflows is no fault of it.
    if (isPegasusApiError(error) && error.status === 403) return;
    throw error;
  }
}
