import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { buffer } from 'node:stream/consumers';
import { PegasusError } from '@pegasus-workflows/contracts/errors';
import { type Context } from '../context.js';
import { registerSecret } from '../credentials/mask.js';
import { unreadable } from '../files/file-errors.js';
import { isCode } from '../files/write-atomically.js';
import { askHidden, askText, canAsk } from '../setup/ask.js';

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
  if (fromEnv !== undefined) return readVariable(context, fromEnv);
  if (fromFile !== undefined) {
    const file = path.resolve(context.cwd, fromFile);
    return decoded(await readBytes(file), file, exact);
  }
  if (!context.stdin.isTTY) return decoded(await buffer(context.stdin), 'standard input', exact);
  if (!canAsk(context))
    throw new PegasusError('VALIDATION_ERROR', `The ${what} cannot be asked for here.`, {
      hint: 'Give it on standard input, or with --from-env or --from-file.',
    });
  const question = { message: `Value of the ${what}`, problem: () => undefined };
  return isSecret ? askHidden(question) : askText(question);
}

function readVariable({ env }: Context, name: string): string {
  const value = env[name];
  if (value !== undefined) return value;
  throw new PegasusError('VALIDATION_ERROR', `--from-env: there is no variable ${name} in the environment.`, {
    hint: 'Name one that is exported to this command.',
  });
}

async function readBytes(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (error) {
    if (!isCode(error, 'ENOENT')) throw unreadable(file, error);
    throw new PegasusError('VALIDATION_ERROR', `--from-file: there is no file ${file}.`, { cause: error });
  }
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
