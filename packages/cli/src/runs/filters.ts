import { EXECUTION_STATUSES, LIMITS, type ExecutionStatus } from '@pegasus-workflows/contracts';
import { PegasusError } from '@pegasus-workflows/contracts/errors';
import { nearest } from '@pegasus-workflows/contracts/nearest';

/** `FAILED,timed_out`: statuses, each once. @throws PegasusError VALIDATION_ERROR with the nearest one */
export function readStatuses(text: string, option = '--status'): ExecutionStatus[] {
  const statuses = text
    .split(',')
    .map((part) => part.trim().toUpperCase().replaceAll('-', '_'))
    .filter((part) => part !== '')
    .map((part) => readStatus(part, option));
  if (statuses.length > 0) return [...new Set(statuses)];
  throw new PegasusError('VALIDATION_ERROR', `${option} names no status.`, {
    hint: `They are: ${EXECUTION_STATUSES.join(', ')}.`,
  });
}

function readStatus(text: string, option: string): ExecutionStatus {
  const found = EXECUTION_STATUSES.find((status) => status === text);
  if (found) return found;
  const guess = nearest(text, EXECUTION_STATUSES);
  throw new PegasusError('VALIDATION_ERROR', `${option}: "${text}" is not a status.`, {
    hint: guess ? `Did you mean ${guess}?` : `They are: ${EXECUTION_STATUSES.join(', ')}.`,
  });
}

const UNITS: Record<string, number> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 7 * 86_400_000,
};
const DATE = /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?)?$/;

/**
 * An instant: ISO-8601 (without a zone it is UTC), or how long ago: `90s`, `15m`, `2h`, `3d`, `1w`.
 * @param flag for the message
 * @returns ISO-8601 in UTC
 * @throws PegasusError VALIDATION_ERROR
 */
export function readInstant(flag: string, text: string, now = Date.now()): string {
  const [, number, unit = ''] = /^(\d{1,6})([smhdw])$/.exec(text.trim()) ?? [];
  if (number !== undefined) return new Date(now - Number(number) * (UNITS[unit] ?? 0)).toISOString();
  if (DATE.test(text)) {
    const iso = text.replace(' ', 'T');
    const zoned = /(?:Z|[+-]\d\d:?\d\d)$/.test(iso) ? iso : `${iso}${iso.includes('T') ? '' : 'T00:00'}Z`;
    const time = Date.parse(zoned);
    if (!Number.isNaN(time)) return new Date(time).toISOString();
  }
  throw new PegasusError('VALIDATION_ERROR', `${flag}: "${text}" is not a time.`, {
    hint: 'Write how long ago, such as 2h or 3d, or an ISO time in UTC, such as 2026-01-31 or 2026-01-31T09:15Z.',
  });
}

/** `--limit`. @throws PegasusError VALIDATION_ERROR */
export function readLimit(text: string): number {
  const limit = Number(text);
  if (Number.isInteger(limit) && limit >= 1 && limit <= LIMITS.executionsPageMax) return limit;
  throw new PegasusError(
    'VALIDATION_ERROR',
    `--limit must be a whole number from 1 to ${LIMITS.executionsPageMax}.`,
    { hint: 'Ask for older ones with --before <execution>.' },
  );
}
