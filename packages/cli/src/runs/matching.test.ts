import { describe, expect, it } from 'vitest';
import { readMatching } from './matching.js';

describe('which runs a batch is about', () => {
  it('is read from names and values', () => {
    expect(readMatching('status=FAILED,timed_out,since=2026-01-31')).toEqual({
      status: ['FAILED', 'TIMED_OUT'],
      since: '2026-01-31T00:00:00.000Z',
    });
    expect(readMatching('until=2026-01-31T10:00Z')).toEqual({ until: '2026-01-31T10:00:00.000Z' });
    expect(readMatching('all')).toEqual({});
  });

  it.each([
    ['statu=FAILED', 'there is no statu', 'Did you mean status?'],
    ['FAILED', '"FAILED" has no name', 'Write it as'],
    ['since=2h,3h', '"3h" has no name', 'Write it as'],
    ['status=FAILED,status=CANCELLED', 'names status twice', 'Write it as'],
    ['status=GONE', '"GONE" is not a status', 'They are'],
  ])('%s is refused', (text, sentence, hint) => {
    expect(() => readMatching(text)).toThrow(
      expect.objectContaining({
        code: 'VALIDATION_ERROR',
        message: expect.stringContaining(sentence),
        hint: expect.stringContaining(hint),
      }),
    );
  });
});
