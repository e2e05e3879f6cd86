import { readFile } from 'node:fs/promises';
import { text as readAll } from 'node:stream/consumers';
import path from 'node:path';
import { PegasusError } from '@pegasus-workflows/contracts/errors';
import { type Context } from '../context.js';
import { registerSecret } from '../credentials/mask.js';
import { unreadable } from '../files/file-errors.js';

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
  const read =
    secretFromEnv === undefined ? await readFrom(context, secretFromFile ?? '-') : context.env[secretFromEnv];
  const secret = read?.replace(/\r?\n$/, '');
  registerSecret(secret);
  if (secret) return secret;
  throw new PegasusError(
    'VALIDATION_ERROR',
    secretFromEnv === undefined
      ? '--secret-from-file: there is no secret in it.'
      : `--secret-from-env: the variable ${secretFromEnv} is not set, or empty.`,
  );
}

async function readFrom({ cwd, stdin }: Context, given: string): Promise<string> {
  if (given === '-') return readAll(stdin);
  const file = path.resolve(cwd, given);
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw unreadable(file, error);
  }
}
