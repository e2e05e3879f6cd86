import { text as readAll } from 'node:stream/consumers';
import { PegasusError } from '@pegasus-workflows/contracts/errors';
import { type Context } from '../context.js';
import { registerSecret } from '../credentials/mask.js';
import { readNamedFile, readVariable } from '../options/sources.js';

/** A secret that another party has made: never on the command line, which everyone on the machine can see. */
export interface GivenSecretOptions {
  /** Name of a variable. */
  secretFromEnv?: string;
  /** A file, or `-` for standard input. */
  secretFromFile?: string;
}

/**
 * What the options give, without the line break at its end; from now on no output shows it.
 * @throws PegasusError VALIDATION_ERROR when there is nothing
 */
export async function readGivenSecret(
  context: Context,
  { secretFromEnv, secretFromFile }: GivenSecretOptions,
): Promise<string | undefined> {
  if (secretFromEnv === undefined && secretFromFile === undefined) return undefined;
  const [option, read] =
    secretFromEnv === undefined
      ? ['--secret-from-file', await readSecretFile(context, secretFromFile ?? '-')]
      : ['--secret-from-env', readVariable(context, '--secret-from-env', secretFromEnv)];
  const secret = read.replace(/\r?\n$/, '');
  registerSecret(secret);
  if (secret) return secret;
  throw new PegasusError('VALIDATION_ERROR', `${option}: there is no secret in it.`);
}

async function readSecretFile(context: Context, given: string): Promise<string> {
  if (given === '-') return readAll(context.stdin);
  return (await readNamedFile(context, '--secret-from-file', given)).toString('utf8');
}
