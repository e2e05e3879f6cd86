import { stripVTControlCharacters } from 'node:util';

/** East Asian wide characters and emoji take two columns of a terminal. */
const WIDE =
  /\p{Emoji_Presentation}|[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|[\u{20000}-\u{3fffd}]/u;
const ZERO = /\p{Mark}|[\u200b-\u200f\u2060\ufe00-\ufe0f]/u;

/** Columns that a text takes on a terminal, colour codes not counted. */
export function displayWidth(text: string): number {
  let width = 0;
  for (const character of stripVTControlCharacters(text)) width += widthOf(character);
  return width;
}

function widthOf(character: string): number {
  if (ZERO.test(character)) return 0;
  return WIDE.test(character) ? 2 : 1;
}

/** A colour code, or one character. */

const PART = /\u001b\[[\d;]*m|[^]/gu;

/** Cuts a line to `columns` and says so with `…`; colours that were begun are ended. */
export function clip(line: string, columns: number): string {
  if (displayWidth(line) <= columns) return line;
  let kept = '';
  let width = 0;
  let colored = false;
  for (const [part] of line.matchAll(PART)) {
    if (part.startsWith('\u001b')) {
      kept += part;
      colored = true;
      continue;
    }
    if (width + widthOf(part) > columns - 1) break;
    kept += part;
    width += widthOf(part);
  }
  return `${kept}…${colored ? '\u001b[0m' : ''}`;
}
