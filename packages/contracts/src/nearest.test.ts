import { expect, test } from 'vitest';
import { nearest } from './nearest.js';

test.each([
  ['locla', 'local'],
  ['defualt', 'default'],
  ['hello-wrld', 'hello-world'],
  ['DEFAULT', 'default'],
  ['lo', undefined],
  ['zzz', undefined],
  ['', undefined],
  ['x'.repeat(100_000), undefined],
])('%s → %s', (typed, meant) => {
  expect(nearest(typed, ['default', 'local', 'hello-world'])).toBe(meant);
});
