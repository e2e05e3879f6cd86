import { PegasusError } from '@pegasus-workflows/contracts/errors';
import { readInstant } from '../runs/filters.js';

const SECONDS: Record<string, number> = { s: 1, m: 60, h: 3_600, d: 86_400, w: 7 * 86_400 };
const BYTES: Record<string, number> = { '': 1, K: 1024, M: 1024 ** 2, G: 1024 ** 3, T: 1024 ** 4 };

/** `90s`, `15m`, `2h`, `3d`, `1w`, or seconds; in seconds. @throws PegasusError VALIDATION_ERROR */
export function readSeconds(flag: string, text: string): number {
  const [, number, unit = 's'] = /^(\d{1,7})([smhdw])?$/.exec(text.trim()) ?? [];
  if (number !== undefined) return Number(number) * SECONDS[unit]!;
  throw new PegasusError('VALIDATION_ERROR', `${flag}: "${text}" is not a length of time.`, {
    hint: 'Write it like 90s, 15m, 2h, 3d or 1w.',
  });
}

/**
 * How long from now, or an ISO time in UTC.
 * @returns ISO-8601 in UTC
 * @throws PegasusError VALIDATION_ERROR
 */
export function readExpiry(flag: string, text: string, now = Date.now()): string {
  if (/^\d{1,7}[smhdw]$/.test(text.trim()))
    return new Date(now + readSeconds(flag, text) * 1000).toISOString();
  try {
    return readInstant(flag, text, now);
  } catch (error) {
    throw new PegasusError('VALIDATION_ERROR', `${flag}: "${text}" is not a time.`, {
      cause: error,
      hint: 'Write in how long, such as 12h or 90d, or an ISO time in UTC, such as 2027-01-31.',
    });
  }
}

/** A whole number, or `none` for the platform's own limit. @throws PegasusError VALIDATION_ERROR */
export function readCount(flag: string, text: string): number | null {
  if (text === 'none') return null;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new PegasusError('VALIDATION_ERROR', `${flag}: "${text}" is not a whole number.`, {
    hint: "Give a number, or none for the platform's own limit.",
  });
}

/** Bytes, with `K`, `M`, `G` or `T` (powers of 1024), or `none`. @throws PegasusError VALIDATION_ERROR */
export function readBytes(flag: string, text: string): number | null {
  if (text === 'none') return null;
  const [, number, unit = ''] = /^(\d{1,12})(?:([KMGT])(?:i?B)?)?$/.exec(text) ?? [];
  const bytes = Number(number) * BYTES[unit]!;
  if (number !== undefined && Number.isSafeInteger(bytes)) return bytes;
  throw new PegasusError('VALIDATION_ERROR', `${flag}: "${text}" is not a number of bytes.`, {
    hint: "Write it like 5000000, 512K, 20M or 2G, or none for the platform's own limit.",
  });
}
