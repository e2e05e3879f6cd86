import { describe, expect, it } from 'vitest';
import { readSpan } from './span.js';

describe('a length of time', () => {
  it.each([
    ['0', 0],
    ['0s', 0],
    ['90s', 90],
    ['15m', 900],
    [' 2h ', 7_200],
    ['3d', 259_200],
    ['1w', 604_800],
  ])('%s', (text, seconds) => {
    expect(readSpan('--overlap', text)).toBe(seconds);
  });

  it.each(['', '5', '1.5h', '-1s', '1y', '99999999s', '1h30m'])('is not %j', (text) => {
    expect(() => readSpan('--overlap', text)).toThrow(/^--overlap: ".*" is not a length of time\.$/);
  });
});
