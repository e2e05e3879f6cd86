import { text as readAll } from 'node:stream/consumers';
import { PegasusError } from '@pegasus-workflows/contracts/errors';
import { type Context } from '../context.js';
import { registerSecret, SHORTEST_SECRET } from '../credentials/mask.js';
import { askKey, canAsk } from './ask.js';

/** Why a text cannot be a key, or undefined when it can. It is never quoted. A key may have any shape a header can carry. */
export function keyProblem(key: string): string | undefined {
  if (key === '') return 'An API key is needed.';
  if (/\s/.test(key)) return 'An API key has no space or line break in it.';
  if (!/^[!-~]+$/.test(key)) return 'An API key is made of plain letters, digits and signs.';
  if (key.length < SHORTEST_SECRET) return `An API key has at least ${SHORTEST_SECRET} characters.`;
  return undefined;
}

/**
 * The key that `--api-key` (or `--token`) gives; `-` reads it from standard input, without showing it at a terminal.
 * @throws PegasusError VALIDATION_ERROR when it cannot be a key
 */
export async function readGivenKey(context: Context, given: string): Promise<string> {
  if (given === '-' && canAsk(context)) return askKey({ message: 'API key', problem: keyProblem });
  const key = (given === '-' ? await readAll(context.stdin) : given).replace(/^\uFEFF/, '').trim();
  registerSecret(key);
  const problem = keyProblem(key);
  if (problem === undefined) return key;
  throw new PegasusError('VALIDATION_ERROR', problem, {
    hint:
      given === '-'
        ? 'Give it on standard input: pegasus-workflows … --api-key - < key.txt'
        : 'Give it with --api-key, or --api-key - to have it read from standard input.',
  });
}
