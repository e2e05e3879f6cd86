import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { maskKey, maskKeys } from './mask.js';

const key = fc.stringMatching(/^vnd_[A-Za-z0-9_-]{20,48}$/);

describe('masking', () => {
  it('leaves no key in any text', () => {
    fc.assert(
      fc.property(fc.string(), key, fc.string(), (before, secret, after) => {
        const masked = maskKeys(`${before} ${secret} ${after}`);
        expect(masked).not.toContain(secret.slice(4, -4));
        expect(masked).toContain(`vnd_…${secret.slice(-4)}`);
      }),
    );
  });

  it('shows nothing of a short key or of a foreign token', () => {
    expect(maskKey('vnd_abcd1234')).toBe('…');
    expect(maskKey('eyJhbGciOi.something.long')).toBe('…');
    expect(maskKeys('the key vnd_abcd is wrong')).toBe('the key vnd_… is wrong');
  });
});
