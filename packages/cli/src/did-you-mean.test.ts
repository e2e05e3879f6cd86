import { describe, expect, it } from 'vitest';
import { nearest } from './did-you-mean.js';

describe('nearest', () => {
  it.each([
    ['locla', 'local'],
    ['defualt', 'default'],
    ['hello-wrld', 'hello-world'],
    ['zzz', undefined],
  ])('%s → %s', (typed, meant) => {
    expect(nearest(typed, ['default', 'local', 'hello-world'])).toBe(meant);
  });
});
