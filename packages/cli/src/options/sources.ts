import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { PegasusError } from '@pegasus-workflows/contracts/errors';
import { type Context } from '../context.js';
import { unreadable } from '../files/file-errors.js';
import { isCode } from '../files/write-atomically.js';

/** The variable that an option names; it may be empty. @throws PegasusError VALIDATION_ERROR when there is none */
export function readVariable({ env }: Context, option: string, name: string): string {
  const value = env[name];
  if (value !== undefined) return value;
  throw new PegasusError('VALIDATION_ERROR', `${option}: there is no variable ${name} in the environment.`, {
    hint: 'Name one that is exported to this command.',
  });
}

/** The file that an option names. @throws PegasusError VALIDATION_ERROR when it is not there, or cannot be read */
export async function readNamedFile(
  { cwd }: Context,
  option: string,
  given: string,
  hint = 'Check the path.',
): Promise<Buffer> {
  const file = path.resolve(cwd, given);
  try {
    return await readFile(file);
  } catch (cause) {
    if (!isCode(cause, 'ENOENT')) throw unreadable(file, cause);
    throw new PegasusError('VALIDATION_ERROR', `${option}: there is no file ${file}.`, { cause, hint });
  }
}
