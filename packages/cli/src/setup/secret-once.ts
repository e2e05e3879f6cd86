/**
 * Job: a secret that the platform shows this once gets to where the person wants it, and nowhere else.
 *
 * Boundary: `--out <file>` and `--show-secret`, and the call in between; what the call is, and what else is printed, is
 * its command's.
 *
 * Invariants
 * 1. Without a place for it nothing is asked of the platform: no secret is made that nobody gets to see.
 * 2. A file is made before the call, readable by its owner alone, and never in place of another; when the call fails it
 *    is gone again.
 * 3. A secret is on standard output with `--show-secret` only.
 */
import { PegasusError } from '@pegasus-workflows/contracts/errors';
import { type Context } from '../context.js';
import { NewPrivateFile } from '../files/new-private-file.js';

export interface SecretOptions {
  /** A new file. */
  out?: string;
  showSecret?: boolean;
}

/** Where the secret went: what `--json` says beside the object. */
interface KeptSecret {
  secret?: string;
  /** Absolute path. */
  secretFile?: string;
}

/**
 * Makes something that comes with a secret, and keeps the secret where the options say.
 * @param make the call; a `secret` of null is one that the caller gave and knows
 * @returns what was made, without the secret
 * @throws PegasusError VALIDATION_ERROR before the call without a place; CONFLICT when the file is there
 */
export async function keepSecret<T extends { secret: string | null }>(
  context: Context,
  options: SecretOptions,
  make: () => Promise<T>,
): Promise<{ made: Omit<T, 'secret'>; kept: KeptSecret }> {
  if (options.out === undefined && !options.showSecret)
    throw new PegasusError('VALIDATION_ERROR', 'The secret is shown this once, and nothing says where.', {
      hint: 'Add --out <file> (a new file that only you can read), or --show-secret to print it.',
    });
  const file = await NewPrivateFile.create(context.cwd, options.out);
  const { secret, ...made } = await make().catch(async (error: unknown) => {
    await file?.discard();
    throw error;
  });
  if (secret === null) {
    await file?.discard();
    return { made, kept: {} };
  }
  const kept: KeptSecret = {
    ...(options.showSecret ? { secret } : {}),
    ...(file === undefined ? {} : { secretFile: file.path }),
  };
  try {
    await file?.keep(secret);
  } catch (error) {
    throw new PegasusError('INTERNAL_ERROR', `The secret could not be written to ${file?.path}.`, {
      cause: error,
      hint: 'It was made all the same: rotate it, to get another one.',
    });
  }
  return { made, kept };
}

/** Says where the secret is, or what it is. */
export function printKept({ out }: Context, { secret, secretFile }: KeptSecret): void {
  const { quiet } = out.colors;
  if (secretFile !== undefined) out.line(`${quiet('secret'.padEnd(14))}in ${secretFile}`);
  if (secret !== undefined) out.line(`${quiet('secret'.padEnd(14))}${secret}`);
  if (secret !== undefined || secretFile !== undefined)
    out.note(out.noteColors.quiet('nothing shows the secret again'));
}
