import { text as readAll } from 'node:stream/consumers';
import { PegasusError } from '@pegasus-workflows/contracts/errors';
import { type Context } from '../context.js';
import { readNamedFile } from '../options/sources.js';

/**
 * The input of a run: a JSON object, `@file`, or `-` for standard input.
 * @throws PegasusError VALIDATION_ERROR, with file, line and column, when it cannot be read or is not a JSON object
 */
export async function readRunInput(
  context: Context,
  given: string | undefined,
): Promise<Record<string, unknown> | undefined> {
  return readJsonObject(context, '--input', given);
}

/** A JSON object that an option gives, in the same forms. @throws PegasusError VALIDATION_ERROR */
export async function readJsonObject(
  context: Context,
  option: string,
  given: string | undefined,
): Promise<Record<string, unknown> | undefined> {
  if (given === undefined) return undefined;
  const value = await readJsonOption(context, option, given);
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  const kind = value === null ? 'null' : Array.isArray(value) ? 'an array' : `a ${typeof value}`;
  throw new PegasusError('VALIDATION_ERROR', `${option} must be a JSON object; it is ${kind}.`, {
    hint: `Wrap it: ${option} '{"value": …}'`,
  });
}

/**
 * Any JSON value that an option gives: as text, `@file`, or `-` for standard input.
 * @throws PegasusError VALIDATION_ERROR, with file, line and column
 */
export async function readJsonOption(context: Context, option: string, given: string): Promise<unknown> {
  const { parseJson } = await import('@pegasus-workflows/project/replay');
  const parsed = parseJson(await readSource(context, option, given));
  if (parsed.ok) return parsed.value;
  const place = `${parsed.line}:${parsed.column}`;
  const where =
    given === '-'
      ? `standard input:${place}`
      : given.startsWith('@')
        ? `${given.slice(1)}:${place}`
        : `${option}`;
  const column = where === option ? ` (at character ${parsed.column})` : '';
  throw new PegasusError('VALIDATION_ERROR', `${where} is not JSON: it ${parsed.reason}${column}.`, {
    hint: `Write it in single quotes: ${option} '{"name": "Ada"}', or use @file or - (standard input).`,
  });
}

async function readSource(context: Context, option: string, given: string): Promise<string> {
  if (given === '-') return readAll(context.stdin);
  if (!given.startsWith('@')) return given;
  return (await readNamedFile(context, option, given.slice(1), 'Check the path after the @.')).toString(
    'utf8',
  );
}

/**
 * The arguments of a handler: one by `--input`, or any number by `--arg`.
 * @throws PegasusError VALIDATION_ERROR
 */
export async function readArgs(
  context: Context,
  { input, arg = [] }: { input?: string; arg?: string[] },
): Promise<unknown[]> {
  if (input !== undefined && arg.length > 0)
    throw new PegasusError('VALIDATION_ERROR', '--input and --arg cannot be given together.', {
      hint: '--input is the only argument; repeat --arg for several.',
    });
  if (input !== undefined) return [await readJsonOption(context, '--input', input)];
  const values: unknown[] = [];
  for (const one of arg) values.push(await readJsonOption(context, '--arg', one));
  return values;
}
