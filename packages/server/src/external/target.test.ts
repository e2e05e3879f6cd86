import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { targetOf } from './target.js';

const PIECES = [
  '/',
  '//',
  '.',
  '..',
  '%2e',
  '%2E%2e',
  '%252e',
  '%2f',
  '%5c',
  '\\',
  'a',
  'ü',
  '%',
  '?',
  '#',
  '@',
  ':',
];

describe('the target of a call (caller invariant 1)', () => {
  it('is below the base URL for every path that is taken, however often it is decoded', () => {
    const path = fc.array(fc.oneof(fc.constantFrom(...PIECES), fc.string()), { maxLength: 8 });
    fc.assert(
      fc.property(path, fc.constantFrom('https://api.test/v1', 'https://api.test/'), (pieces, base) => {
        let url: URL;
        try {
          url = targetOf(base, `/${pieces.join('')}`);
        } catch {
          return;
        }
        expect(url.origin).toBe('https://api.test');
        let { pathname } = url;
        for (let i = 0; i < 4; i += 1) {
          const landed = new URL(`https://api.test${pathname.replaceAll('\\', '/')}`).pathname;
          expect(landed.startsWith(new URL(base).pathname)).toBe(true);
          pathname = pathname.replaceAll(/%(2e|2f|5c|25)/gi, decodeURIComponent);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it.each([
    ['https://api.test/v1/', '/a', 'https://api.test/v1/a'],
    ['https://api.test', '/', 'https://api.test/'],
    ['https://api.test/v1', '/a/', 'https://api.test/v1/a/'],
    ['https://api.test/v1', '/a%2Fb', 'https://api.test/v1/a%2Fb'],
    ['https://api.test/v1', '/ü', 'https://api.test/v1/%C3%BC'],
    ['https://api.test/v1', '/a..b/...', 'https://api.test/v1/a..b/...'],
    ['https://api.test/v1', '/a:b@c', 'https://api.test/v1/a:b@c'],
  ])('of %s and %s is %s', (base, path, url) => {
    expect(targetOf(base, path).href).toBe(url);
  });

  it('carries every value of the query', () => {
    const query = { a: ['1&2', true], b: 'ü?#', '': 0 };
    expect(targetOf('https://api.test/v1', '/', query).search).toBe('?a=1%262&a=true&b=%C3%BC%3F%23&=0');
  });
});
