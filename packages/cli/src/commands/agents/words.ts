import { PegasusError } from '@pegasus-workflows/contracts/errors';
import { nearest } from '@pegasus-workflows/contracts/nearest';

/**
 * One of a closed set of words, however its parts are written: `acceptEdits`, `accept-edits`.
 *
 * @throws PegasusError VALIDATION_ERROR with the nearest one, or all of them
 */
export function readWord<T extends string>(option: string, text: string, words: readonly T[]): T {
  const found = words.find((word) => plain(word) === plain(text));
  if (found !== undefined) return found;
  const guess = nearest(text, words);
  throw new PegasusError('VALIDATION_ERROR', `${option}: "${text}" is not one of its values.`, {
    hint: guess ? `Did you mean ${guess}?` : `They are: ${words.join(', ')}.`,
  });
}

function plain(word: string): string {
  return word.replace(/[-_ ]/g, '').toLowerCase();
}
