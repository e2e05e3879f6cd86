import { describe, expect, it } from 'vitest';
import { printable, printableWords, visible } from './printable.js';

describe('text of whatever origin', () => {
  it.each([
    ['two\r\nlines\tand a tab', 'two\nlines\tand a tab'],
    ['\u001b[31mred\u001b[0m', 'red'],
    ['over\rwritten\u0007', 'over\ufffdwritten\ufffd'],
    ['\u202eturned', '\ufffdturned'],
    ['größe 🙂', 'größe 🙂'],
  ])('%j is shown as %j', (text, shown) => expect(printable(text)).toBe(shown));

  it('is one line where there is one', () => expect(printableWords('a\n  b\u2028\u001b[2Jc')).toBe('a b c'));

  it.each([
    ['rm -rf \u001b[2K\rls', 'rm -rf \\u{1b}[2K\\u{d}ls'],
    ['a\u200bb\u202ec', 'a\\u{200b}b\\u{202e}c'],
    ['two\nlines', 'two\nlines'],
    ['\u{e0041}', '\\u{e0041}'],
  ])('%j hides nothing from whoever judges it: %j', (text, shown) => expect(visible(text)).toBe(shown));
});
