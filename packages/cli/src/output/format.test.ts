import { describe, expect, it } from 'vitest';
import { formatBytes, formatDuration, formatTime } from './format.js';

describe('formatting', () => {
  it.each([
    [0, '0 ms'],
    [999.4, '999 ms'],
    [1000, '1.0 s'],
    [59_900, '59.9 s'],
    [59_999, '1 min 00 s'],
    [3_599_000, '59 min 59 s'],
    [7_800_000, '2 h 10 min'],
    [30 * 86_400_000, '30 d 0 h'],
    [-5, '0 ms'],
  ])('%d ms is %s', (ms, text) => expect(formatDuration(ms)).toBe(text));

  it('sizes and times', () => {
    expect(formatBytes(812)).toBe('812 B');
    expect(formatBytes(42_291)).toBe('41.3 KiB');
    expect(formatBytes(2_516_582)).toBe('2.4 MiB');
    expect(formatTime('2026-01-31T09:15:02.123Z')).toBe('2026-01-31 09:15:02');
    expect(formatTime(null)).toBe('–');
  });
});
