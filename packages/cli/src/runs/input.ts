import { readFile } from 'node:fs/promises';
import { text as readAll } from 'node:stream/consumers';
import { PegasusError } from '@pegasus-workflows/contracts';
import path from 'node:path';
import { type Context } from '../context.js';

/**
 * The input of a run: a JSON object, `@file`, or `-` for standard input.
 * @throws PegasusError VALIDATION_ERROR when it cannot be read or is not a JSON object
 */
export async function readRunInput(
  context: Context,
  given: string | undefined,
): Promise<Record<string, unknown> | undefined> {
  if (given === undefined) return undefined;
  const text = await readSource(context, given);
  const value = parseJson(text, given);
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  const kind = value === null ? 'null' : Array.isArray(value) ? 'an array' : `a ${typeof value}`;
  throw new PegasusError('VALIDATION_ERROR', `--input must be a JSON object; it is ${kind}.`, {
    hint: `Wrap it: --input '{"value": …}'`,
  });
}

async function readSource({ cwd }: Context, given: string): Promise<string> {
  if (given === '-') return readAll(process.stdin);
  if (!given.startsWith('@')) return given;
  const file = path.resolve(cwd, given.slice(1));
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new PegasusError('VALIDATION_ERROR', `--input: ${file} cannot be read.`, {
      cause: error,
      hint: 'Check the path after the @.',
    });
  }
}

function parseJson(text: string, given: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const where = given === '-' ? 'standard input' : given.startsWith('@') ? given.slice(1) : '--input';
    const reason = error instanceof Error ? error.message.split('\n')[0] : '';
    throw new PegasusError('VALIDATION_ERROR', `${where} is not JSON: ${reason}`, {
      hint: `Write an object in single quotes: --input '{"name": "Ada"}', or use @file or - (standard input).`,
    });
  }
}
