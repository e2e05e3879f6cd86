import { expect, it } from 'vitest';
import { maskNumber } from './mask.js';

it('shows too little of a number to call it', () => {
  expect(maskNumber('+4915112345678')).toBe('+49…678');
});
