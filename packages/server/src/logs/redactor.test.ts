import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { REDACTED, redactorOf, SHORTEST } from './redactor.js';

/** Cites the invariants of `redactor.ts`. */
const secret = fc.string({ unit: 'grapheme', minLength: SHORTEST, maxLength: 60 }).filter(
  // What stands for a value may be a part of one.
  (value) => value.trim().length >= SHORTEST && !REDACTED.includes(value) && !value.includes('['),
);
const filler = fc.string({ unit: 'grapheme', maxLength: 30 });

const encodings: Record<string, (value: string) => string> = {
  plain: (value) => value,
  percent: encodeURIComponent,
  form: (value) => new URLSearchParams({ v: value }).toString().slice(2),
  'lower percent': (value) => encodeURIComponent(value).replace(/%../g, (code) => code.toLowerCase()),
  json: (value) => JSON.stringify(value).slice(1, -1),
  base64: (value) => Buffer.from(value).toString('base64'),
  base64url: (value) => Buffer.from(value).toString('base64url'),
};

describe('the redactor', () => {
  it.each(Object.entries(encodings))('1: leaves no value in any text: %s', (name, encode) => {
    fc.assert(
      fc.property(
        fc.array(secret, { minLength: 1, maxLength: 8 }),
        filler,
        filler,
        (values, before, after) => {
          const redactor = redactorOf(values);
          for (const value of values) {
            const form = encode(value);
            // Of base64 the last characters, and its padding, depend on what follows.
            const own = name.startsWith('base64') ? form.replace(/=+$/, '').slice(0, -1) : form;
            expect(redactor.text(`${before}${form}${after}`)).not.toContain(own);
          }
        },
      ),
    );
  });

  it('1: finds a value in the base64 of something longer', () => {
    fc.assert(
      fc.property(secret, fc.nat(5), (value, offset) => {
        const text = Buffer.from(`${'user:'.slice(0, offset)}${value} and more`).toString('base64');
        expect(redactorOf([value]).text(text)).toContain(REDACTED);
      }),
    );
  });

  it('1: takes the lines of a value that has several, and a value without its last line feed', () => {
    const key = '-----BEGIN KEY-----\nMIIEvQIBADANBg\nkqhkiG9w0BAQE\n-----END KEY-----\n';
    const redactor = redactorOf([key, 'one line\n']);
    for (const line of ['MIIEvQIBADANBg', 'kqhkiG9w0BAQE', 'one line', key.trim()])
      expect(redactor.text(`it is ${line}.`)).toBe(`it is ${REDACTED}.`);
  });

  it('2: a text that was cut off does not end in the beginning of a value', () => {
    fc.assert(
      fc.property(secret, filler, fc.nat(), (value, before, at) => {
        const length = SHORTEST + (at % (value.length - SHORTEST + 1));
        const cut = `${before}${value}`.slice(0, before.length + length);
        expect(redactorOf([value]).text(cut, true)).not.toContain(value.slice(0, length));
      }),
    );
    const long = Array.from({ length: 4_000 }, (_, n) => n * n).join(' ');
    expect(redactorOf([long]).text(`-${long.slice(0, 8_000)}`, true)).toBe(`-${REDACTED}`);
  });

  it('3: takes values that overlap together', () => {
    expect(redactorOf(['abcdefgh', 'efghijkl', 'jklmnopq']).text('<abcdefghijklmnopq>')).toBe(
      `<${REDACTED}>`,
    );
    expect(redactorOf(['abcdef', 'abcdefghij']).text('abcdefghij')).toBe(REDACTED);
  });

  it('4: leaves a text out that would take too long', () => {
    const values = Array.from({ length: 500 }, (_, n) => `${'a'.repeat(100)}${n}`);
    expect(redactorOf(values).text('a'.repeat(8_192))).toBe(REDACTED);
  });

  it('takes keys and numbers of JSON, and the platform’s own credentials', () => {
    const redactor = redactorOf(['hunter22', '123456']);
    expect(redactor.json({ hunter22: [{ pin: 123456, ok: 12 }, 'is hunter22', null, true] })).toEqual({
      [REDACTED]: [{ pin: REDACTED, ok: 12 }, `is ${REDACTED}`, null, true],
    });
    const key = `vnd_${'aB3'.repeat(13)}x`;
    const token = `eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTYifQ.${'s'.repeat(43)}`;
    for (const credential of [key, token]) {
      expect(redactor.text(`use ${credential} now`)).toBe(`use ${REDACTED} now`);
      expect(redactor.text(`use ${credential.slice(0, 30)}`, true)).toBe(`use ${REDACTED}`);
    }
  });

  it('leaves ordinary text as it is, and short values in it', () => {
    const redactor = redactorOf(['0123456789abcdef']);
    fc.assert(fc.property(filler, (text) => void expect(redactor.text(text)).toBe(text)));
    expect(redactorOf(['abc', '']).text('abcdef')).toBe('abcdef');
  });
});
