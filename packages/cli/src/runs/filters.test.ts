import { describe, expect, it } from 'vitest';
import { readInstant, readLimit, readStatuses } from './filters.js';

const NOW = Date.parse('2026-03-10T12:00:00.000Z');

describe('--status', () => {
  it('reads a list, in any case, each once', () => {
    expect(readStatuses('FAILED, timed-out,failed')).toEqual(['FAILED', 'TIMED_OUT']);
  });
  it.each([
    ['FAILD', 'Did you mean FAILED?'],
    ['canceled', 'Did you mean CANCELLED?'],
    ['x', 'They are: QUEUED'],
    [' , ', 'They are: QUEUED'],
  ])('refuses %j', (text, hint) => {
    expect(() => readStatuses(text)).toThrow(
      expect.objectContaining({ exitCode: 2, hint: expect.stringContaining(hint) }),
    );
  });
});

describe('--since and --until', () => {
  it.each([
    ['90s', '2026-03-10T11:58:30.000Z'],
    ['2h', '2026-03-10T10:00:00.000Z'],
    ['3d', '2026-03-07T12:00:00.000Z'],
    ['1w', '2026-03-03T12:00:00.000Z'],
    ['2026-01-31', '2026-01-31T00:00:00.000Z'],
    ['2026-01-31T09:15', '2026-01-31T09:15:00.000Z'],
    ['2026-01-31 09:15:02', '2026-01-31T09:15:02.000Z'],
    ['2026-01-31T09:15:02.123Z', '2026-01-31T09:15:02.123Z'],
    ['2026-01-31T09:15+01:00', '2026-01-31T08:15:00.000Z'],
  ])('%s is %s', (text, iso) => expect(readInstant('--since', text, NOW)).toBe(iso));

  it.each(['yesterday', '2 h', '-2h', '2026', '2026-13-01', '', '9999999d', '2026-01-31T25:00'])(
    'refuses %j',
    (text) => {
      expect(() => readInstant('--since', text, NOW)).toThrow(
        expect.objectContaining({ exitCode: 2, message: expect.stringContaining('--since') }),
      );
    },
  );
});

it.each(['0', '201', '1.5', 'x', ''])('--limit refuses %j', (text) => {
  expect(() => readLimit(text)).toThrow(expect.objectContaining({ exitCode: 2 }));
});
