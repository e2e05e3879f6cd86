import { filterSchema } from '@pegasus-workflows/contracts';
import { PegasusError } from '@pegasus-workflows/contracts/errors';
import { type z } from 'zod';
import { type Context } from '../context.js';
import { readJsonOption } from '../runs/input.js';

/**
 * JSON of an agreed shape that an option gives: as text, `@file`, or `-` for standard input.
 * @throws PegasusError VALIDATION_ERROR, with each place that is not as agreed
 */
export async function readShapedJson<S extends z.ZodType>(
  context: Context,
  option: string,
  given: string,
  shape: S,
): Promise<z.output<S>> {
  return requireShape(option, await readJsonOption(context, option, given), shape);
}

/** @throws PegasusError VALIDATION_ERROR, with each place that is not as agreed */
export function requireShape<S extends z.ZodType>(option: string, value: unknown, shape: S): z.output<S> {
  const parsed = shape.safeParse(value);
  if (parsed.success) return parsed.data;
  const [first, ...others] = parsed.error.issues.map(({ path, message }) =>
    path.length > 0 ? `${path.join('.')}: ${message}` : message,
  );
  if (others.length === 0) throw new PegasusError('VALIDATION_ERROR', `${option}: ${first}.`);
  throw new PegasusError('VALIDATION_ERROR', `${option} is not as it must be.`, {
    problems: [first ?? '', ...others],
  });
}

export interface FilterOptions {
  /** JSON, `@file` or `-`. */
  filter?: string;
  filterFile?: string;
}

/** The filter that `--filter` or `--filter-file` gives; null takes one away. @throws PegasusError VALIDATION_ERROR with its problems */
export async function readFilter(
  context: Context,
  { filter, filterFile }: FilterOptions,
): Promise<Record<string, unknown> | null | undefined> {
  if (filterFile !== undefined)
    return readShapedJson(
      context,
      '--filter-file',
      filterFile === '-' ? '-' : `@${filterFile}`,
      filterSchema.nullable(),
    );
  if (filter === undefined) return undefined;
  return readShapedJson(context, '--filter', filter, filterSchema.nullable());
}
