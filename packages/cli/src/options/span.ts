import { PegasusError } from '@pegasus-workflows/contracts/errors';

const SECONDS: Record<string, number> = { s: 1, m: 60, h: 3_600, d: 86_400, w: 7 * 86_400 };

/** A length of time: `90s`, `15m`, `2h`, `3d`, `1w`, or 0. @returns seconds @throws PegasusError VALIDATION_ERROR */
export function readSpan(option: string, text: string): number {
  const [, number, unit] = /^(\d{1,7})([smhdw])$/.exec(text.trim()) ?? [];
  if (number !== undefined) return Number(number) * (SECONDS[unit ?? 's'] ?? 1);
  if (text.trim() === '0') return 0;
  throw new PegasusError('VALIDATION_ERROR', `${option}: "${text}" is not a length of time.`, {
    hint: 'Write a number and a unit: 90s, 15m, 2h, 3d or 1w.',
  });
}
