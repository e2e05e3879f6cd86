import { text as readAll } from 'node:stream/consumers';
import { PegasusError } from '@pegasus-workflows/contracts/errors';
import { type Context } from '../context.js';
import { registerSecret } from '../credentials/mask.js';
import { readNamedFile, readVariable } from '../options/sources.js';
import { askKey, canAsk } from './ask.js';

/** Where a provider's token comes from: never from an argument, which everyone on the machine sees in `ps`. */
export interface TokenSource {
  /** Name of an environment variable. */
  fromEnv?: string;
  /** A file that holds it and nothing else. */
  fromFile?: string;
  /** Standard input. */
  stdin?: boolean;
}

/**
 * The token as one of the flags gives it, else as the person at the terminal does; undefined when nobody gives one.
 * @throws PegasusError VALIDATION_ERROR when a flag leads to nothing, or two are given
 */
export async function readProviderToken(context: Context, source: TokenSource): Promise<string | undefined> {
  const { fromEnv, fromFile, stdin = false } = source;
  const given = [fromEnv, fromFile, stdin || undefined].filter((flag) => flag !== undefined);
  if (given.length > 1) throw unusable('Give one of --from-env, --from-file and --stdin.');
  if (given.length === 0) return askAtTerminal(context);
  const token = (await readSource(context, source)).replace(/^\uFEFF/, '').trim();
  registerSecret(token);
  if (token === '') throw unusable('The auth token is empty.');
  return token;
}

async function readSource(context: Context, { fromEnv, fromFile }: TokenSource): Promise<string> {
  if (fromEnv !== undefined) return readVariable(context, '--from-env', fromEnv);
  if (fromFile === undefined) return readAll(context.stdin);
  return (await readNamedFile(context, '--from-file', fromFile)).toString('utf8');
}

async function askAtTerminal(context: Context): Promise<string | undefined> {
  if (!canAsk(context)) return undefined;
  const token = await askKey({
    message: 'Auth token; it is not shown. Enter keeps the one that is set',
    problem: () => undefined,
  });
  return token === '' ? undefined : token;
}

function unusable(sentence: string): PegasusError {
  return new PegasusError('VALIDATION_ERROR', sentence, {
    hint: 'The token is read from --from-env <name>, --from-file <file>, --stdin, or asked for at a terminal.',
  });
}
