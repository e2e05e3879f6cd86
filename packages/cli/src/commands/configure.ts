import { PegasusError } from '@pegasus-workflows/contracts/errors';
import { type Context } from '../context.js';
import { maskKey } from '../credentials/mask.js';
import { chooseProfile, completeProfile, storeProfile, type ProfileFlags } from '../setup/profile.js';

/** Stores one profile: asked for at a terminal, or from flags. What it does not name stays as it is. */
export async function configure(context: Context, flags: ProfileFlags): Promise<void> {
  const { out } = context;
  const chosen = await chooseProfile(context, flags);
  const { key, root } = await completeProfile(context, chosen);
  if (key === undefined) throw new PegasusError('VALIDATION_ERROR', 'An API key is needed.');
  const file = await storeProfile(context, chosen.name, { key, root });
  out.line(`Profile "${chosen.name}" (${maskKey(key)}, ${root}) is in ${file}.`);
  out.result({ name: chosen.name, apiRoot: root, file });
}
