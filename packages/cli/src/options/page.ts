import { LIMITS } from '@pegasus-workflows/contracts';
import { PegasusError } from '@pegasus-workflows/contracts/errors';
import { type Context } from '../context.js';

/** Which page of a list, newest first. */
export interface PageOptions {
  limit: string;
  /** Id of the last row of the previous page. */
  before?: string;
}

/** @throws PegasusError VALIDATION_ERROR for a limit that is none */
export function readPage({ limit: text, before }: PageOptions): { limit: number; before?: string } {
  const limit = Number(text);
  if (!Number.isInteger(limit) || limit < 1 || limit > LIMITS.executionsPageMax)
    throw new PegasusError(
      'VALIDATION_ERROR',
      `--limit must be a whole number from 1 to ${LIMITS.executionsPageMax}.`,
      { hint: 'Ask for older ones with --before <id>.' },
    );
  return { limit, ...(before === undefined ? {} : { before }) };
}

/** After a full page: the command that shows what comes next. `flags` are those of the list that narrow it. */
export function noteNextPage(
  { out }: Context,
  command: string,
  rows: readonly { id: string }[],
  { limit }: PageOptions,
  flags: Record<string, string | undefined> = {},
): void {
  const last = rows.at(-1);
  if (last === undefined || rows.length < Number(limit)) return;
  const given = Object.entries({ ...flags, limit: limit === '20' ? undefined : limit })
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => ` --${name} ${value}`);
  out.note(
    out.noteColors.quiet(`older ones: pegasus-workflows ${command}${given.join('')} --before ${last.id}`),
  );
}
