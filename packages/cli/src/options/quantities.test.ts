import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readBytes, readCount, readExpiry, readSeconds } from './quantities.js';

const refused = expect.objectContaining({ code: 'VALIDATION_ERROR', hint: expect.any(String) });

describe('quantities of the command line', () => {
  it.each([
    ['0', 0],
    ['90', 90],
    ['90s', 90],
    ['15m', 900],
    ['2h', 7_200],
    ['3d', 259_200],
    ['1w', 604_800],
  ])('%s is %i seconds', (text, seconds) => expect(readSeconds('--overlap', text)).toBe(seconds));

  it.each([
    ['5000000', 5_000_000],
    ['64K', 65_536],
    ['20M', 20 * 1024 ** 2],
    ['2GiB', 2 * 1024 ** 3],
    ['1TB', 1024 ** 4],
    ['none', null],
  ])('%s is %s bytes', (text, bytes) => expect(readBytes('--max-storage', text)).toBe(bytes));

  it('are a whole number of a known unit, or refused with what to write', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        for (const read of [readSeconds, readCount, readBytes]) {
          try {
            const value = read('--flag', text);
            expect(value === null || Number.isSafeInteger(value)).toBe(true);
            expect(text.trim()).toMatch(/^\d|^none$/);
          } catch (error) {
            expect(error).toEqual(refused);
          }
        }
      }),
    );
    for (const text of ['-1', '1.5', '', '1e9', '99999999999999999999'])
      expect(() => readBytes('--max-storage', text)).toThrow(refused);
  });

  it('say until when: from now, or an instant', () => {
    const now = Date.parse('2026-01-01T00:00:00Z');
    expect(readExpiry('--expires', '90d', now)).toBe('2026-04-01T00:00:00.000Z');
    expect(readExpiry('--expires', '2027-01-31', now)).toBe('2027-01-31T00:00:00.000Z');
    expect(() => readExpiry('--expires', 'soon', now)).toThrow(refused);
  });
});
