import { stripVTControlCharacters } from 'node:util';

/** Turns the direction of what follows, so that a line reads other than it is. */
const BIDIRECTIONAL = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/**
 * Text of whatever origin as it may be shown: it keeps its lines and tabs, and moves neither the cursor nor the direction
 * of who reads it.
 */
export function printable(text: string): string {
  return stripVTControlCharacters(text)
    .replaceAll('\r\n', '\n')
    .replace(/[^\P{Cc}\n\t]/gu, '\ufffd')
    .replace(BIDIRECTIONAL, '\ufffd');
}

/** The same on one line. */
export function printableWords(text: string): string {
  return printable(text).replace(/\s+/g, ' ').trim();
}

/**
 * Text that somebody is to judge: what could not be seen, or would change how the rest is seen, is written out. Keeps its
 * lines.
 */
export function visible(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/gu, (character) =>
    character === '\n' ? character : `\\u{${character.codePointAt(0)!.toString(16)}}`,
  );
}
