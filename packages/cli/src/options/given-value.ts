import path from 'node:path';
import { buffer } from 'node:stream/consumers';
import { PegasusError } from '@pegasus-workflows/contracts/errors';
import { type Context } from '../context.js';
import { registerSecret } from '../credentials/mask.js';
import { askHidden, askText, canAsk } from '../setup/ask.js';
import { readNamedFile, readVariable } from './sources.js';

/** Where a value comes from. None: standard input, or at a terminal a question. Never the command line: `ps` shows it. */
export interface ValueSource {
  /** Name of a variable of the environment. */
  fromEnv?: string;
  fromFile?: string;
  /** Keep the line break at the end of a file or of standard input. */
  exact?: boolean;
}

/**
 * The value that a command is to store. One line break at the end of a file or of standard input is not a part of it:
 * editors and `echo` write it. A secret is masked in everything that is printed from here on, and not shown while it is
 * typed.
 *
 * @param what for questions and messages, such as `secret`
 * @throws PegasusError VALIDATION_ERROR when there is none, or it is no UTF-8 text
 */
export async function readGivenValue(
  context: Context,
  { what, isSecret }: { what: string; isSecret: boolean },
  source: ValueSource,
): Promise<string> {
  const value = await read(context, what, isSecret, source);
  if (isSecret) registerSecret(value);
  if (value !== '' || !isSecret) return value;
  throw new PegasusError('VALIDATION_ERROR', `The ${what} is empty.`, {
    hint: 'Give it on standard input, or with --from-env or --from-file.',
  });
}

async function read(
  context: Context,
  what: string,
  isSecret: boolean,
  { fromEnv, fromFile, exact = false }: ValueSource,
): Promise<string> {
  if (fromEnv !== undefined) return readVariable(context, '--from-env', fromEnv);
  if (fromFile !== undefined) {
    const bytes = await readNamedFile(context, '--from-file', fromFile);
    return decoded(bytes, path.resolve(context.cwd, fromFile), exact);
  }
  if (!context.stdin.isTTY) return decoded(await buffer(context.stdin), 'standard input', exact);
  if (!canAsk(context))
    throw new PegasusError('VALIDATION_ERROR', `The ${what} cannot be asked for here.`, {
      hint: 'Give it on standard input, or with --from-env or --from-file.',
    });
  const question = { message: `Value of the ${what}`, problem: () => undefined };
  return isSecret ? askHidden(question) : askText(question);
}

function decoded(bytes: Buffer, where: string, exact: boolean): string {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: exact }).decode(bytes);
    return exact ? text : text.replace(/\r?\n$/, '');
  } catch (cause) {
    throw new PegasusError('VALIDATION_ERROR', `${where} is not UTF-8 text.`, {
      hint: 'Encode bytes as text first, such as base64, and decode them in the workflow.',
      cause,
    });
  }
}
